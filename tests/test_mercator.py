"""Kernels of the base map: places, sums, edges."""

import math

import numpy as np
import pytest

from generator.grid import mercator


@pytest.mark.parametrize(("size", "side"), [(32, 64), (40, 4096)])
def test_weights_add_up_exactly_and_taps_lie_in_the_picture(size: int, side: int) -> None:
    for kernel in (mercator.rows(size, side), mercator.columns(size, side)):
        assert (kernel.weights.sum(1) == 1 << mercator.BITS).all()
        assert kernel.taps.min() >= 0
        assert kernel.taps.max() < size


def test_rows_stop_at_the_poles_and_columns_go_round() -> None:
    assert mercator.rows(16, 1024).taps[0].tolist() == [0, 0, 0, 1]
    assert mercator.columns(16, 1024).taps[0].tolist() == [14, 15, 0, 1]
    assert mercator.columns(16, 1024).taps[-1].tolist() == [14, 15, 0, 1]


def test_a_slope_is_met_where_it_is() -> None:
    side, size = 512, 200
    kernel = mercator.rows(size, side)
    values = (kernel.taps * kernel.weights).sum(1) / (1 << mercator.BITS)
    y = (np.arange(side) + 0.5) / side
    latitude = np.arctan(np.sinh(math.pi * (1 - 2 * y)))
    assert np.abs(values - ((0.5 - latitude / math.pi) * size - 0.5)).max() < 1e-2
