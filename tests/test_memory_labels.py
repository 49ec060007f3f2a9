"""Labels: the argmin of interpolated costs, checked against the same in exact fractions."""

from fractions import Fraction

import numpy as np
import pytest

from generator.grid.hashing import keys
from generator.memory.config import CHOICES
from generator.memory.labels import (
    LabelWindow,
    PlacedPatches,
    SiteDescriptors,
    _interpolated,
    _site_costs,
    first_site,
    label,
)
from generator.memory.patches import collect_patches
from tests.fakes_memory import synthetic_scene

PLACES = collect_patches([synthetic_scene(number, 11, 64) for number in range(3)])
CONFIG = CHOICES[11]


def shown(count: int) -> PlacedPatches:
    """Return cells round (0, 0) to (40, 40) that show pieces of three scenes."""
    random = np.random.default_rng(1)
    ys, xs = random.integers(-10, 50, (2, count))
    tops, lefts = random.integers(12, 52, (2, count))
    scene = random.integers(0, 3, count)
    return PlacedPatches(scene, tops - ys, lefts - xs, ys, xs, keys(np.arange(count)))


def sites() -> SiteDescriptors:
    random = np.random.default_rng(2)
    return SiteDescriptors(0, 0, random.integers(-40, 40, (13, 13, 32)).astype(np.int8))


@pytest.mark.parametrize("scale", [1, 4])
def test_each_pixel_belongs_to_the_cheapest_cell(scale: int) -> None:
    cells, known = shown(20), sites()
    window = LabelWindow(3 * scale, 5 * scale, 30 * scale, 20 * scale, scale)
    labels = label(PLACES, cells, known, window, CONFIG)
    costs = _site_costs(PLACES, cells, known, CONFIG)
    factor = 4 * scale
    tops, lefts = first_site(cells.ys, CONFIG), first_site(cells.xs, CONFIG)
    random = np.random.default_rng(3)
    for row, column in zip(
        random.integers(0, window.height, 60), random.integers(0, window.width, 60), strict=True
    ):
        y, x = int(row) + window.y0, int(column) + window.x0
        found = []
        for cell in range(20):
            at_y = y + scale * int(cells.top[cell])
            at_x = x + scale * int(cells.left[cell])
            if not (0 <= at_y < 64 * scale and 0 <= at_x < 64 * scale):
                continue
            i, j = y // factor - int(tops[cell]), x // factor - int(lefts[cell])
            if not (0 <= i < CONFIG.sites - 1 and 0 <= j < CONFIG.sites - 1):
                continue
            v, u = (Fraction(2 * (at % factor) + 1, 2 * factor) for at in (y, x))
            corner = costs[cell, i : i + 2, j : j + 2].tolist()
            upper = corner[0][0] * (1 - u) + corner[0][1] * u
            lower = corner[1][0] * (1 - u) + corner[1][1] * u
            found.append((upper * (1 - v) + lower * v, cell))
        if not found:
            assert labels[row, column] == -1
            continue
        chosen = dict((cell, cost) for cost, cell in found)[int(labels[row, column])]
        # At 13 costs are rounded to a half before the last interpolation.
        assert chosen - min(found)[0] <= (0 if scale == 1 else Fraction(1, 2))


def test_costs_grow_with_distance_and_are_forbidden_outside_the_scene() -> None:
    cells, known = shown(30), sites()
    costs = _site_costs(PLACES, cells, known, CONFIG)
    rows = 4 * (first_site(cells.ys, CONFIG)[:, None] + np.arange(CONFIG.sites))
    columns = 4 * (first_site(cells.xs, CONFIG)[:, None] + np.arange(CONFIG.sites))
    y = (rows + cells.top[:, None])[:, :, None]
    x = (columns + cells.left[:, None])[:, None, :]
    outside = (y < 0) | (y > 64) | (x < 0) | (x > 64)
    inside = (rows >= 0)[:, :, None] & (columns >= 0)[:, None, :]
    inside &= (rows <= 48)[:, :, None] & (columns <= 48)[:, None, :]
    away = (rows - cells.ys[:, None])[:, :, None] ** 2 + (columns - cells.xs[:, None])[
        :, None, :
    ] ** 2
    assert (costs[outside & inside] == 4095).all()
    # At most one and a half spacings away: misfit, noise and the scene's edge cost no more.
    near = inside & ~outside & (away <= CONFIG.reach**2)
    assert (costs[near] <= 1024 + 512 * 9 // 4 + 256 + 512).all()
    assert (costs[near] >= (512 * away // CONFIG.spacing**2)[near]).all()


def test_many_cells_and_few_give_the_same_costs() -> None:
    costs = np.random.default_rng(1).integers(0, 4096, (5, 12, 12)).astype(np.int32)
    narrow = _interpolated(costs, 4, 3, np.int32)
    wide = _interpolated(costs, 4, 12, np.int64)
    # No step overflows.
    assert np.array_equal(narrow, _interpolated(costs, 4, 3, np.int64))
    assert np.array_equal(
        _interpolated(costs, 4, 10, np.int32), _interpolated(costs, 4, 10, np.int64)
    )
    assert np.array_equal(
        _interpolated(costs, 16, 8, np.int32), _interpolated(costs, 16, 8, np.int64)
    )
    assert np.array_equal(narrow >> 6, wide >> 15)
    assert np.array_equal((narrow >> 3) & 7, (wide >> 3) & 4095)
    assert (_interpolated(costs, 16, 3, np.int32) >> 5 & 7 == np.arange(5)[:, None, None]).all()


def test_no_cell_no_label() -> None:
    window = LabelWindow(0, 0, 8, 8, 1)
    assert (label(PLACES, shown(0), sites(), window, CONFIG) == -1).all()
