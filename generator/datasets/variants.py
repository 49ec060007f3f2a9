"""Variants of a user's labelled images: degraded by a stage or two, and regenerated.

An image is averaged by 4 (two stages: by 16) and the stages nearest to its resolution invent the
detail again, each time from other noise: same size, same coarse content, same label. Beyond its
edges an image is its mirror image, so that small ones work too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from generator.grid.averaging import averaged
from generator.grid.errors import DatasetError, ImageError
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.upscaling.parentpicture import InMemory, StageLike
from generator.upscaling.upscale import CascadeLike, UpscaleSettings, stage_chain, upscale

if TYPE_CHECKING:
    from generator.memory.field import Memory

MAX_STAGES = 2
LEAST_PARENT = 4
"""Pixels that the shorter side of an image must keep when it is averaged."""
MAX_WHOLE = 256
"""Longest side of a parent that is regenerated in one window; others go window by window."""


@dataclass(frozen=True, slots=True)
class VariantConfig:
    """How variants are made. Raises DatasetError.

    gsd: metres per pixel of the images. stages: 1 or 2. strength: conditioning-augmentation
    level, 0 to 1: more gives the network more freedom; None for the weights' own.
    """

    gsd: float
    stages: int = 1
    strength: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not 0.01 <= self.gsd <= 100_000:
            raise DatasetError(f"ground resolution is {self.gsd:g}, expected metres per pixel")
        if not 1 <= self.stages <= MAX_STAGES:
            raise DatasetError(f"stages is {self.stages}, expected 1 to {MAX_STAGES}")
        if self.strength is not None and not 0 <= self.strength <= 1:
            raise DatasetError(f"strength is {self.strength:g}, expected 0 to 1")

    @property
    def factor(self) -> int:
        """Pixels of an image that its parent has one for, along a side."""
        return int(SCALE**self.stages)


@dataclass(frozen=True, slots=True)
class FixedAugmentation:
    """A `generator.upscaling.upscale.CascadeLike` with one augmentation level for every stage."""

    cascade: CascadeLike
    level: float

    def stage_at(self, zoom: int) -> StageLike:
        """Return the stage of a zoom."""
        return self.cascade.stage_at(zoom)

    @property
    def sampler(self) -> FixedAugmentation:
        """The sampler's configuration is this object itself."""
        return self

    @property
    def memory(self) -> Memory | None:
        """Where layouts come from."""
        return self.cascade.memory

    @property
    def augmentation(self) -> tuple[float, ...]:
        """Conditioning-augmentation level of each stage."""
        return (self.level,) * len(self.cascade.sampler.augmentation)


def vary(cascade: CascadeLike, image: Pixels, recipe: VariantConfig, seed: int) -> Pixels:
    """Return a variant of an image, uint8 [h, w, 3] of the same size; pure. Raises ImageError."""
    if recipe.strength is not None:
        cascade = FixedAugmentation(cascade, recipe.strength)
    height, width = image.shape[:2]
    # Degrade, then let the stages invent the detail again.
    parent = degraded(image, recipe.factor)
    made = regenerated(cascade, parent, recipe.gsd * recipe.factor, recipe.stages, seed)
    return np.ascontiguousarray(made[:height, :width])


def degraded(image: Pixels, factor: int) -> Pixels:
    """Average uint8 [h, w, 3] by `factor`, rounded half up; its edges are mirrored to fit.

    Raises ImageError for an image that would have less than LEAST_PARENT pixels each way.
    """
    height, width = image.shape[:2]
    least = LEAST_PARENT * factor
    if min(height, width) < least:
        raise ImageError(f"has {width} x {height} pixels, expected at least {least} each way")
    padded = np.pad(image, ((0, -height % factor), (0, -width % factor), (0, 0)), "symmetric")
    return averaged(padded, factor)


def regenerated(cascade: CascadeLike, parent: Pixels, gsd: float, stages: int, seed: int) -> Pixels:
    """Enlarge as `generator.upscaling.upscale` does, a small picture in one window of its own size.

    Stages may change what the parent shows as far as they do in a world.
    parent: uint8 [h, w, 3] of `gsd` metres per pixel; returns [h * 4**stages, w * 4**stages, 3].
    """
    if max(parent.shape[:2]) * SCALE ** (stages - 1) > MAX_WHOLE:
        return upscale(cascade, parent, gsd, stages, seed=seed, free=True)
    settings = UpscaleSettings(gsd, stages, seed, free=True, whole=True)
    return stage_chain(cascade, InMemory(parent), settings)[-1].window(0, 0)
