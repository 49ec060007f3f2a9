"""The tone curve: what it does to land, sea and ice, that it is whole numbers, and its names."""

import hashlib
from pathlib import Path

import numpy as np
import pytest

from generator.base import tone
from generator.grid.errors import BaseMapError


def toned(*colour: int) -> list[int]:
    made = tone.apply(np.array(colour, np.uint8))
    return [int(value) for value in made]


def every_colour() -> np.ndarray:
    """Return all colours of every fifth grey level, uint8 [52, 52, 52, 3]."""
    levels = np.arange(0, 256, 5, dtype=np.uint8)
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), -1)


def test_the_pixels_of_every_colour_are_fixed() -> None:
    made = tone.apply(every_colour())
    assert made.dtype == np.uint8
    assert hashlib.sha256(made.tobytes()).hexdigest()[:16] == "dfd52d24b1eea7d7"


def test_a_pixel_does_not_depend_on_its_neighbours_or_the_arrays_shape() -> None:
    colours = every_colour()
    whole = tone.apply(colours)
    for at in ((0, 3, 50), (51, 51, 51), (20, 1, 7)):
        assert np.array_equal(tone.apply(colours[at]), whole[at])
    flat = colours.reshape(-1, 3)
    assert np.array_equal(tone.apply(flat), whole.reshape(-1, 3))
    tall = np.broadcast_to(flat[:1000, None], (1000, 3, 3))
    assert np.array_equal(tone.apply(tall)[:, 1], whole.reshape(-1, 3)[:1000])


def test_what_it_is_given_stays_as_it_was() -> None:
    colours = every_colour()
    tone.apply(colours)
    assert np.array_equal(colours, every_colour())


def test_greys_rise_without_a_gap_and_stay_grey() -> None:
    made = tone.apply(np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)).astype(int)
    assert (made == made[:, :1]).all()
    steps = np.diff(made[:, 0])
    assert steps.min() >= 0
    assert steps[16:].max() <= 2
    assert made[0, 0] == 0


def test_land_is_lifted_most_where_it_is_dark() -> None:
    forest, field, desert = toned(22, 34, 10), toned(56, 64, 31), toned(183, 158, 124)
    assert sum(forest) > 1.8 * (22 + 34 + 10)
    assert 1.4 < sum(field) / (56 + 64 + 31) < 1.7
    assert abs(sum(desert) - (183 + 158 + 124)) < 20
    assert forest[1] == max(forest)
    assert field[1] == max(field)
    assert desert[0] > desert[1] > desert[2]


def test_ice_leaves_room_above_it_and_keeps_its_relief() -> None:
    assert max(toned(255, 255, 255)) < 245
    shaded, lit = toned(238, 241, 243), toned(250, 252, 253)
    assert all(after - before >= 9 for before, after in zip(shaded, lit, strict=True))


@pytest.mark.parametrize("sea", [(1, 4, 19), (7, 19, 46), (28, 70, 128)])
def test_the_sea_is_a_calmer_blue(sea: tuple[int, int, int]) -> None:
    red, green, blue = toned(*sea)
    assert red < green < blue
    assert (blue - red) / blue < (sea[2] - sea[0]) / sea[2]
    assert red + green + blue > sum(sea)


def test_the_deepest_sea_is_no_longer_black() -> None:
    assert toned(1, 4, 19)[2] > 40


def test_each_base_map_has_a_tone_of_its_own_unless_one_is_named() -> None:
    assert tone.is_natural(None, None)
    assert tone.is_natural(None, Path("planet:3:ice"))
    assert not tone.is_natural(None, Path("mars.png"))
    assert not tone.is_natural("none", None)
    assert tone.is_natural("natural", Path("mars.png"))


def test_another_name_is_one_sentence() -> None:
    with pytest.raises(BaseMapError, match="tone is 'warm', expected one of: natural, none"):
        tone.is_natural("warm", None)
