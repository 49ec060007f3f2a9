"""Every second square of a picture laid anew with other parts of it."""

import numpy as np
import pytest

from generator.banks.quilt import quilted
from generator.imagery.sources import Decoded
from tests.fakes_clouds import town
from tests.test_banks_fill import HOLE, SIDE, clouded

SQUARE = 48


def squares(odd):
    """Return where the inner parts of a chequer's squares of SQUARE pixels lie, bool."""
    at = np.arange(SIDE)
    inside = (at % SQUARE >= 8) & (at % SQUARE < SQUARE - 8)
    number = at // SQUARE
    chosen = (number[:, None] + number) % 2 == odd
    return chosen & inside[:, None] & inside


def test_every_second_square_of_a_quilted_picture_is_another_part_of_it():
    picture = town(SIDE, SIDE)
    made = quilted(Decoded(picture), SQUARE).pixels
    np.testing.assert_array_equal(made[squares(0)], picture[squares(0)])
    moved = np.abs(made.astype(int) - picture).mean(-1)[squares(1)]
    assert (moved > 4).mean() > 0.3
    # What lies there is texture of the picture: as bright and as rough.
    assert made[squares(1)].std() == pytest.approx(picture.std(), rel=0.25)
    assert made[squares(1)].mean() == pytest.approx(picture.mean(), rel=0.1)


def test_quilting_leaves_what_a_mask_leaves_out_and_takes_nothing_from_there():
    given = clouded(town(SIDE, SIDE), HOLE)
    made = quilted(given, SQUARE)
    np.testing.assert_array_equal(made.mask, given.mask)
    assert (made.pixels[HOLE] == 255).all()
    away = np.ones((SIDE, SIDE), bool)
    away[HOLE] = False
    assert (made.pixels[away] == 255).all(-1).mean() <= (given.pixels[away] == 255).all(-1).mean()


def test_a_picture_of_less_than_two_squares_is_not_quilted():
    given = Decoded(town(SIDE, SIDE))
    assert quilted(given, SIDE // 2 + 1) is given


def test_a_small_picture_goes_on_with_parts_of_itself():
    picture = town(SIDE, SIDE)
    made = quilted(Decoded(picture), SQUARE, SIDE + 3 * SQUARE).pixels
    assert made.shape == (SIDE + 3 * SQUARE, SIDE + 3 * SQUARE, 3)
    np.testing.assert_array_equal(made[:SIDE, :SIDE][squares(0)], picture[squares(0)])
    beyond = made[:, SIDE:]
    assert beyond.std() == pytest.approx(picture.std(), rel=0.25)
    assert beyond.mean() == pytest.approx(picture.mean(), rel=0.1)
    # No part of the ground that was laid out before the picture was filled is left.
    assert (beyond == 0).all(-1).mean() <= (picture == 0).all(-1).mean()


def test_no_part_is_mirrored_at_its_seam():
    random = np.random.default_rng(3)
    picture = town(SIDE, SIDE) // 2 + random.integers(0, 100, (SIDE, SIDE, 3), np.uint8)
    made = quilted(Decoded(picture), SQUARE, SIDE + 3 * SQUARE).pixels.mean(2)
    for whole in (made, made.T):
        for axis in range(SIDE + 20, SIDE + 3 * SQUARE - 20):
            # Patches of 12 x 10 pixels beside an axis are never the mirror images of those beyond.
            beside, beyond = whole[:, axis - 10 : axis], whole[:, axis : axis + 10][:, ::-1]
            both = [each.reshape(-1, 120) for each in (beside, beyond)]
            a, b = (each - each.mean(1, keepdims=True) for each in both)
            alike = (a * b).sum(1) / np.sqrt((a * a).sum(1) * (b * b).sum(1))
            assert alike.max() < 0.95


def test_a_picture_of_its_size_or_with_holes_does_not_go_on():
    assert quilted(Decoded(town(SIDE, SIDE)), SQUARE, SIDE // 2).pixels.shape[0] == SIDE
    assert quilted(clouded(town(SIDE, SIDE), HOLE), SQUARE, 2 * SIDE).pixels.shape[0] == SIDE
