"""Weights as safetensors that carry their configuration, training record and digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from generator.build import AnyNetwork, build
from generator.circumstances import WEIGHTS
from generator.config import (
    AnyConfig,
    SamplerConfig,
    network_from_json,
    sampler_from_json,
    to_json,
)
from generator.errors import WeightsError

FORMAT = "elsewhere-1"
"""Version of the weights' layout and meaning; other versions are refused."""

DEFAULT = WEIGHTS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network ready for inference and what is known about it."""

    network: AnyNetwork
    sampler: SamplerConfig
    record: dict[str, Any]
    digest: str


def save(path: Path, network: AnyNetwork, sampler: SamplerConfig, record: dict[str, Any]) -> None:
    """Write weights in bfloat16 with their configuration and training record (a JSON object)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: value.detach().to("cpu", torch.bfloat16).contiguous()
        for name, value in network.state_dict().items()
    }
    metadata = {
        "format": FORMAT,
        "network": to_json(network.config),
        "sampler": to_json(sampler),
        "record": json.dumps(record, sort_keys=True),
    }
    save_file(tensors, path, metadata)


def load(path: Path | None = None) -> Checkpoint:
    """Read weights; raises WeightsError if they are missing, damaged or of another version."""
    path = path or DEFAULT
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - not a dict
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"cannot read the weights {path}: {error}") from error
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} holds weights of format {metadata.get('format')!r}, expected {FORMAT!r}"
        )
    config = network_from_json(metadata["network"])
    try:
        with torch.device("meta"):
            network = build(config)
        network.load_state_dict(tensors, assign=True)
        network.float()
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the tensors in {path} do not fit its own configuration {config}"
        ) from error
    network.eval().requires_grad_(False)
    record = json.loads(metadata.get("record", "{}"))
    return Checkpoint(network, sampler_from_json(metadata["sampler"]), record, digest)


def describe_config(config: AnyConfig) -> dict[str, Any]:
    """Return the network's configuration as a JSON object."""
    described: dict[str, Any] = json.loads(to_json(config))
    return described
