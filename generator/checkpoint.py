"""Weights as safetensors that carry their configuration, training record and digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
from generator.tile import STAGE_ZOOMS, STAGE_ZOOMS_LISTED

FORMAT = "elsewhere-1"
"""Version of the weights' layout and meaning; other versions are refused."""

DEFAULT = WEIGHTS


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A network ready for inference and what is known about it.

    specialists: by zoom, networks of stages that have one of their own; of the same configuration.
    """

    network: AnyNetwork
    sampler: SamplerConfig
    record: dict[str, Any]
    digest: str
    specialists: Mapping[int, AnyNetwork] = field(default_factory=dict)

    def network_of(self, zoom: int) -> AnyNetwork:
        """Return the network of a stage."""
        return self.specialists.get(zoom, self.network)


def save(
    path: Path,
    network: AnyNetwork,
    sampler: SamplerConfig,
    record: dict[str, Any],
    specialists: Mapping[int, AnyNetwork] | None = None,
) -> None:
    """Write weights in bfloat16 with their configuration and training record (a JSON object).

    specialists: networks of the same configuration for single stages, by zoom. Their tensors'
    names begin with the zoom, as in 15/stem.weight. Raises ValueError for other networks.
    """
    networks = {"": network} | {f"{zoom}/": own for zoom, own in (specialists or {}).items()}
    if any(own.config != network.config for own in networks.values()):
        raise ValueError(f"networks of other configurations, expected {network.config}")
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {
        prefix + name: value.detach().to("cpu", torch.bfloat16).contiguous()
        for prefix, own in networks.items()
        for name, value in own.state_dict().items()
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
    parts: dict[str, dict[str, torch.Tensor]] = {"": {}}
    for name, value in tensors.items():
        zoom, _, rest = name.rpartition("/")
        parts.setdefault(zoom, {})[rest] = value
    if strangers := parts.keys() - {"", *map(str, STAGE_ZOOMS)}:
        raise WeightsError(
            f"{path} holds weights of the stages {', '.join(sorted(strangers))}, expected some of "
            f"{STAGE_ZOOMS_LISTED}"
        )
    try:
        networks = {zoom: _network(config, own) for zoom, own in parts.items()}
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"the tensors in {path} do not fit its own configuration {config}"
        ) from error
    record = json.loads(metadata.get("record", "{}"))
    network = networks.pop("")
    specialists = {int(zoom): own for zoom, own in sorted(networks.items())}
    return Checkpoint(network, sampler_from_json(metadata["sampler"]), record, digest, specialists)


def _network(config: AnyConfig, tensors: dict[str, torch.Tensor]) -> AnyNetwork:
    """Build a network for inference. Raises RuntimeError or ValueError for other tensors."""
    with torch.device("meta"):
        network = build(config)
    network.load_state_dict(tensors, assign=True)
    return network.float().eval().requires_grad_(False)


def describe_config(config: AnyConfig) -> dict[str, Any]:
    """Return the network's configuration as a JSON object."""
    described: dict[str, Any] = json.loads(to_json(config))
    return described
