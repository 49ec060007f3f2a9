"""Where water runs on a grid: filled depressions, ways to the sea, rivers as lines."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.geography import riverlines
from generator.geography.drainage import NO_CELL, Integers, drain, grown


def hills(seed: int) -> tuple[Integers, NDArray[np.bool_]]:
    random = np.random.default_rng(seed)
    heights = random.integers(1, 60, (24, 48))
    heights[10:13, 5:30] -= 80
    heights[3, 40] = -5
    heights[18:21, 40:44] = 3
    return heights, grown(heights <= -20, heights <= 0)


@pytest.mark.parametrize("seed", range(4))
def test_water_runs_down_filled_ground_to_the_sea(seed: int) -> None:
    heights, sea = hills(seed)
    found = drain(heights, sea, np.full(24, 1024))
    filled, land = found.filled.ravel(), ~sea.ravel()
    assert (filled[land] >= heights.ravel()[land]).all()
    assert sorted(found.order.tolist()) == np.flatnonzero(land).tolist()
    seen = set(np.flatnonzero(sea).tolist())
    for cell in found.order.tolist():
        below = int(found.receivers[cell])
        assert filled[below] <= filled[cell]
        assert below in seen
        down, across = abs(below // 48 - cell // 48), abs(below % 48 - cell % 48)
        assert down <= 1
        assert across in (0, 1, 47)
        seen.add(cell)


@pytest.mark.parametrize("seed", range(4))
def test_depressions_are_filled_no_higher_than_they_must(seed: int) -> None:
    heights, sea = hills(seed)
    filled = drain(heights, sea, np.full(24, 1024)).filled
    # The definition, by relaxation: the lowest of all ways to the sea's highest point.
    level = np.where(sea, heights, 10**6)
    for _ in range(400):
        ways = [np.roll(level, k, 1) for k in (-1, 0, 1)]
        rows = [np.pad(way, ((1, 1), (0, 0)), constant_values=10**6) for way in ways]
        lowest = np.min([row[k : k + 24] for row in rows for k in (0, 1, 2)], axis=0)
        level = np.where(
            sea, heights, np.minimum(level, np.maximum(heights, np.maximum(lowest, 0)))
        )
    assert np.array_equal(filled, level)


def test_flow_adds_up_at_the_sea() -> None:
    heights, sea = hills(1)
    found = drain(heights, sea, np.full(24, 1024))
    flow = found.accumulated(np.ones((24, 48), np.int64)).reshape(24, 48)
    assert flow[sea].sum() == 24 * 48
    assert (found.receivers[sea.ravel()] == NO_CELL).all()


def test_a_sea_grows_from_its_deep_part_and_not_into_ponds() -> None:
    low = np.zeros((4, 9), bool)
    low[1, 7:] = low[1, :2] = low[3, 4] = True
    seeds = np.zeros_like(low)
    seeds[1, 8] = True
    expected = low.copy()
    expected[3, 4] = False
    assert np.array_equal(grown(seeds, low), expected)


def test_tributaries_end_at_the_larger_river() -> None:
    receivers = np.array([1, 2, 3, NO_CELL, 2, 4])
    flow = np.array([3, 3, 9, 9, 5, 4])
    ranks = np.array([4, 4, 4, riverlines.NO_RIVER, 4, 4])
    heights = np.array([[9, 8, 3, 0, 4, 5], [50] * 6, [50] * 6])
    pad = np.full(12, NO_CELL)
    grid = riverlines.RiverGrid(
        1,
        heights,
        np.concatenate([receivers, pad]),
        np.concatenate([flow, np.zeros(12, int)]),
        np.concatenate([ranks, np.full(12, riverlines.NO_RIVER)]),
    )
    found = riverlines.river_lines(grid)
    assert np.diff(found.offsets).tolist() == [3, 4]
    ends = found.points[found.offsets[1:] - 1]
    assert ends[0].tolist() == found.points[found.offsets[1] + 2].tolist()
