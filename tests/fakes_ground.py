"""Small geography for tests of the ground: random towns, land cover and relief in squares."""

from __future__ import annotations

from functools import cache

import numpy as np

from generator.geography.choice import EARTH_FOLDER
from generator.geography.ground import GroundFigures
from generator.geography.landcover import LandCover
from generator.geography.layerfile import LayerFile
from generator.geography.relief import LEVELS, Relief
from generator.geography.towns import TownTable

WORLD = 1 << 30
FILED = 40
"""Cells that the squares of files are wide: those of 8 or 4 take seconds to compress."""


def random_towns(count: int = 4000, seed: int = 1) -> TownTable:
    """Return towns all over the map, some of them at the dateline and at both edges."""
    random = np.random.default_rng(seed)
    x, y = (random.integers(0, WORLD, count) for _ in range(2))
    x[: count // 4] = random.integers(-(1 << 22), 1 << 22, count // 4) % WORLD
    y[: count // 8] = random.integers(0, 1 << 22, count // 8)
    y[count // 8 : count // 4] = WORLD - 1 - random.integers(0, 1 << 22, count // 8)
    return TownTable.of(x, y, random.integers(100, 162, count).astype(np.uint8))


@cache
def earth_ground() -> GroundFigures:
    """Return the figures of the layers that are shipped."""
    names = ("towns", "landcover", "relief")
    return GroundFigures.open(*(LayerFile.read(EARTH_FOLDER / f"{name}.bin") for name in names))


@cache
def random_cover(seed: int = 2, side: int = 8) -> LandCover:
    """Return land cover in squares of `side` cells."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, 7, (LandCover.HEIGHT // side, LandCover.WIDTH // side))
    return LandCover.of(squares.astype(np.uint8).repeat(side, 0).repeat(side, 1))


@cache
def cover_bytes() -> bytes:
    """Return the bytes of a file of random land cover."""
    return random_cover(side=FILED).to_bytes()


@cache
def random_relief(seed: int = 3, side: int = 4) -> Relief:
    """Return relief in squares of `side` cells."""
    random = np.random.default_rng(seed)
    squares = random.integers(0, LEVELS + 1, (Relief.HEIGHT // side, Relief.WIDTH // side))
    return Relief.of(squares.astype(np.uint8).repeat(side, 0).repeat(side, 1))


@cache
def relief_bytes() -> bytes:
    """Return the bytes of a file of random relief."""
    return random_relief(side=FILED).to_bytes()


def random_ground() -> GroundFigures:
    """Return a ground of all three."""
    return GroundFigures(random_towns(), random_cover(), random_relief(), "made up")
