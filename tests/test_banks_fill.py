"""Holes of pictures, filled with texture of the same picture."""

import numpy as np
import pytest

from generator.banks.fill import filled
from generator.imagery.sources import Decoded
from tests.fakes_clouds import land, town

SIDE = 288


def field(seed=0):
    """Return a chequer of 12 pixels with grain, uint8 [SIDE, SIDE, 3]."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] // 12
    grain = np.random.default_rng(seed).integers(-12, 13, (SIDE, SIDE, 1))
    light = 90 + 70 * ((y + x) % 2)[..., None] + grain
    return (light * np.array([1.0, 0.9, 0.7])).astype(np.uint8)


def clouded(pixels, *holes):
    """Return a picture whose holes (rows, columns) are white and masked."""
    pixels, mask = pixels.copy(), np.full(pixels.shape[:2], 255, np.uint8)
    for hole in holes:
        pixels[hole], mask[hole] = 255, 0
    return Decoded(pixels, mask)


HOLE = slice(100, 170), slice(90, 180)
INNER = slice(110, 160), slice(100, 170)


@pytest.mark.parametrize("make", [field, lambda: land(SIDE, SIDE, 3), lambda: town(SIDE, SIDE)])
def test_a_hole_is_filled_with_texture_of_the_same_statistics(make):
    picture = make()
    made = filled(clouded(picture, HOLE))
    assert made.mask is None
    here, there = made.pixels[INNER].astype(float), picture.astype(float)
    for axes in ((0, 1),):
        assert np.abs(here.mean(axes) - there.mean(axes)).max() < 0.15 * there.std() + 3
        assert here.std(axes) == pytest.approx(there.std(axes), rel=0.25)
    # Neighbouring pixels differ as much as elsewhere: neither smooth nor torn.
    rough = [np.abs(np.diff(each, axis=axis)).mean() for each in (here, there) for axis in (0, 1)]
    assert rough[:2] == pytest.approx(rough[2:], rel=0.25)


def test_the_chequer_goes_on_through_the_hole():
    picture = field()
    made = filled(clouded(picture, HOLE)).pixels
    bright = picture[..., 0] > 125
    assert ((made[..., 0] > 125) == bright)[INNER].mean() > 0.95


def test_pixels_that_are_known_stay_but_for_the_rim():
    picture = field()
    made = filled(clouded(picture, HOLE)).pixels
    far = np.ones((SIDE, SIDE), bool)
    far[90:180, 80:190] = False
    np.testing.assert_array_equal(made[far], picture[far])


def test_nothing_of_the_mask_is_left_and_the_same_comes_again():
    holes = (slice(0, 30), slice(0, 40)), HOLE, (slice(250, 288), slice(200, 288))
    given = clouded(field(), *holes)
    made = filled(given)
    assert made.mask is None
    for hole in holes:
        assert (made.pixels[hole] < 230).all()
    np.testing.assert_array_equal(made.pixels, filled(given).pixels)
    # A mask of another size covers the same ground.
    small = Decoded(given.pixels, np.ascontiguousarray(given.mask[::2, ::2]))
    assert (filled(small).pixels[INNER] < 230).all()


def test_a_shadow_beside_a_cloud_is_filled_too():
    picture = field()
    shaded = picture.copy()
    shaded[175:195, 100:170] = (20, 22, 26)
    made = filled(clouded(shaded, HOLE)).pixels[178:192, 105:165]
    assert made.mean() > 0.8 * picture.mean()
    # The same darkness far from any cloud is ground.
    shaded = picture.copy()
    shaded[250:270, 100:170] = (20, 22, 26)
    assert filled(clouded(shaded, HOLE)).pixels[252:268, 105:165].mean() < 30


@pytest.mark.parametrize("hole", [(slice(0, 220), slice(None)), (slice(None), slice(None))])
def test_a_picture_that_is_mostly_hole_is_returned_as_it_is(hole):
    given = clouded(field(), hole)
    assert filled(given) is given


def test_a_picture_without_a_mask_or_too_small_is_returned_as_it_is():
    whole = Decoded(field())
    assert filled(whole) is whole
    small = clouded(land(150, 400), HOLE)
    assert filled(small) is small
