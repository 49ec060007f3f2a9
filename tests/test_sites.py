"""Places of a data set: uniform over the sphere, each by its number, blocks never twice."""

import math

import numpy as np
import pytest

from generator.datasets import sites as spots
from generator.datasets.sites import LandMask, PairRequest, SampledPair, sample_pairs, sampling_site
from generator.grid.errors import DatasetError, TileError
from generator.grid.tile import Tile, tiles_in_bbox


def everywhere(latitude: float, longitude: float) -> bool:
    return True


def addresses(wish: PairRequest) -> list[tuple[int, int, str, int]]:
    return [(d.zoom, d.seed, str(d.block), d.number) for d in sample_pairs(wish, everywhere)]


def test_equal_areas_are_equally_likely() -> None:
    points = np.array([sampling_site(PairRequest((7,), 1), number) for number in range(4000)])
    # Half of the sphere's area lies within 30 degrees of the equator; a flat map gives a third.
    assert abs((np.abs(points[:, 0]) < 30).mean() - 0.5) < 0.03
    assert abs((points[:, 1] < 0).mean() - 0.5) < 0.03
    assert np.abs(points[:, 0]).max() > 75


def test_a_longer_list_goes_on_where_a_shorter_ended() -> None:
    short, long = (addresses(PairRequest((7, 11), count, (0, 5))) for count in (20, 50))
    assert set(short) < set(long)
    assert addresses(PairRequest((7, 11), 20, (0, 5))) == short
    assert addresses(PairRequest((7, 11), 20, (0, 5), key=1)) != short


def test_no_block_of_a_world_comes_twice_and_seeds_take_turns() -> None:
    wish = PairRequest((7,), 40, (3, 4), (0.0, 0.0, 45.0, 30.0))
    found = sample_pairs(wish, everywhere)
    assert len({(d.seed, d.block) for d in found}) == 40
    assert [d.seed for d in sorted(found, key=lambda d: d.number)] == [3, 4] * 20


def test_all_zooms_share_their_places() -> None:
    fine = {
        d.number: d.block.top
        for d in sample_pairs(PairRequest((9, 13), 5), everywhere)
        if d.zoom == 13
    }
    coarse = {
        d.number: d.block.top
        for d in sample_pairs(PairRequest((9, 13), 5), everywhere)
        if d.zoom == 9
    }
    assert all(fine[number].parent(4) == coarse[number] for number in range(5))


def test_a_box_across_the_dateline_holds_its_places() -> None:
    wish = PairRequest((11,), 30, box=(170.0, -20.0, -170.0, -10.0))
    points = [sampling_site(wish, number) for number in range(200)]
    assert all(abs(lon) >= 170 and -20 <= lat <= -10 for lat, lon in points)
    allowed = set(tiles_in_bbox(*wish.box, 10))
    assert all(drawn.block.top in allowed for drawn in sample_pairs(wish, everywhere))


def test_where_and_how_fine_a_pair_is() -> None:
    (drawn,) = sample_pairs(PairRequest((13,), 1, box=(8.0, 46.0, 8.1, 46.1)), everywhere)
    assert drawn.latitude == pytest.approx(46.05, abs=0.1)
    assert drawn.longitude == pytest.approx(8.05, abs=0.1)
    metres = 156543.034 * math.cos(math.radians(drawn.latitude)) / 2**13
    assert drawn.resolution == pytest.approx(metres)


def test_only_land_is_drawn_where_that_is_asked() -> None:
    wish = PairRequest((9,), 25, land=True)
    found = sample_pairs(wish, lambda latitude, longitude: longitude > 0)
    assert len(found) == 25
    assert all(drawn.longitude > -1 for drawn in found)


def test_water_is_blue_and_ice_is_land() -> None:
    colours = {0: (5, 13, 40), 1: (60, 80, 40), 2: (237, 245, 252)}

    def read(tile: Tile) -> np.ndarray:
        pixels = np.zeros((256, 256, 3), np.uint8)
        pixels[:] = colours[tile.x % 3]
        return pixels

    land = LandMask(read)
    span = 360 / 32
    assert [land(3.0, -180 + span * (x + 0.5)) for x in range(3)] == [False, True, True]


def test_the_pixel_under_the_place_counts() -> None:
    pixels = np.zeros((256, 256, 3), np.uint8)
    pixels[:] = (5, 13, 40)
    pixels[0, 255] = (90, 80, 40)  # the north-eastern corner of the tile north-east of 0, 0
    land = LandMask(lambda tile: pixels)
    step = 360 / 32
    assert land(Tile(5, 16, 15).bounds[3] - 0.01, step - 0.01)
    assert not land(Tile(5, 16, 15).bounds[3] - 0.01, step - 0.1)


def test_a_box_with_too_few_blocks_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spots, "MOST_DRAWS", 50)
    with pytest.raises(DatasetError, match="holds only 1 different blocks at zoom 7"):
        sample_pairs(PairRequest((7,), 2, box=(8.0, 46.0, 8.1, 46.1)), everywhere)
    with pytest.raises(DatasetError, match="holds only 0 different blocks of land"):
        sample_pairs(PairRequest((7,), 2, land=True), lambda latitude, longitude: False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"zooms": (12,)}, "zoom 12 is no stage, expected zooms of 7, 9"),
        ({"zooms": ()}, "no zoom is given"),
        ({"count": 0}, "number of pairs is 0"),
        ({"seeds": (2**64,)}, "expected 0 to 2"),
        ({"box": (0.0, 86.0, 1.0, 88.0)}, "beyond the map"),
        ({"box": (0.0, 10.0, 1.0, 5.0)}, "south not above north"),
    ],
)
def test_what_cannot_be_drawn_is_refused(given: dict[str, object], words: str) -> None:
    wanted: dict[str, object] = {"zooms": (7,), "count": 1} | given
    with pytest.raises((DatasetError, TileError), match=words):
        PairRequest(**wanted)  # type: ignore[arg-type]


def test_pairs_are_ordered_by_place() -> None:
    found: list[SampledPair] = sample_pairs(PairRequest((7, 13), 3), everywhere)
    assert [d.zoom for d in found] == [7, 13] * 3
