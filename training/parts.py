"""A run's state as files of bounded size, and back: for machines that let only small files out.

Layout of a folder: `state.json` (step, what was kept, digest of every part) and `state.0.part`,
`state.1.part` ...: one safetensors file, cut.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors
from torch import Tensor

from training.errors import TrainingError
from training.state import STATE

INDEX = "state.json"
MIB = 2**20
FORMAT = "elsewhere-parts-1"


@dataclass(frozen=True, slots=True)
class Keep:
    """What a set of parts keeps of a state, and how precisely.

    weights, moments: type of the float32 tensors of networks, and of the optimisers' moments;
    None leaves the moments out, to be gathered anew.
    """

    name: str
    weights: torch.dtype
    moments: torch.dtype | None


KEEPS = (
    Keep("exact", torch.float32, torch.float32),
    Keep("half-moments", torch.float32, torch.bfloat16),
    Keep("weights", torch.float32, None),
    Keep("half", torch.bfloat16, torch.bfloat16),
    Keep("half-weights", torch.bfloat16, None),
)
"""From the fullest to the smallest; 16, 12, 8, 8 and 4 bytes per parameter."""


def split(
    state: dict[str, Any], out: Path, part_mib: float = 15.5, limit_mib: float = 60.0,
    keep: str | None = None,
) -> Keep:  # fmt: skip
    """Write a state (as torch.save had it) to `out` in parts; returns what was kept.

    part_mib, limit_mib: most of one part, and of all. keep: a name of KEEPS, or None for the
    fullest that fits. Parts that were there are replaced, the index last: a set that was
    interrupted is recognised. Raises TrainingError where even the smallest does not fit.
    """
    known = {k.name: k for k in KEEPS}
    if keep is not None and keep not in known:
        raise TrainingError(f"cannot keep {keep!r}, expected one of {', '.join(known)}")
    for chosen in KEEPS if keep is None else (known[keep],):
        whole = _encode(state, chosen)
        if len(whole) <= limit_mib * MIB:
            break
    else:
        raise TrainingError(
            f"the state takes {len(whole) / MIB:.1f} MiB even as {chosen.name!r}, "
            f"expected at most {limit_mib:g} MiB"
        )
    out.mkdir(parents=True, exist_ok=True)
    size = int(part_mib * MIB)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]
    index = {
        "format": FORMAT,
        "step": state["step"],
        "kept": chosen.name,
        "sha256": [hashlib.sha256(piece).hexdigest() for piece in pieces],
    }
    for number, piece in enumerate(pieces):
        _replace(out / f"state.{number}.part", piece)
    for number in range(len(pieces), len(list(out.glob("state.*.part")))):
        (out / f"state.{number}.part").unlink(missing_ok=True)
    _replace(out / INDEX, json.dumps(index).encode())
    return chosen


def join(folder: Path) -> dict[str, Any]:
    """Read the state back from its parts, in the types it had; raises TrainingError.

    Optimisers whose moments were left out have an empty state.
    """
    try:
        index = json.loads((folder / INDEX).read_text())
        digests = index["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f"{folder} holds no parts of a state: {INDEX} cannot be read"
        ) from error
    if index.get("format") != FORMAT:
        raise TrainingError(
            f"{folder / INDEX} has format {index.get('format')!r}, expected {FORMAT!r}"
        )
    pieces = [_read_part(folder / f"state.{number}.part", d) for number, d in enumerate(digests)]
    whole = b"".join(pieces)
    try:
        tensors = read_tensors(whole)
        plan = _plan(whole)
    except (SafetensorError, ValueError, KeyError) as error:
        raise TrainingError(f"the parts in {folder} do not make a state: {error}") from error
    state: dict[str, Any] = _decode(plan, tensors)
    return state


def join_to(folder: Path, run: Path) -> int:
    """Write the joined state to `run`, where `train` continues it; returns its step."""
    state = join(folder)
    run.mkdir(parents=True, exist_ok=True)
    partial = run / (STATE + ".part")
    torch.save(state, partial)
    os.replace(partial, run / STATE)
    return int(state["step"])


def _encode(state: dict[str, Any], keep: Keep) -> bytes:
    tensors: dict[str, Tensor] = {}

    def plan(value: Any, kind: torch.dtype | None) -> Any:
        if isinstance(value, Tensor):
            name = str(len(tensors))
            original = str(value.dtype).removeprefix("torch.")
            wanted = kind if value.dtype == torch.float32 and value.dim() else value.dtype
            # A copy: tensors that share memory are refused.
            tensors[name] = value.detach().to("cpu", wanted, copy=True).contiguous()
            return {"tensor": name, "dtype": original}
        if isinstance(value, dict):
            if value.keys() == {"state", "param_groups"}:
                kept = value["state"] if keep.moments else {}
                value = {"state": kept, "param_groups": value["param_groups"]}
                kind = keep.moments
            return {"dict": [[key, plan(item, kind)] for key, item in value.items()]}
        if isinstance(value, (list, tuple)):
            return {type(value).__name__: [plan(item, kind) for item in value]}
        return {"value": value}

    text = json.dumps(plan(state, keep.weights))
    return write_tensors(tensors, {"plan": text})


def _plan(whole: bytes) -> Any:
    length = int.from_bytes(whole[:8], "little")
    return json.loads(json.loads(whole[8 : 8 + length])["__metadata__"]["plan"])


def _decode(plan: Any, tensors: dict[str, Tensor]) -> Any:
    ((kind, value),) = [(k, v) for k, v in plan.items() if k != "dtype"]
    if kind == "tensor":
        return tensors[value].to(getattr(torch, plan["dtype"]))
    if kind == "dict":
        return {key: _decode(item, tensors) for key, item in value}
    if kind == "list":
        return [_decode(item, tensors) for item in value]
    if kind == "tuple":
        return tuple(_decode(item, tensors) for item in value)
    return value


def _read_part(path: Path, digest: str) -> bytes:
    try:
        piece = path.read_bytes()
    except OSError as error:
        raise TrainingError(f"the part {path} is missing: {error.strerror}") from error
    if hashlib.sha256(piece).hexdigest() != digest:
        raise TrainingError(f"the part {path} is damaged or of another set, its digest differs")
    return piece


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name("." + path.name)
    partial.write_bytes(content)
    os.replace(partial, path)
