import numpy as np
import pytest

from experiments.scenery import KINDS, ParentTile, draw, share
from generator.base.basemap import BaseMap
from generator.grid.tile import Tile
from tests.planet import DESERT, LAND, SEA, write_planet
from training.errors import TrainingError


@pytest.fixture(scope="module")
def basemap(tmp_path_factory):
    return BaseMap.open(write_planet(tmp_path_factory.mktemp("planet") / "planet.png"))


def flat(colour, side=256):
    return np.full((side, side, 3), colour, np.uint8)


def test_a_picture_is_of_a_kind_by_the_share_of_its_pixels():
    half = np.hstack([flat(SEA), flat(LAND)])
    assert [share(kind, half) for kind in KINDS] == [0.5, 1.0, 0.0, 0.5]
    assert [share(kind, flat(DESERT)) for kind in KINDS] == [0, 0, 1, 0]
    assert [share(kind, flat(SEA)) for kind in KINDS] == [0, 0, 0, 1]
    # Snow is land, and no desert.
    assert share("land", flat((240, 240, 240))) == 1


def test_kinds_take_turns_and_no_tile_comes_twice(basemap):
    parents = draw(basemap, KINDS, 10, 0)
    assert [parent.kind for parent in parents] == [*KINDS, *KINDS, "land", "coast"]
    assert len({parent.tile for parent in parents}) == 10
    for parent in parents:
        assert parent.tile.z == 5
        assert abs(parent.tile.latitude) <= 72
        assert share(parent.kind, parent.pixels[64:-64, 64:-64]) >= 0.4
        np.testing.assert_array_equal(parent.pixels, basemap.tile(parent.tile))


def test_places_follow_from_the_seed(basemap):
    first, again, other = (
        [parent.tile for parent in draw(basemap, ("land", "sea"), 8, seed)] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_too_few_places_of_a_kind_are_said_in_a_sentence(basemap):
    with pytest.raises(TrainingError, match=r"zoom-5 tiles of the kind 'coast', expected .* 500"):
        draw(basemap, ("coast",), 500, 0)


def test_four_children_meet_at_the_centre_of_their_parent():
    parent = ParentTile("land", Tile(9, 300, 200), flat(LAND))
    assert {child.parent(2) for child in parent.children} == {parent.tile}
    west, east = (parent.children[k].bounds for k in (0, 3))
    bounds = parent.tile.bounds
    assert west[2] == east[0] == pytest.approx((bounds[0] + bounds[2]) / 2)
    assert west[1] == east[3]


def test_the_way_down_takes_the_child_that_shows_most_of_the_kind():
    made = np.vstack([np.hstack([flat(LAND), flat(LAND)]), np.hstack([flat(SEA), flat(LAND)])])
    parent = ParentTile("sea", Tile(9, 300, 200), flat(LAND))
    below = parent.below(made)
    assert below.tile == parent.children[2]
    assert below.kind == "sea"
    np.testing.assert_array_equal(below.pixels, flat(SEA))


def test_a_scene_answers_for_its_own_tile_only():
    parent = ParentTile("sea", Tile(9, 300, 200), flat(SEA))
    assert parent.read(Tile(9, 300, 200)) is parent.pixels
    with pytest.raises(TrainingError, match="margin is wider than the 64 pixels"):
        parent.read(Tile(9, 301, 200))
