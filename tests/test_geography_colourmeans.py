"""Mean colours of one kind of ground round pixels, beside sums that are made one by one."""

from __future__ import annotations

import numpy as np
import pytest

from generator.geography.colourmeans import FAR, Weights, means, spread, weighed

RADII = {1: 1 << 18, 2: 1 << 13, 4: 1 << 8, 8: 1 << 3, 16: 1}


def square(array: np.ndarray, y: int, x: int, reach: int) -> np.ndarray:
    return array[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1]


@pytest.mark.parametrize("reach", [0, 1, 2, 3, 16])
def test_a_mask_spreads_to_all_whose_square_holds_any_of_it(reach: int) -> None:
    mask = np.random.default_rng(reach).random((30, 41)) < 0.01
    wanted = [[square(mask, y, x, reach).any() for x in range(41)] for y in range(30)]
    np.testing.assert_array_equal(spread(mask, reach), wanted)


@pytest.mark.parametrize("blurred", [False, True])
def test_means_are_sums_over_squares(blurred: bool) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (50, 60, 3)).astype(np.int32)
    weights = (rng.random((50, 60)) < 0.02) * np.int32(64)
    weights[:, 30:] = 0
    mixed = rng.random((50, 60)) < 0.01
    kind = Weights(weights > 0, weights, mixed if blurred else None)
    wanted = rng.random((50, 60)) < 0.3
    at, total, weight = means(pixels, kind, wanted)
    assert set(at.tolist()) <= set(np.flatnonzero(wanted).tolist())
    planes = np.concatenate([pixels, np.ones((50, 60, 1), np.int64)], 2)
    found = {number: (*sums, one) for number, sums, one in zip(at, total, weight, strict=True)}
    for number in np.flatnonzero(wanted):
        y, x = divmod(int(number), 60)
        parts = [(square(weights, y, x, r), square(planes, y, x, r), f) for r, f in RADII.items()]
        if blurred:
            parts.append((square(mixed, y, x, 4), square(planes, y, x, 4), 1))
        direct = sum((w[..., None].astype(np.int64) * p).sum((0, 1)) * f for w, p, f in parts)
        np.testing.assert_array_equal(found.get(number, (0, 0, 0, 0)), direct)


def test_sums_of_pictures_of_any_size_do_not_overflow() -> None:
    pixels = np.full((700, 700, 3), 255, np.int32)
    kind = Weights(np.ones((700, 700), bool), np.full((700, 700), 64, np.int32), None)
    wanted = np.zeros((700, 700), bool)
    wanted[0, 0] = wanted[-FAR - 1, -FAR - 1] = True
    _, total, weight = means(pixels, kind, wanted)
    np.testing.assert_array_equal(total // weight[:, None], np.full((2, 3), 255))


def test_pixels_beside_the_other_kind_count_less_and_blind_ones_not_at_all() -> None:
    other = np.zeros((9, 9), np.uint8)
    other[4, 4] = 255
    blind = np.zeros((9, 9), bool)
    blind[0, 0] = blind[4, 3] = True
    kind = weighed(other, blind, 0)
    assert kind.weights[4, 4] == kind.weights[0, 0] == kind.weights[4, 3] == 0
    assert kind.weights[3, 3] == 1
    assert kind.weights[2, 2] == 64
