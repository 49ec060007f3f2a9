"""A cascade without weights for tests of what enlarges pictures, and what it has to give."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from generator.grid import noise as noise_module
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.memory import Memory

MARGIN = 3


@dataclass
class FakeStage:
    """Blurs the parent over its margin, enlarges it and adds noise: needs all that it is given."""

    margin: int = MARGIN
    faithful_augmentation: float | None = None
    calls: list[tuple[float, float]] = field(default_factory=list)

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[np.float32]:
        sides = (4 * side for side in (area.x0, area.y0, area.width, area.height))
        return noise_module.field(seed, level, *sides)

    def __call__(
        self,
        parent: Pixels,
        noise: NDArray[np.float32],
        resolution: NDArray[np.float64],
        augmentation: float,
    ) -> Pixels:
        self.calls.append((float(resolution[0]), augmentation))
        m = self.margin
        height, width = parent.shape[0] - 2 * m, parent.shape[1] - 2 * m
        assert noise.shape == (3, 4 * parent.shape[0], 4 * parent.shape[1])
        total = np.zeros((height, width, 3), np.int64)
        for y in range(2 * m + 1):
            for x in range(2 * m + 1):
                total += parent[y : y + height, x : x + width]
        blurred = (total // (2 * m + 1) ** 2).repeat(4, axis=0).repeat(4, axis=1)
        core = np.moveaxis(noise, 0, -1)[4 * m : 4 * (m + height), 4 * m : 4 * (m + width)]
        pixels: Pixels = np.clip(blurred + np.rint(8 * core), 0, 255).astype(np.uint8)
        return pixels


@dataclass
class FakeSampler:
    """Tells each stage a strength by which it can be recognised."""

    augmentation: tuple[float, ...] = (0.07, 0.09, 0.11, 0.13, 0.15)


@dataclass
class FakeCascade:
    """A cascade with a stage that needs no weights."""

    stage: FakeStage = field(default_factory=FakeStage)
    sampler: FakeSampler = field(default_factory=FakeSampler)
    memory: Memory | None = None

    def stage_at(self, zoom: int) -> FakeStage:
        assert zoom in (7, 9, 11, 13, 15)
        return self.stage


def picture(height: int, width: int) -> Pixels:
    return np.random.default_rng(2).integers(0, 256, (height, width, 3), np.uint8)


def expected(image: Pixels, level: int = 32, seed: int = 0) -> Pixels:
    """Enlarge in one go: the picture padded with its mirror image."""
    m = MARGIN
    padded = np.pad(image, ((m, m), (m, m), (0, 0)), mode="symmetric")
    height, width = padded.shape[:2]
    noise = noise_module.field(seed, level, -4 * m, -4 * m, 4 * width, 4 * height)
    return FakeStage()(padded, noise, np.ones(1), 0)
