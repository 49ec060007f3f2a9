"""Terrain that rivers erode, with its streams: of no place on the Earth, from a seed alone.

    python -m generator.geography.derive.terrain --out terrain.bin

Land rises everywhere alike, and two rivers that cross it carry off what comes down to them: by
stream power (dh/dt = U - K sqrt(area) slope, solved implicitly down the tree of rivers as J. Braun
and S. D. Willett do, Geomorphology 180-181, 2013), while slopes creep by diffusion. It is done on
grids of growing fineness, each of which goes on at its other side. Takes half a minute.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.derive.linework import store, told
from generator.geography.drainage import drain
from generator.geography.terrain import METRES, SIDE, STREAMS, to_bytes

SEED = 5
"""Of the map that is part of the product."""

LEVELS = ((128, 150), (256, 100), (512, 80), (1024, 60))
"""Cells along grids, and steps of time on each."""

UPLIFT, ERODIBILITY, DIFFUSIVITY, YEARS = 1e-3, 2e-5, 0.02, 3e4
"""Metres a year; per year where areas have an exponent of `_AREA`; square metres a year; a step."""

_AREA = 0.45
_BENT = 3.5
_RIVERS = (0.2, 0.7)
_WINDING = (1, 2, 3, 5, 8)
_LEAST, _LOWEST, _STEPS = 32, 0.004, 64
"""Cells that drain through the least stream, share of cells that are rivers, and parts of a metre.
"""

_NEAR = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Number = TypeVar("Number", bound=np.generic)


def eroded(levels: tuple[tuple[int, int], ...], seed: int) -> Floats:
    """Return heights in metres on the last of grids, float64 [n, n], 0 along its two rivers."""
    lot = np.random.default_rng(seed)
    extent, finest = METRES * SIDE, levels[-1][0]
    rock, courses = fractal(lot, finest, 1, finest / 17, 1.1), river_courses(lot)
    heights: Floats | None = None
    for side, steps in levels:
        cell, rivers = extent / side, rasterised(courses, side)
        if heights is None:
            heights = 0.05 * distance(rivers, cell) + 25 * fractal(lot, side, 2, 40, 1.5)
        else:
            heights = refined(heights) + 1.5 * fractal(lot, side, 20, side / 2, 1)
        hardness = np.exp(0.3 * rock[:: finest // side, :: finest // side])
        for _ in range(steps):
            heights[rivers] = 0
            # What erodes easily differs from cell to cell and step to step, as storms do.
            weather = np.exp(0.2 * lot.standard_normal(heights.shape))
            heights = incised(heights, rivers, cell, ERODIBILITY * hardness * weather, lot)
            heights = diffused(heights, DIFFUSIVITY * YEARS, cell)
        told(f"{side} x {side} cells: {steps} steps, up to {heights.max():,.0f} m")
    assert heights is not None
    return bent(heights, lot).clip(0)


def incised(
    heights: Floats, rivers: Mask, cell: float, erodibility: Floats, lot: np.random.Generator
) -> Floats:
    """Return heights after a step of time in which land rose and rivers cut into it."""
    below, length = downstream(heights, rivers, cell, lot)
    order, begins = levels_of(below)
    # How much land lies above each cell, from the ends of the tree down.
    area = np.full(heights.size, cell * cell)
    for k in range(len(begins) - 2, 0, -1):
        cells = order[begins[k] : begins[k + 1]]
        np.add.at(area, below[cells], area[cells])
    cut = erodibility.ravel() * area**_AREA * YEARS / length
    found = heights.ravel() + YEARS * UPLIFT * ~rivers.ravel()
    # Up the tree each cell is solved from the one below, which is known already.
    for k in range(1, len(begins) - 1):
        cells = order[begins[k] : begins[k + 1]]
        found[cells] = (found[cells] + cut[cells] * found[below[cells]]) / (1 + cut[cells])
    # A hollow without outlet fills up.
    lowest = np.min([_moved(found.reshape(heights.shape), *step) for step in _NEAR], 0).ravel()
    hollow = (below == np.arange(below.size)) & ~rivers.ravel()
    return np.where(hollow, np.maximum(found, lowest + 1e-3), found).reshape(heights.shape)


def downstream(
    heights: Floats, rivers: Mask, cell: float, lot: np.random.Generator
) -> tuple[Places, Floats]:
    """Return where water of each cell flows, and how far: [n n], itself for rivers and hollows."""
    places = np.arange(heights.size).reshape(heights.shape)
    steepest, below = np.zeros(heights.shape), places.copy()
    length = np.full(heights.shape, cell)
    for y, x in _NEAR:
        away = cell * float(np.hypot(y, x))
        # A lot for each direction, lest courses follow the grid.
        slope = (heights - _moved(heights, y, x)) / away * (1 + 0.3 * lot.random(heights.shape))
        better = (slope > steepest) & ~rivers
        steepest[better] = slope[better]
        below[better], length[better] = _moved(places, y, x)[better], away
    return below.ravel(), length.ravel()


def levels_of(below: Places) -> tuple[Places, Places]:
    """Return cells by how many steps they lie above their outlet, and where each number begins."""
    steps, ahead = (below != np.arange(below.size)).astype(np.intp), below
    # Twice as far each time.
    while not np.array_equal(ahead[ahead], ahead):
        steps, ahead = steps + steps[ahead], ahead[ahead]
    order = np.argsort(steps, kind="stable")
    return order, np.searchsorted(steps[order], np.arange(steps.max() + 2))


def diffused(heights: Floats, by: float, cell: float) -> Floats:
    """Return heights after diffusion, an implicit step of `by` square metres."""
    waves = 2 * np.pi * np.fft.fftfreq(len(heights), cell)
    damping = 1 + by * (waves[:, None] ** 2 + waves**2)
    found: Floats = np.fft.ifft2(np.fft.fft2(heights) / damping).real
    return found


def refined(heights: Floats) -> Floats:
    """Return heights on a grid twice as fine, by their Fourier series."""
    spectrum = np.pad(np.fft.fftshift(np.fft.fft2(heights)), len(heights) // 2)
    found: Floats = 4 * np.fft.ifft2(np.fft.ifftshift(spectrum)).real
    return found


def bent(heights: Floats, lot: np.random.Generator) -> Floats:
    """Return heights moved by some cells, which bends courses that follow the grid."""
    side = len(heights)
    down, across = (_BENT * fractal(lot, side, 3, 30, 1.3) for _ in range(2))
    y, x = np.arange(side)[:, None] + down, np.arange(side) + across
    row, column = np.floor(y).astype(int), np.floor(x).astype(int)

    def between(i: Places) -> Floats:
        left, right = (heights[i % side, (column + k) % side] for k in (0, 1))
        return np.asarray(left + (right - left) * (x - column))

    above, below = between(row), between(row + 1)
    return np.asarray(above + (below - above) * (y - row))


def fractal(lot: np.random.Generator, side: int, least: float, most: float, fall: float) -> Floats:
    """Return noise of waves from `least` to `most` along the grid, of deviation 1: [side, side]."""
    count = side * np.fft.fftfreq(side)
    waves = np.hypot(count[:, None], count)
    strength = np.where((waves >= least) & (waves <= most), np.maximum(waves, 1) ** -fall, 0)
    found = np.fft.ifft2(np.fft.fft2(lot.standard_normal((side, side))) * strength).real
    return np.asarray(found / found.std())


def river_courses(lot: np.random.Generator) -> list[Floats]:
    """Return the courses of rivers, how far down they lie at 4096 places across, in sides."""
    across, found = np.arange(4096) / 4096, []
    for start in _RIVERS:
        course = np.full(across.shape, start)
        for wave in _WINDING:
            far, turn = lot.uniform(-0.06, 0.06) / wave**0.6, lot.random()
            course += far * np.sin(2 * np.pi * (wave * across + turn))
        found.append(course)
    return found


def rasterised(courses: list[Floats], side: int) -> Mask:
    """Return the cells that courses pass: bool [side, side]."""
    found = np.zeros((side, side), bool)
    for course in courses:
        columns = np.arange(len(course)) * side // len(course)
        found[(course * side).astype(int) % side, columns] = True
    return found


def distance(rivers: Mask, cell: float) -> Floats:
    """Return how far it is to the nearest river, in metres and along eight directions."""
    found, before = np.where(rivers, 0, np.inf), np.zeros(())
    while not np.array_equal(found, before):
        before = found
        steps = (_moved(found, y, x) + cell * float(np.hypot(y, x)) for y, x in _NEAR)
        found = np.minimum(found, np.min(list(steps), 0))
    return found


def stream_classes(heights: NDArray[np.int16]) -> NDArray[np.uint8]:
    """Return classes of streams by how much land drains through cells, as of `STREAMS`.

    Each class takes four times as much as the one before; what lies lowest is of the last.
    """
    # Rows of `drain` end at poles, so the map lies there twice.
    twice = np.concatenate((heights, heights)).astype(np.int64) * _STEPS
    lowest = twice <= np.quantile(twice, _LOWEST)
    found = drain(twice, lowest, np.full(len(twice), 1 << 10))
    cells = found.accumulated(np.ones_like(twice)).reshape(twice.shape)
    half = len(heights) // 2
    inner = slice(half, half + len(heights))
    classes = np.zeros(heights.shape, np.uint8)
    for number in range(len(STREAMS) - 1):
        classes += np.roll(cells[inner] >= _LEAST << 2 * number, half, 0)
    classes[lowest[: len(heights)]] = len(STREAMS) - 1
    return classes


def _moved(values: NDArray[Number], y: int, x: int) -> NDArray[Number]:
    """Return what lies by a step from each cell."""
    return np.roll(values, (-y, -x), (0, 1))


def main(arguments: list[str] | None = None) -> int:
    """Write the file of terrain; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m generator.geography.derive.terrain",
        description="Make the map of eroded terrain.",
    )
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    options = parser.parse_args(arguments)
    heights = np.rint(eroded(LEVELS, SEED)).astype(np.int16)
    store(options.out, to_bytes(heights, stream_classes(heights)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
