"""Frozen configurations of the network and the sampler, with JSON in and out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from generator.errors import WeightsError


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The exact convolutional U-Net on the parent's grid.

    widths: channels at the parent's grid and at half of it.
    blocks: ResBlocks before, inside and after the half-resolution level.
    embedding: width of the time, resolution and augmentation embedding.
    """

    widths: tuple[int, int] = (96, 192)
    blocks: tuple[int, int, int] = (2, 3, 2)
    embedding: int = 192

    @property
    def reach(self) -> int:
        """Parent pixels that the unpadded convolutions consume on each side."""
        before, middle, after = self.blocks
        return 1 + 2 * before + 4 * middle + 2 * after + 1


PRESETS: dict[str, NetworkConfig] = {
    "exact-s": NetworkConfig(),
    "exact-tiny": NetworkConfig(widths=(16, 32), blocks=(1, 1, 1), embedding=32),
}


@dataclass(frozen=True, slots=True)
class SamplerConfig:
    """How a stage turns noise into pixels.

    steps: DDIM evaluations per tile (eta = 0). One is the few-step default.
    augmentation: strength in [0, 1] that the network is told its condition was degraded with,
        one number for each of the stages 7, 9, 11, 13, 15.
    """

    steps: int = 1
    augmentation: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)


def to_json(config: NetworkConfig | SamplerConfig) -> str:
    """Return the configuration as one line of JSON with sorted keys."""
    return json.dumps(dataclasses.asdict(config), sort_keys=True)


def network_from_json(text: str) -> NetworkConfig:
    """Read a NetworkConfig; raises WeightsError if a field is missing or unknown."""
    fields = _fields(text, NetworkConfig)
    return NetworkConfig(
        widths=_ints(fields["widths"]),
        blocks=_ints(fields["blocks"]),
        embedding=int(fields["embedding"]),
    )


def sampler_from_json(text: str) -> SamplerConfig:
    """Read a SamplerConfig; raises WeightsError if a field is missing or unknown."""
    fields = _fields(text, SamplerConfig)
    return SamplerConfig(int(fields["steps"]), tuple(float(v) for v in fields["augmentation"]))


def _fields(text: str, kind: type[NetworkConfig] | type[SamplerConfig]) -> dict[str, Any]:
    expected = {field.name for field in dataclasses.fields(kind)}
    try:
        given = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{kind.__name__} is not JSON: {text[:80]!r}") from error
    if not isinstance(given, dict) or set(given) != expected:
        raise WeightsError(
            f"{kind.__name__} has the fields {sorted(given)}, expected {sorted(expected)}"
        )
    return given


def _ints(values: list[Any]) -> Any:
    return tuple(int(value) for value in values)
