"""Snow: mixtures become snow on heights and ground below, in mountains, where it may snow."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography import snow
from generator.geography.geography import Geography
from generator.geography.overlay import Overlay
from generator.geography.terrain import MOST, SCALES, terrain
from generator.grid.rectangle import Rectangle
from generator.grid.tile import cell_at
from tests.rectangles import whole_and_part
from tests.test_geography_hillshade import ALPS, ANDES, PLACES, SHADE
from tests.test_geography_parcels import around

ZOOMS = 7, 9, 11, 13, 15, 17
NAXOS = 37.1, 25.45
FIXED = "537a1e1983cbdaae"
"""Begin of the digest of heights at two places and six zooms."""

MIXTURE = 150, 152, 148


def snowy(zoom: int, area: Rectangle) -> np.ndarray:
    """Return how much of a mountain with snow ground may be; none at all is 0."""
    found = SHADE.snowy(zoom, area)
    return np.zeros((area.height, area.width), np.int16) if found is None else found


def apart(zoom: int, colour: tuple[int, int, int], steep: int = 128, most: int = 256) -> np.ndarray:
    """Take a colour apart at 257 ranks of height: float64 [257, 3]."""
    pixels = np.full((1, 257, 3), colour, np.uint8)
    mixed = snow.snowy(pixels)
    if mixed is None:
        return pixels[0].astype(float)
    ranks = np.arange(257, dtype=np.int16)[None]
    same = (np.full_like(ranks, one) for one in (most, steep))
    return snow.on_heights(zoom, pixels, mixed, *same, ranks)[0].astype(float)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_a_mixture_is_snow_on_heights_and_ground_below(zoom: int) -> None:
    made = apart(zoom, MIXTURE)
    assert (np.diff(made.mean(1)) >= 0).all()
    assert made[-1].mean() > 185
    assert made[0].mean() < 115
    # As much of it is light as before, but for snow that is no white and rock that is no forest.
    assert abs(made.mean() - np.mean(MIXTURE)) < 8
    # In plains it stays, and half way in hills.
    np.testing.assert_array_equal(apart(zoom, MIXTURE, 0), np.full((257, 3), MIXTURE))
    hills = apart(zoom, MIXTURE, 64)
    assert np.abs(hills - (made + MIXTURE) / 2).max() <= 1


@pytest.mark.parametrize("colour", [(40, 60, 35), (90, 85, 70), (200, 170, 130), (60, 75, 76)])
def test_forest_rock_and_sand_hold_no_snow(colour: tuple[int, int, int]) -> None:
    np.testing.assert_array_equal(apart(9, colour), np.full((257, 3), colour))


def test_snow_alone_is_snow_at_every_height() -> None:
    made = apart(11, (240, 242, 245))
    assert (made == made[0]).all()
    assert np.abs(made[0] - snow.SNOW).max() < 6


def test_a_pale_layout_is_no_snow_where_its_parent_has_none() -> None:
    np.testing.assert_array_equal(apart(9, MIXTURE, most=0), np.full((257, 3), MIXTURE))
    area = around(ALPS, 11, 8)
    colours = (40, 60, 35), (230, 234, 238)
    least, most = (
        snow.most_of(11, area, np.full((4, 4, 3), colour, np.uint8)) for colour in colours
    )
    assert least.shape == (8, 8)
    assert least.max() == 0
    assert most.min() == 256


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZOOMS), st.sampled_from(PLACES), st.data())
def test_rectangles_agree_where_they_overlap(
    zoom: int, place: tuple[float, float], data: st.DataObject
) -> None:
    x, y = cell_at(place[1], place[0], 256 << zoom)
    area, inside, at = whole_and_part(data, zoom, x - 40, y - 40)
    np.testing.assert_array_equal(snowy(zoom, inside), snowy(zoom, area)[at])
    np.testing.assert_array_equal(SHADE.ranks(zoom, inside), SHADE.ranks(zoom, area)[at])


def test_every_machine_has_the_same_heights() -> None:
    digest = hashlib.sha256()
    for zoom in ZOOMS:
        for place in (ALPS, ANDES):
            area = around(place, zoom)
            for made in (snowy(zoom, area), SHADE.ranks(zoom, area)):
                digest.update(np.ascontiguousarray(made).tobytes())
    assert digest.hexdigest()[: len(FIXED)] == FIXED


def test_it_snows_in_high_mountains_and_far_from_the_equator() -> None:
    assert snowy(11, around(ALPS, 11)).mean() > 100
    assert SHADE.snowy(11, around(NAXOS, 11)) is None


@pytest.mark.parametrize("zoom", [9, 11, 13])
def test_as_much_lies_lower_as_ranks_say(zoom: int) -> None:
    ranks = SHADE.ranks(zoom, around(ALPS, zoom, 512))
    for part in (64, 128, 192):
        assert abs((ranks < part).mean() - part / 256) < 0.1


def test_ranks_are_shares_of_the_map() -> None:
    assert SCALES == 6
    for scale in range(SCALES):
        ranks = terrain().ranks(scale)
        assert (len(ranks), ranks[-1]) == (4 * MOST + 1, 256)
        assert (np.diff(ranks) >= 0).all()
        assert 100 < ranks[2 * MOST] < 200


def test_children_of_mountains_have_snow_on_heights_alone() -> None:
    zoom, area = 11, around(ALPS, 11)
    mixed = np.full((area.height, area.width, 3), MIXTURE, np.uint8)
    world = Geography(hillshade=SHADE)
    made = world.completed(zoom, area.coarser(4), mixed, _plain(world, zoom, area), None)
    high = SHADE.ranks(zoom, area) > 200
    assert made[high].mean() > 180
    assert made[~high].mean() < 150


def _plain(world: Geography, zoom: int, area):
    outer = area.coarser(4).grown(1)
    pixels = np.full((outer.height, outer.width, 3), MIXTURE, np.uint8)
    return world.parent_ground(zoom - 2, outer, lambda _: pixels, True)


def test_snow_hides_what_grows_there() -> None:
    shade = np.full((1, 2, 3), 20, np.int16)
    plants = np.full((1, 2, 3), -30, np.int16)
    overlay = Overlay(shade + plants, np.zeros((1, 2), np.uint16), plants)
    ground = np.array([[[50, 60, 45], [210, 214, 220]]], np.uint8)
    seen = overlay.over(ground)
    np.testing.assert_array_equal(seen, [[[40, 50, 35], [230, 234, 240]]])
    np.testing.assert_array_equal(overlay.taken_from(seen), ground)
    none = Overlay(shade, np.zeros((1, 2), np.uint16))
    np.testing.assert_array_equal(overlay.joined(none).plants, plants)
    np.testing.assert_array_equal(none.joined(overlay).plants, plants)
    np.testing.assert_array_equal(overlay.joined(overlay).plants, 2 * plants)
