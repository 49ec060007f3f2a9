"""Small geography for tests of the ground: random towns, and land cover of random squares."""

from __future__ import annotations

from functools import cache

import numpy as np

from generator.geography.ground import GroundFigures
from generator.geography.landcover import HEIGHT, WIDTH, LandCover
from generator.geography.towns import TownTable

WORLD = 1 << 30


def random_towns(count: int = 4000, seed: int = 1) -> TownTable:
    """Return towns all over the map, some of them at the dateline and at both edges."""
    random = np.random.default_rng(seed)
    x, y = (random.integers(0, WORLD, count) for _ in range(2))
    x[: count // 4] = random.integers(-(1 << 22), 1 << 22, count // 4) % WORLD
    y[: count // 8] = random.integers(0, 1 << 22, count // 8)
    y[count // 8 : count // 4] = WORLD - 1 - random.integers(0, 1 << 22, count // 8)
    return TownTable.of(x, y, random.integers(100, 162, count).astype(np.uint8))


@cache
def random_cover(seed: int = 2) -> LandCover:
    """Return land cover in squares of 8 x 8 cells."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, 7, (HEIGHT // 8, WIDTH // 8)).astype(np.uint8)
    return LandCover.of(squares.repeat(8, 0).repeat(8, 1))


@cache
def cover_bytes() -> bytes:
    """Return the bytes of a file of random land cover."""
    return random_cover().to_bytes()


def random_ground() -> GroundFigures:
    """Return a ground of both."""
    return GroundFigures(random_towns(), random_cover(), "made up")
