"""Frozen configurations of the networks and the sampler, with JSON in and out."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any

from generator.grid.errors import WeightsError
from generator.grid.tile import COMMON_STAGE_ZOOMS, STAGE_ZOOMS
from generator.nets.factors import DetailFactors

STAGE_COUNTS = (len(COMMON_STAGE_ZOOMS), len(STAGE_ZOOMS))
"""How many stages weights may serve: those to zoom 15, or to 17."""

_LIMITS = {9: 0.55}
"""Limits of detail by zoom: what is some fifty grey levels off its parent at 9 is a black or white
hole at 11."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """The exact convolutional U-Net on the parent's grid.

    widths: channels at the parent's grid and at half of it.
    blocks: ResBlocks before, inside and after the half-resolution level.
    embedding: width of the time, resolution and augmentation embedding.
    guidance: whether the resolution is an input (False for the ablation).
    """

    widths: tuple[int, int] = (96, 192)
    blocks: tuple[int, int, int] = (2, 3, 2)
    embedding: int = 192
    guidance: bool = True

    @property
    def reach(self) -> int:
        """Parent pixels that the unpadded convolutions consume on each side."""
        before, middle, after = self.blocks
        return 1 + 2 * before + 4 * middle + 2 * after + 1


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """The paper's U-Net and the encoder of its condition (Section III-D1).

    base, multipliers: channels at the child's grid, and their factors level by level.
    blocks: ResBlocks per level of the encoder; the decoder has one more for the further skip.
    attention: levels with self-attention, 0 being the child's own grid.
    heads: channels of one attention head.
    encoder: RRDBs of the condition's encoder, their features and their growth.
    window: parent pixels on each side of the window that is generated at once.
    guidance: whether the resolution is an input (False for the ablation).
    """

    base: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 8)
    blocks: int = 3
    attention: tuple[int, ...] = (3, 4)
    heads: int = 64
    encoder: tuple[int, int, int] = (23, 64, 32)
    window: int = 64
    guidance: bool = True


@dataclass(frozen=True, slots=True)
class LayoutConfig:
    """The networks of the layout memory: decoder of every stage, encoder of its codes.

    widths, blocks, embedding: of the decoder's U-Net, as NetworkConfig has them.
    dimensions, levels: integers of a layout code, and the values that each may have (odd).
    encoder: channels and residual blocks of the encoder.
    """

    widths: tuple[int, int] = (96, 192)
    blocks: tuple[int, int, int] = (2, 3, 2)
    embedding: int = 192
    dimensions: int = 6
    levels: int = 7
    encoder: tuple[int, int] = (128, 2)

    @property
    def reach(self) -> int:
        """Parent pixels that the unpadded convolutions consume on each side."""
        return NetworkConfig(self.widths, self.blocks).reach

    @property
    def most(self) -> int:
        """Largest value of a code; the least is its negative."""
        return self.levels // 2


AnyConfig = NetworkConfig | PaperConfig | LayoutConfig

PRESETS: dict[str, AnyConfig] = {
    "exact-s": NetworkConfig(),
    "exact-s-unguided": NetworkConfig(guidance=False),
    "exact-tiny": NetworkConfig(widths=(16, 32), blocks=(1, 1, 1), embedding=32),
    "exact-tiny-unguided": NetworkConfig(
        widths=(16, 32), blocks=(1, 1, 1), embedding=32, guidance=False
    ),
    "layout": LayoutConfig(),
    "layout-tiny": LayoutConfig(
        widths=(16, 32), blocks=(1, 1, 1), embedding=32, dimensions=4, encoder=(16, 1)
    ),
    "paper": PaperConfig(),
    "paper-unguided": PaperConfig(guidance=False),
    "paper-tiny": PaperConfig(
        base=32, multipliers=(1, 2), blocks=1, attention=(1,), heads=16, encoder=(1, 16, 8),
        window=8,
    ),
}  # fmt: skip
"""What a recipe's `preset` names; `python -m training bench` prints their costs."""


@dataclass(frozen=True, slots=True)
class SamplerConfig:
    """How a stage turns noise into pixels.

    steps: DDIM evaluations per tile (eta = 0). One is the few-step default.
    augmentation: conditioning-augmentation levels in [0, 1], how degraded the network takes its
        condition to be, one for each of the stages that the weights serve: five for 7, 9, 11, 13
        and 15, six with 17. To a layout decoder a level says how far codes lead.
    contrast: factors on the detail of layouts, one for each stage; base maps are fainter than
        the imagery that layouts were learned from. saturation: on the differences of its colours;
        sharpness: on the finest of its brightness. All count where codes lead, above level 0.
    Raises WeightsError for other numbers of stages, or where tuples differ in it; of saturation and
    sharpness no number says 1 for all.
    """

    steps: int = 1
    augmentation: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)
    contrast: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0, 1.0)
    saturation: tuple[float, ...] = ()
    sharpness: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers of other stages than weights may have."""
        stages = len(self.augmentation)
        if stages not in STAGE_COUNTS or len(self.contrast) != stages:
            raise WeightsError(
                f"augmentation has {stages} numbers and contrast {len(self.contrast)}, expected "
                f"{' or '.join(map(str, STAGE_COUNTS))} of each, one for each stage"
            )
        for name, given in (("saturation", self.saturation), ("sharpness", self.sharpness)):
            if given and len(given) != stages:
                raise WeightsError(f"{name} has {len(given)} numbers, expected {stages} or none")

    def factors(self, zoom: int) -> DetailFactors:
        """Return the factors on the detail of a stage, where codes lead."""
        stage = self.zooms.index(zoom)
        given = (self.contrast, self.saturation, self.sharpness)
        factors = DetailFactors(*(numbers[stage] if numbers else 1.0 for numbers in given))
        return factors._replace(limit=_LIMITS.get(zoom, 0.0))

    @property
    def zooms(self) -> tuple[int, ...]:
        """Return the zooms of the stages, rising; the last is the finest of the world."""
        return STAGE_ZOOMS[: len(self.augmentation)]

    @property
    def max_zoom(self) -> int:
        """Return the finest zoom of the world."""
        return self.zooms[-1]


def to_json(config: AnyConfig | SamplerConfig) -> str:
    """Return the configuration as one line of JSON with sorted keys."""
    fields = dataclasses.asdict(config)
    if isinstance(config, PaperConfig):
        fields["family"] = "paper"
    if isinstance(config, LayoutConfig):
        fields["family"] = "layout"
    return json.dumps(fields, sort_keys=True)


def network_from_json(text: str) -> AnyConfig:
    """Read a network's configuration; raises WeightsError if a field is missing or unknown.

    Fields that came later may be missing and then have their defaults.
    """
    given = _object(text, "NetworkConfig")
    family = given.pop("family", "exact")
    if family == "paper":
        return PaperConfig(**_checked(given, PaperConfig, set()))
    if family == "layout":
        return LayoutConfig(**_checked(given, LayoutConfig, set()))
    if family != "exact":
        raise WeightsError(
            f"the network's family is {family!r}, expected 'layout', 'exact' or 'paper'"
        )
    if given.pop("context", [0, 0]) != [0, 0]:
        raise WeightsError("the network has a context branch, which this version does without")
    return NetworkConfig(**_checked(given, NetworkConfig, {"guidance"}))


_LATER = {"contrast", "saturation", "sharpness"}


def sampler_from_json(text: str) -> SamplerConfig:
    """Read a SamplerConfig; raises WeightsError if a field is missing or unknown."""
    return SamplerConfig(**_checked(_object(text, "SamplerConfig"), SamplerConfig, _LATER))


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise WeightsError(f"{name} is not JSON: {text[:80]!r}") from error
    if not isinstance(given, dict):
        raise WeightsError(f"{name} is {text[:80]!r}, expected a JSON object")
    return given


def _checked(given: dict[str, Any], kind: type[Any], optional: set[str]) -> dict[str, Any]:
    """Return the fields of `kind` with lists as tuples and each of the default's type."""
    # The fields must be those of the class, but for the optional ones.
    defaults = {field.name: field.default for field in dataclasses.fields(kind)}
    if not defaults.keys() - optional <= given.keys() <= defaults.keys():
        raise WeightsError(
            f"{kind.__name__} has the fields {sorted(given)}, expected {sorted(defaults)}"
        )
    return {name: _like(value, defaults[name], name) for name, value in given.items()}


def _like(value: Any, default: Any, name: str) -> Any:
    if isinstance(default, tuple):
        # What is empty by default has numbers.
        kind = type(default[0]) if default else float
        if isinstance(value, list):
            return tuple(_like(each, kind(), name) for each in value)
    elif isinstance(value, type(default)) or (isinstance(default, float) and type(value) is int):
        return type(default)(value)
    raise WeightsError(f"{name} is {value!r}, expected something like {json.dumps(default)}")
