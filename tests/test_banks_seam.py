"""Seams between pictures run where these differ least."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.banks.seam import seam_costs, seamed

SIDE = 24


def differing(seed):
    """Return differences of two pictures, float64 [SIDE, SIDE]."""
    return np.random.default_rng(seed).uniform(0, 1, (SIDE, SIDE))


@given(st.integers(0, 99), st.tuples(*[st.integers(0, 8)] * 4))
def test_all_within_the_margins_is_laid(seed, margins):
    laid = seamed(differing(seed), margins)
    cost = seam_costs(differing(seed)[None], margins)[0]
    left, top, right, bottom = margins
    assert laid[top : SIDE - bottom, left : SIDE - right].all()
    assert (cost > 0) == any(margins)


@pytest.mark.parametrize("turn", range(4))
def test_a_seam_follows_the_pixels_in_which_both_pictures_are_alike(turn):
    # The valley of no difference goes aside by one pixel at most from row to row.
    column = 2 + np.abs(np.arange(SIDE) // 2 % 8 - 4)
    gaps = np.ones((SIDE, SIDE))
    gaps[np.arange(SIDE), column] = 0
    margins = tuple(8 if side == turn else 0 for side in range(4))
    laid = seamed(np.rot90(gaps, -turn), margins)
    np.testing.assert_array_equal(np.rot90(laid, turn), np.arange(SIDE) >= column[:, None])


def test_a_road_that_breaks_off_costs_its_width():
    gaps = np.zeros((SIDE, SIDE))
    gaps[10:13] = 5.0
    both = np.stack([gaps, gaps.T])
    assert seam_costs(both, (8, 0, 0, 0)).tolist() == [15.0, 0.0]
    assert seam_costs(both, (0, 8, 0, 0)).tolist() == [0.0, 15.0]


def test_without_margins_all_is_laid():
    assert seamed(differing(1), (0, 0, 0, 0)).all()
