"""The rivers of a made-up planet: rain that runs down its heights to the sea.

Heights are the picture's at a grid 2048 cells wide, rain is the planet's moisture where it does not
freeze. Water finds its way by priority flood (`generator.geography.drainage`); where enough comes
together there is a river. Everything is a pure function of the planet's name.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.geography.drainage import drain, grown
from generator.geography.linefile import Polylines
from generator.geography.riverlines import NO_RIVER, RiverGrid, river_lines
from generator.grid.hashing import keys
from generator.planets.fields import relief
from generator.planets.planet import WIDTH, Planet
from generator.planets.spherenoise import Floats, points, smooth_step

Integers = NDArray[np.int64]

GRID = 2048
"""Cells round the equator."""
_STRIP = 16
_HEIGHT_UNIT = 1 << 10
_DEEP = -_HEIGHT_UNIT // 10
"""The sea is what is connected with water as deep as this."""
_ROUGH = 8
"""Heights vary by chance by as much either way."""
_STREAM = 0x726F7567
_RAIN_UNIT = 1 << 12
_LEAST = (1500, 400, 90, 26, 8)
"""Cells at the equator, of 20 km, under steady rain whose water makes a river of rank 0, 1, ..."""
_INTERMITTENT = ((3, 5), (4, 7))
"""Ranks of permanent rivers, and those of rivers as large of dry land."""
_DRY = 10
"""Rivers are intermittent where no more than one part in `_DRY` of steady rain falls."""
_EDGE = 0.94
"""Share of the way from the equator to a pole beyond which no rivers are: the map ends there."""


def planet_rivers(planet: Planet, grid: int = GRID) -> Polylines:
    """Return the rivers of a planet, from heights at a grid of so many cells round the equator."""
    heights, rain = _ground(planet, grid)
    sea = _sea(heights)
    drainage = drain(_rougher(planet.seed, heights), sea, _spans(grid))
    flow = drainage.accumulated(rain)
    area = drainage.accumulated(np.repeat(_areas(grid), grid))
    ranks = _ranks(flow, area, sea)
    return river_lines(RiverGrid(planet.seed, heights, drainage.receivers, flow, ranks))


def _ground(planet: Planet, grid: int) -> tuple[Integers, Integers]:
    """Return heights, sea where at most 0, and what each cell's rain brings, int64 [h, w]."""
    fields, areas = planet.fields(), _areas(grid)
    heights = np.empty((grid // 2, grid), np.int64)
    rain = np.empty((grid // 2, grid), np.int64)

    def strip(start: int) -> None:
        rows = np.arange(start, start + _STRIP)
        names = ("base", "rough", "belt", "crest", "wet", "warm")
        coarse = fields.at(grid, rows, names=names)
        height = relief(planet.seed, fields.width, WIDTH, (points(grid, rows), coarse))
        heights[rows] = np.ceil(height * np.float32(_HEIGHT_UNIT)).astype(np.int64)
        rain[rows] = _rain(coarse, height) * areas[rows, None] // _RAIN_UNIT

    # Every strip is a pure function of its rows: threads only make it sooner.
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(strip, range(0, grid // 2, _STRIP)))
    return heights, rain


def _rain(coarse: dict[str, Floats], height: Floats) -> Integers:
    """Return the water that runs off, 0 to _RAIN_UNIT: none from deserts and ice."""
    cold = np.maximum(height, 0).astype(np.float32) * np.float32(0.42)
    thawed = smooth_step(0.10, 0.24, np.subtract(coarse["warm"], cold))
    rain = smooth_step(0.16, 0.80, coarse["wet"]) * thawed * np.float32(_RAIN_UNIT)
    whole: Integers = np.floor(rain).astype(np.int64)
    return whole


def _sea(heights: Integers) -> NDArray[np.bool_]:
    """Return the sea where it is somewhere deep; rivers run on through ponds below its level."""
    low = heights <= 0
    deep = heights <= _DEEP
    return grown(deep, low) if deep.any() else low


def _rougher(seed: int, heights: Integers) -> Integers:
    """Return heights with chance added on land, as even slopes have rivers in straight rows."""
    lots = keys(seed, _STREAM, np.arange(heights.size)).reshape(heights.shape)
    moved = heights + (lots % np.uint64(2 * _ROUGH + 1)).astype(np.int64) - _ROUGH
    return np.where(heights > 0, np.maximum(moved, 1), heights)


def _ranks(flow: Integers, area: Integers, sea: NDArray[np.bool_]) -> Integers:
    """Return the rank of the river in each cell, NO_RIVER where there is none."""
    ranks = np.full(len(flow), NO_RIVER)
    height, grid = sea.shape
    for rank in reversed(range(len(_LEAST))):
        ranks[flow >= _LEAST[rank] * _RAIN_UNIT * grid * grid // (GRID * GRID)] = rank
    dry = flow * _DRY < area
    for permanent, intermittent in _INTERMITTENT:
        ranks[dry & (ranks == permanent)] = intermittent
    # The sea has none, nor has what lies beyond the map's edges.
    rows = np.abs(2 * np.arange(height) + 1 - height)
    ranks[sea.ravel() | np.repeat(rows > _EDGE * height, grid)] = NO_RIVER
    return ranks


@cache
def _spans(grid: int) -> Integers:
    """Return the width of each row's cells in 1024ths of their height, at least 1."""
    return np.maximum(_areas(grid) * 1024 // _RAIN_UNIT, 1)


@cache
def _areas(grid: int) -> Integers:
    """Return the area of each row's cells, a cell at the equator being _RAIN_UNIT."""
    middles = (math.pi * (row + 0.5) / (grid // 2) for row in range(grid // 2))
    return np.array([math.floor(math.sin(angle) * _RAIN_UNIT + 0.5) for angle in middles])
