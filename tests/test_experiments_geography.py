"""Shores and rivers in pictures that are made by hand, places of the Earth, and what is printed."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from experiments.courses import course
from experiments.geographycoasts import Coast, registered
from experiments.geographycoasts import table as coast_table
from experiments.geographycost import ZOOMS, Held, LayerCost, layers_of
from experiments.geographycost import table as cost_table
from experiments.geographyfigure import View
from experiments.geographyplaces import RiverPlace, WorldPair, coasts, deeper, parted, shares_of
from experiments.geographyrivers import River, gap, line_ratio, side_ratio
from experiments.geographyrivers import table as river_table
from experiments.shores import boundary, figures, majority, without_specks
from generator.base.basemap import BaseMap
from generator.geography.choice import EARTH_FOLDER
from generator.geography.layerfile import LayerFile
from generator.geography.water import WaterLayer
from generator.grid.tile import Tile
from tests.geographies import striped
from tests.planet import tiny_cascade, write_planet
from training.errors import TrainingError

LAND, SEA = np.array([110.0, 95, 60]), np.array([20.0, 45, 80])


@pytest.fixture(scope="module")
def basemap(tmp_path_factory):
    return BaseMap.open(write_planet(tmp_path_factory.mktemp("planet") / "planet.png"))


@pytest.fixture(scope="module")
def water():
    return WaterLayer.open(LayerFile.read(EARTH_FOLDER / "water.bin"))


def mask():
    """Return a mask of water, whose shore winds."""
    rows = np.arange(256)
    edge = 128 + 30 * np.sin(rows / 25)
    return rows[None, :] > edge[:, None]


def painted(water, blur=0.0, texture=4.0):
    """Return a picture of land and sea with texture, blurred."""
    share = gaussian_filter(water.astype(float), blur) if blur else water.astype(float)
    colours = LAND + share[..., None] * (SEA - LAND)
    noise = np.random.default_rng(0).normal(0, texture, (256, 256, 3))
    return np.clip(colours + noise, 0, 255).astype(np.uint8)


def test_a_shore_on_the_mask_is_steep_and_lies_there():
    found = figures(painted(mask()), mask())
    assert found.median == found.high == 0
    assert found.agree == 1
    assert found.chance > 10
    assert found.steep > 0.5
    assert found.own > 0.5
    assert found.texture < 0.3
    assert found.near == pytest.approx(found.inland, abs=1)
    assert found.sea > found.inland + 50


def test_a_shore_beside_the_mask_is_found_as_far_away():
    found = figures(painted(np.roll(mask(), 6, 1)), mask())
    assert 3.5 <= found.median <= 6
    assert found.agree < 0.8


def test_a_blurred_shore_is_flatter_and_bleeds():
    found = figures(painted(mask(), blur=4), mask())
    assert found.steep < 0.3
    assert found.near > found.inland + 5


def test_boundaries_lie_on_both_sides_and_specks_have_none():
    speckled = mask()
    speckled[20, 20] = speckled[40:44, 10:14] = True
    assert not majority(speckled)[20, 20]
    np.testing.assert_array_equal(without_specks(speckled), mask())
    edge = boundary(np.repeat(np.arange(10)[None] >= 5, 10, 0))
    assert edge[0].tolist() == [4 <= x <= 5 for x in range(10)]


def test_a_mask_is_shifted_to_a_real_picture():
    wide = np.pad(mask(), 4, mode="edge")
    off = np.roll(wide, (2, -3), (0, 1))
    np.testing.assert_array_equal(registered(painted(mask()), off)[8:-8, 8:-8], mask()[8:-8, 8:-8])


def river(width, gaps=slice(0)):
    """Return shares of a winding river, and a picture of noisy ground with it."""
    rows = np.arange(256)
    axis = 128 + 20 * np.sin(rows / 30)
    apart = np.abs(rows[None, :] - axis[:, None])
    shares = (255 * np.clip(width / 2 + 0.5 - apart, 0, 1)).astype(np.uint8)
    drawn = shares.astype(float)
    drawn[gaps] = 0
    ground = painted(np.zeros((256, 256), bool), texture=8).astype(float)
    picture = ground + drawn[..., None] / 255 * (SEA - LAND)
    return shares, picture.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [1.5, 3, 9])
def test_a_course_is_followed_in_its_middle(width):
    shares, _ = river(width)
    at = course(shares, shares, (100, 140))
    assert set(at.path[:, 0].tolist()) == set(range(256))
    expected = 128 + 20 * np.sin(at.path[:, 0] / 30)
    # Ends may lie in a corner of the river.
    assert np.abs(at.path[:, 1] - expected)[10:-10].max() <= 1.6
    assert at.width == pytest.approx(width, abs=1.5)


def test_the_river_nearest_to_the_place_is_followed():
    shares, _ = river(3)
    shares[:, 30:33] = 255
    assert (course(shares, shares, (100, 40)).path[:, 1] == 31).mean() > 0.9


@pytest.mark.parametrize("width", [1.5, 9])
def test_a_river_is_told_from_what_lies_beside_it(width):
    shares, picture = river(width)
    at = course(shares, shares, (100, 140))
    assert line_ratio(picture, at) > 3
    assert side_ratio(picture, at) > 3
    assert gap(picture, at) == 0


def test_without_a_river_its_line_is_as_any_other():
    shares, picture = river(3, slice(None))
    at = course(shares, shares, (100, 140))
    assert line_ratio(picture, at) == pytest.approx(1, abs=0.2)
    assert side_ratio(picture, at) == pytest.approx(0.95, abs=0.2)
    assert gap(picture, at) > 20


def test_a_gap_is_about_as_long_as_what_is_missing():
    # Texture that happens to look like the river may cut it in two.
    shares, picture = river(3, slice(100, 130))
    assert 15 <= gap(picture, course(shares, shares, (100, 140))) <= 38


def test_coasts_are_far_apart_and_have_land_and_water(water, basemap):
    tiles = coasts(water, basemap, 5, 0)
    assert tiles == coasts(water, basemap, 5, 0) != coasts(water, basemap, 5, 1)
    for tile in tiles:
        assert 0.19 < shares_of(water, tile).mean() / 255 < 0.81
        assert parted(shares_of(water, tile))
        below = deeper(water, tile)
        assert below is None or below.parent(2) == tile
    assert len({(tile.x // 8, tile.y // 8) for tile in tiles}) == 5


def test_a_river_place_knows_its_tile_and_pixel():
    place = RiverPlace("Asia", (5 << 17) + (70 << 9), (9 << 17) + (3 << 9))
    assert (place.tile(13).x, place.tile(13).y, *place.pixel(13)) == (5, 9, 3, 70)
    assert place.tile(11) == place.tile(13).parent(2)


def test_a_view_shows_its_place():
    tile, first = View("Null Island", 0.0, 0.0).at(7)
    assert (tile.x, tile.y, first) == (64, 64, 0)


def test_a_world_without_geography_is_refused(tmp_path):
    cascade = tiny_cascade(tmp_path)
    with pytest.raises(TrainingError, match="has no geography, expected one with water"):
        WorldPair(cascade, 0)


def test_both_worlds_make_the_tiles_of_a_place(tmp_path):
    cascade = tiny_cascade(tmp_path)
    cascade.geography = striped()
    tiles = [Tile(7, 40, 60)]
    made = {name: pixels for name, _, pixels in WorldPair(cascade, 0).tiles(tiles)}
    assert list(made) == ["geography", "none"]
    assert (made["geography"] != made["none"]).any()
    cascade.geography = None
    np.testing.assert_array_equal(cascade.render(0, tiles[0]), made["none"])


def test_tables_have_a_line_for_each_group():
    shore = figures(painted(mask()), mask())
    rows = [Coast(whose, 9, "9/1/2", shore) for whose in ("geography", "none", "blue-marble")]
    lines = coast_table(rows).splitlines()[2:]
    assert [line.split(" | ")[0] for line in lines] == ["| none", "| geography", "| blue-marble"]
    some = [River(w, z, "", "", 9, 1.0, 2.0, 1.0, 3) for w in ("none", "geography") for z in (7, 9)]
    assert len(river_table(some).splitlines()) == 2 + 4
    costs = [LayerCost("land", zoom, 2.0, {"water": 1.0}, {}) for zoom in ZOOMS]
    text = cost_table(costs, Held(10, 1.0, 2.0, 3.0))
    assert "| zoom 15 | 1 | 1.00 (1.00) |" in text
    assert "2.0 after 10 tiles" in text


def test_layers_are_named_by_what_they_are():
    assert list(layers_of(striped())) == ["water", "rivers", "roads"]
