"""Weights as safetensors that carry their configuration, training record and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from generator.atomicfile import atomic_replace
from generator.cascade.identityinputs import WEIGHTS
from generator.grid.errors import WeightsError
from generator.grid.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
from generator.memory import reorientation as reorientations
from generator.memory.bank import Bank
from generator.memory.bankfile import from_tensors, to_tensors
from generator.memory.reorientation import Reorientation
from generator.nets.build import AnyNetwork, build
from generator.nets.config import (
    AnyConfig,
    LayoutConfig,
    SamplerConfig,
    network_from_json,
    sampler_from_json,
    to_json,
)
from generator.nets.encoder import Encoder

FORMAT = "elsewhere-1"
"""Version of the weights' layout and meaning; other versions are refused."""

DEFAULT = WEIGHTS

_ENCODER, _MEMORY, _REORIENTATION = "encoder/", "memory/", "reorientation/"
_BESIDE = tuple(prefix.rstrip("/") for prefix in (_ENCODER, _MEMORY, _REORIENTATION))
"""What stands beside the networks of stages."""

Tensors = dict[str, torch.Tensor]
Config = TypeVar("Config")
Made = TypeVar("Made", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """A network ready for inference and what is known about it.

    specialists: by zoom, networks of stages that have one of their own; of the same configuration.
    bank: of a layout decoder, its own memory, where it has one. encoder_weights: of the network
    that makes its codes, empty without; encoder_digest: hexadecimal; memories belong to the
    encoder that made their codes. reorientation: what turned codes become, where the weights say.
    """

    network: AnyNetwork
    sampler: SamplerConfig
    record: dict[str, Any]
    digest: str
    specialists: Mapping[int, AnyNetwork] = field(default_factory=dict)
    bank: Bank | None = None
    encoder_weights: Mapping[str, torch.Tensor] = field(default_factory=dict)
    encoder_digest: str = ""
    reorientation: Reorientation | None = None

    def network_of(self, zoom: int) -> AnyNetwork:
        """Return the network of a stage."""
        return self.specialists.get(zoom, self.network)

    @cached_property
    def encoder(self) -> Encoder | None:
        """The encoder of layout codes, built when first asked for: tiles are made without it.

        Raises WeightsError for tensors of another configuration.
        """
        config = self.network.config
        if not self.encoder_weights or not isinstance(config, LayoutConfig):
            return None
        return _network(Encoder, config, self.encoder_weights, "its encoder")


def save(
    path: Path,
    network: AnyNetwork,
    sampler: SamplerConfig,
    record: dict[str, Any],
    specialists: Mapping[int, AnyNetwork] | None = None,
    encoder: Encoder | None = None,
    bank: Bank | None = None,
    reorientation: Reorientation | None = None,
) -> None:
    """Write weights in bfloat16 with their configuration and training record (a JSON object).

    specialists: networks of the same configuration for single stages, by zoom. Their tensors'
    names begin with the zoom, as in 15/stem.weight. Raises ValueError for other networks.
    encoder, bank, reorientation: of a layout decoder; names begin with encoder/, memory/ and
    reorientation/.
    """
    # Names of tensors: none before the common network's, a prefix before the others'.
    networks: dict[str, nn.Module] = {"": network}
    networks |= {f"{zoom}/": own for zoom, own in (specialists or {}).items()}
    if any(own.config != network.config for own in networks.values()):
        raise ValueError(f"networks of other configurations, expected {network.config}")
    if encoder is not None:
        networks[_ENCODER] = encoder
    tensors = {
        prefix + name: value
        for prefix, own in networks.items()
        for name, value in _rounded(own).items()
    }
    # The memory is tensors of bytes and a text.
    metadata: dict[str, str] = {}
    if bank is not None:
        arrays, metadata["memory"] = to_tensors(bank)
        tensors |= {_MEMORY + name: torch.tensor(array) for name, array in arrays.items()}
    if reorientation is not None:
        layers = reorientations.to_tensors(reorientation)
        tensors |= {_REORIENTATION + name: torch.tensor(array) for name, array in layers.items()}
    metadata |= {
        "format": FORMAT,
        "network": to_json(network.config),
        "sampler": to_json(sampler),
        "record": json.dumps(record, sort_keys=True),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_replace(path) as part:
        save_file(tensors, part, metadata)


def load(path: Path | None = None) -> Checkpoint:
    """Read weights; raises WeightsError if they are missing, damaged or of another version."""
    path = path or DEFAULT
    # What the file holds, sorted by network.
    digest, metadata, tensors = _read(path)
    config = network_from_json(metadata["network"])
    parts = _parts(path, tensors)
    encoder, memory = parts.pop("encoder"), parts.pop("memory")
    turned = {name: value.numpy() for name, value in parts.pop("reorientation").items()}
    encoder = encoder if isinstance(config, LayoutConfig) else {}
    # Networks, ready for inference.
    networks = {zoom: _network(build, config, own, str(path)) for zoom, own in parts.items()}
    # The digest is that of the tensors as they are stored, so no encoder is needed for it.
    named = _digest(encoder) if encoder else ""
    bank = None
    # The bank, which must be of this encoder.
    if memory:
        arrays = {name: value.numpy() for name, value in memory.items()}
        bank = from_tensors(arrays, metadata.get("memory", ""), named)
    return Checkpoint(
        network=networks.pop(""),
        sampler=sampler_from_json(metadata["sampler"]),
        record=json.loads(metadata.get("record", "{}")),
        digest=digest,
        specialists={int(zoom): own for zoom, own in sorted(networks.items())},
        bank=bank,
        encoder_weights=encoder,
        encoder_digest=named,
        reorientation=reorientations.from_tensors(turned) if turned else None,
    )


def digest_of(network: nn.Module) -> str:
    """Return the hexadecimal digest of a network's weights, as they are stored."""
    return _digest(_rounded(network))


def _read(path: Path) -> tuple[str, dict[str, str], Tensors]:
    """Return the digest, the metadata and the tensors of a file. Raises WeightsError."""
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
    return digest, metadata, tensors


def _parts(path: Path, tensors: Tensors) -> dict[str, Tensors]:
    """Sort tensors by the first part of their names: "", a zoom, or what else weights hold.

    Raises WeightsError for the zoom of no stage that weights may have.
    """
    parts: dict[str, Tensors] = {name: {} for name in ("", *_BESIDE)}
    for name, value in tensors.items():
        part, slash, rest = name.partition("/")
        parts.setdefault(part if slash else "", {})[rest if slash else name] = value
    if strangers := parts.keys() - {"", *_BESIDE, *map(str, STAGE_ZOOMS)}:
        raise WeightsError(
            f"{path} holds weights of the stages {', '.join(sorted(strangers))}, expected some of "
            f"{STAGE_ZOOMS_LISTED}"
        )
    return parts


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the hexadecimal digest of tensors in bfloat16, with their names and shapes."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.view(torch.int16).numpy().astype("<i2").tobytes())
    return digest.hexdigest()


def _rounded(network: nn.Module) -> Tensors:
    """Return a network's weights as they are stored, in bfloat16."""
    return {
        name: value.detach().to("cpu", torch.bfloat16).contiguous()
        for name, value in network.state_dict().items()
    }


def _network(
    make: Callable[[Config], Made], config: Config, tensors: Mapping[str, torch.Tensor], where: str
) -> Made:
    """Build a network for inference. Raises WeightsError for tensors of another configuration."""
    try:
        with torch.device("meta"):
            network = make(config)
        network.load_state_dict(dict(tensors), assign=True)
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the tensors in {where} do not fit its own configuration {config}"
        ) from error
    return network.float().eval().requires_grad_(False)


def describe_config(config: AnyConfig) -> dict[str, Any]:
    """Return the network's configuration as a JSON object."""
    described: dict[str, Any] = json.loads(to_json(config))
    return described
