import numpy as np
import pytest

from generator.banks.areas import around, grown, shrunk, tiles
from generator.grid.integral import integral, squares

NUMBERS = np.random.default_rng(0).integers(0, 9, (13, 17))


@pytest.mark.parametrize("side", [1, 3, 6, 13])
def test_sums_over_squares_are_those_of_every_square(side: int) -> None:
    found = squares(NUMBERS, side)
    assert found.shape == (14 - side, 18 - side)
    assert found[-1, 0] == NUMBERS[13 - side :, :side].sum()
    assert found[0, -1] == NUMBERS[:side, 17 - side :].sum()
    assert integral(NUMBERS)[-1, -1] == NUMBERS.sum()


def test_no_square_fits_into_less() -> None:
    assert squares(NUMBERS, 14).size == 0


def test_around_goes_on_with_the_edge() -> None:
    assert around(NUMBERS, 3)[5, 5] == NUMBERS[4:7, 4:7].sum()
    assert around(np.ones((4, 4), bool), 5).tolist() == [[25] * 4] * 4


def test_masks_shrink_and_grow() -> None:
    mask = np.zeros((9, 9), bool)
    mask[2:7, 2:7] = True
    assert grown(mask, 3).sum() == 49
    assert shrunk(mask, 3).sum() == 9
    assert (grown(shrunk(mask, 3), 3) == mask).all()


def test_tiles_leave_out_what_is_no_whole_tile() -> None:
    assert tiles(NUMBERS, 6).shape == (2, 2)
    assert tiles(NUMBERS, 6)[1, 1] == NUMBERS[6:12, 6:12].sum()
