"""The median filter: exact, the same in every window, spots go and edges stay."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import median_filter

from generator.nets.median import median


@given(
    arrays(np.uint8, st.tuples(st.integers(11, 30), st.integers(11, 30), st.just(3))),
    st.sampled_from([1, 3, 5, 11]),
)
def test_it_is_the_median_of_rows_then_of_columns(picture, side):
    edge = side // 2
    rows = median_filter(picture, (1, side, 1))
    whole = median_filter(rows, (side, 1, 1))
    expected = whole[edge : len(whole) - edge, edge : whole.shape[1] - edge]
    made = median(picture, side)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("seed", range(4))
def test_a_window_has_the_pixels_of_the_whole(seed):
    random = np.random.default_rng(seed)
    picture = random.integers(0, 256, (60, 50, 3)).astype(np.uint8)
    whole = median(picture, 11)
    y, x = random.integers(0, 20, 2)
    part = median(picture[y : y + 33, x : x + 27], 11)
    np.testing.assert_array_equal(part, whole[y : y + 23, x : x + 17])


def test_a_spot_goes_and_an_edge_stays():
    picture = np.full((41, 41, 3), 60, np.uint8)
    picture[:, 20:] = 180
    spotted = picture.copy()
    spotted[8:12, 6:10], spotted[25:28, 30:34] = 250, 0
    np.testing.assert_array_equal(median(spotted, 11), picture[5:-5, 5:-5])
