"""Weights as safetensors that carry their configuration, training record and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from generator.cascade.identityinputs import WEIGHTS
from generator.grid.errors import WeightsError
from generator.grid.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED
from generator.memory.bank import Bank
from generator.memory.bankfile import from_tensors, to_tensors
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

_ENCODER, _MEMORY = "encoder/", "memory/"
Config = TypeVar("Config")
Made = TypeVar("Made", bound=nn.Module)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network ready for inference and what is known about it.

    specialists: by zoom, networks of stages that have one of their own; of the same configuration.
    encoder, bank: of a layout decoder, what makes its codes and its own memory, where it has them.
    encoder_digest: hexadecimal; memories belong to the encoder that made their codes.
    """

    network: AnyNetwork
    sampler: SamplerConfig
    record: dict[str, Any]
    digest: str
    specialists: Mapping[int, AnyNetwork] = field(default_factory=dict)
    encoder: Encoder | None = None
    bank: Bank | None = None
    encoder_digest: str = ""

    def network_of(self, zoom: int) -> AnyNetwork:
        """Return the network of a stage."""
        return self.specialists.get(zoom, self.network)


def save(
    path: Path,
    network: AnyNetwork,
    sampler: SamplerConfig,
    record: dict[str, Any],
    specialists: Mapping[int, AnyNetwork] | None = None,
    encoder: Encoder | None = None,
    bank: Bank | None = None,
) -> None:
    """Write weights in bfloat16 with their configuration and training record (a JSON object).

    specialists: networks of the same configuration for single stages, by zoom. Their tensors'
    names begin with the zoom, as in 15/stem.weight. Raises ValueError for other networks.
    encoder, bank: of a layout decoder; names begin with encoder/ and memory/.
    """
    networks: dict[str, nn.Module] = {"": network}
    networks |= {f"{zoom}/": own for zoom, own in (specialists or {}).items()}
    if any(own.config != network.config for own in networks.values()):
        raise ValueError(f"networks of other configurations, expected {network.config}")
    if encoder is not None:
        networks[_ENCODER] = encoder
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        prefix + name: value
        for prefix, own in networks.items()
        for name, value in _rounded(own).items()
    }
    held: dict[str, str] = {}
    if bank is not None:
        arrays, held["memory"] = to_tensors(bank)
        tensors |= {_MEMORY + name: torch.tensor(array) for name, array in arrays.items()}
    metadata = held | {
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
    parts: dict[str, dict[str, torch.Tensor]] = {"": {}, "encoder": {}, "memory": {}}
    for name, value in tensors.items():
        part, slash, rest = name.partition("/")
        parts.setdefault(part if slash else "", {})[rest if slash else name] = value
    own_encoder, own_memory = parts.pop("encoder"), parts.pop("memory")
    if strangers := parts.keys() - {"", *map(str, STAGE_ZOOMS)}:
        raise WeightsError(
            f"{path} holds weights of the stages {', '.join(sorted(strangers))}, expected some of "
            f"{STAGE_ZOOMS_LISTED}"
        )
    try:
        networks = {zoom: _network(build, config, own) for zoom, own in parts.items()}
        encoder = None
        if own_encoder and isinstance(config, LayoutConfig):
            encoder = _network(Encoder, config, own_encoder)
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the tensors in {path} do not fit its own configuration {config}"
        ) from error
    record = json.loads(metadata.get("record", "{}"))
    network = networks.pop("")
    specialists = {int(zoom): own for zoom, own in sorted(networks.items())}
    named = "" if encoder is None else digest_of(encoder)
    bank = None
    if own_memory:
        arrays = {name: value.numpy() for name, value in own_memory.items()}
        bank = from_tensors(arrays, metadata.get("memory", ""), named)
    sampler = sampler_from_json(metadata["sampler"])
    return Checkpoint(network, sampler, record, digest, specialists, encoder, bank, named)


def digest_of(network: nn.Module) -> str:
    """Return the hexadecimal digest of a network's weights, as they are stored."""
    digest = hashlib.sha256()
    for name, value in sorted(_rounded(network).items()):
        digest.update(f"{name} {tuple(value.shape)}".encode())
        digest.update(value.view(torch.int16).numpy().astype("<i2").tobytes())
    return digest.hexdigest()


def _rounded(network: nn.Module) -> dict[str, torch.Tensor]:
    return {
        name: value.detach().to("cpu", torch.bfloat16).contiguous()
        for name, value in network.state_dict().items()
    }


def _network(
    make: Callable[[Config], Made], config: Config, tensors: dict[str, torch.Tensor]
) -> Made:
    """Build a network for inference. Raises RuntimeError or ValueError for other tensors."""
    with torch.device("meta"):
        network = make(config)
    network.load_state_dict(tensors, assign=True)
    return network.float().eval().requires_grad_(False)


def describe_config(config: AnyConfig) -> dict[str, Any]:
    """Return the network's configuration as a JSON object."""
    described: dict[str, Any] = json.loads(to_json(config))
    return described
