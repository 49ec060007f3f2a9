"""Hillshading: the same in every window and at every zoom, lit from where the sun stands."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.derive import terrain as derived
from generator.geography.hillshade import Hillshade
from generator.geography.layerfile import LayerFile
from generator.geography.overlay import Overlay
from generator.geography.terrain import MOST, SCALES, SIDE, STREAMS, Terrain, terrain, to_bytes
from generator.geography.terrainregions import REGION_BITS, streams_at, terrain_region
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, cell_at
from tests.fakes_ground import earth_ground
from tests.rectangles import child_means, digest_of, drawn_by, windows_agree, with_children
from tests.test_geography_dunes import NAMIB
from tests.test_geography_parcels import BEAUCE, around

GROUND = earth_ground()
SHADE = Hillshade(GROUND.relief, GROUND.cover, GROUND.built, terrain())
PLACES = (46.5, 9.8), (-32.6, -70.0), (66.2, 179.99), (49.5, 68.0)
ALPS, ANDES, DATE_LINE, STEPPE = PLACES
FIXED = "f47798ad32c171e6"
"""Begin of the digest of shading at three places and five zooms."""


def drawn(zoom: int, area: Rectangle, shade: Hillshade = SHADE) -> Overlay:
    """Return the shading of a rectangle; none at all is of no colour."""
    return drawn_by(shade, zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from((9, 11, 13, 15, 17)), st.sampled_from(PLACES), st.data())
def test_rectangles_agree_where_they_overlap(
    zoom: int, place: tuple[float, float], data: st.DataObject
) -> None:
    x, y = cell_at(place[1], place[0], 256 << zoom)
    windows_agree(SHADE, data, zoom, x - 40, y - 40)


def test_every_machine_shades_alike() -> None:
    zooms, places = (9, 11, 13, 15, 17), (ALPS, ANDES, STEPPE)
    windows = ((zoom, around(place, zoom)) for zoom in zooms for place in places)
    assert digest_of(SHADE, windows)[: len(FIXED)] == FIXED


@pytest.mark.parametrize("zoom", [11, 13])
def test_shading_is_that_of_the_zoom_above(zoom: int) -> None:
    area = around(ALPS, zoom)
    coarse, mean = with_children(SHADE, zoom, area)
    assert coarse.std() > 8
    assert np.corrcoef(mean.ravel(), coarse.ravel())[0, 1] > 0.8


def test_regions_fade_into_each_other() -> None:
    # A rectangle of four regions has no step that is not a slope's.
    light = drawn(11, around(ALPS, 11, 1024)).colours.mean(2)
    steps = np.abs(np.diff(light, axis=1)).mean(0)
    assert steps.max() < 3 * np.median(steps)


@pytest.mark.parametrize(("place", "sunny"), [(ALPS, 1), (ANDES, -1)])
@pytest.mark.parametrize("seed", range(4))
def test_slopes_towards_the_sun_are_light(
    place: tuple[float, float], sunny: int, seed: int
) -> None:
    # A region whose map falls to the south of the world everywhere, however it is turned.
    x, y = (part >> REGION_BITS for part in cell_at(place[1], place[0], 1 << 30))
    region = terrain_region(seed, y, x)
    cosine, sine = region.placements[0].turn
    falls = [-1 if flip else 1 for flip in region.mirrored]
    rises = [-falls[0] * cosine // 16, -falls[1] * sine // 16, 0, 0]
    slopes = tuple(np.full((SIDE >> k, SIDE >> k, 4), rises, np.int8) for k in range(SCALES))
    shade = replace(SHADE, seed=seed, terrain=Terrain(slopes))
    middle = Rectangle(x << 9, y << 9, 8, 8)
    made = drawn(11, middle, shade).colours.astype(int) * sunny
    assert made.min() > 5


def test_there_is_none_on_plains() -> None:
    assert SHADE.overlay(13, around(BEAUCE, 13)) is None
    assert SHADE.overlay(7, around(ALPS, 7)) is None


def test_towns_are_level() -> None:
    town, beyond = (drawn(13, around(place, 13)).colours for place in ((-33.44, -70.65), ANDES))
    assert town.std() < beyond.std() / 4


def test_sand_has_dunes_instead() -> None:
    assert SHADE.overlay(13, around(NAMIB, 13)) is None


def test_grassland_rolls_a_little() -> None:
    rolling, steep = (drawn(13, around(place, 13)) for place in (STEPPE, ALPS))
    assert 1 < rolling.colours.std() < steep.colours.std() / 2
    assert rolling.detail.max() < 0.8


def test_mountains_are_about_as_light_as_without() -> None:
    made = drawn(11, around(ALPS, 11, 512))
    assert np.abs(made.colours.mean((0, 1))).max() < 8
    assert np.abs(made.colours).max() < 136
    assert np.median(made.detail) < 0.7


def test_worlds_have_mountains_of_their_own() -> None:
    area, other = around(ALPS, 11), replace(SHADE, seed=7)
    first, second = (drawn(11, area, one).colours.astype(float) for one in (SHADE, other))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.5
    assert other.digest == SHADE.digest


def test_a_file_has_the_heights_it_was_made_of() -> None:
    heights = np.random.default_rng(0).integers(0, 3000, (SIDE, SIDE)).astype(np.int16)
    classes = np.random.default_rng(1).integers(0, len(STREAMS), (SIDE, SIDE)).astype(np.uint8)
    opened, made = (
        Terrain.open(LayerFile("heights", to_bytes(heights, classes))),
        Terrain.of(heights, classes),
    )
    for one, other in zip(opened.slopes + opened.streams, made.slopes + made.streams, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.abs(one.astype(int)).max() <= MOST


def test_a_damaged_file_is_refused() -> None:
    whole = to_bytes(*(np.zeros((SIDE, SIDE), kind) for kind in (np.int16, np.uint8)))
    for data in (whole[:40], whole[:16] + b"nothing", b"other"):
        with pytest.raises(GeographyError, match="heights"):
            Terrain.open(LayerFile("heights", data))


def test_rivers_carry_terrain_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derived, "METRES", 35 * SIDE // 64)
    heights = derived.eroded(((32, 30), (64, 20)), 3)
    assert heights.shape == (64, 64)
    assert 0 <= heights.min() < 1
    assert 100 < heights.max() < 4000
    np.testing.assert_array_equal(heights, derived.eroded(((32, 30), (64, 20)), 3))
    # It goes on at its other side: no step there is larger than those inside.
    steps = np.abs(np.diff(heights, axis=1))
    assert np.abs(heights[:, 0] - heights[:, -1]).max() <= 1.5 * steps.max()


def test_water_flows_down_to_an_outlet() -> None:
    lot = np.random.default_rng(1)
    rivers = np.zeros((16, 16), bool)
    rivers[4] = True
    heights = derived.distance(rivers, 10.0)
    assert heights.max() == pytest.approx(80)
    below, _ = derived.downstream(heights, rivers, 10.0, lot)
    order, begins = derived.levels_of(below)
    assert sorted(order) == list(range(256))
    assert set(order[: begins[1]]) == set(np.flatnonzero(rivers))
    assert (heights.ravel()[below] <= heights.ravel()).all()


def test_streams_come_together_and_reach_a_river() -> None:
    # A valley that falls to the east: its floor gathers what all of it drains.
    down, across = np.mgrid[:SIDE, :SIDE]
    heights = (abs(down - SIDE // 2) + (SIDE - 1 - across)).astype(np.int16)
    classes = derived.stream_classes(heights)
    floor = classes[SIDE // 2]
    assert (np.diff(floor[: SIDE - 2].astype(int)) >= 0).all()
    assert floor[SIDE - 8] >= 5
    assert classes[SIDE // 4, SIDE // 4] < 3


@pytest.mark.parametrize(("zoom", "share"), [(9, 0.4), (11, 0.3), (13, 0.3), (15, 0.4)])
def test_streams_are_lines_and_go_on_at_finer_zooms(zoom: int, share: float) -> None:
    area = around(STEPPE, zoom, 256)
    made = streams_at(terrain(), 0, zoom, area)
    assert made.min() >= 0
    assert 64 < made.max() <= MOST
    assert 0.005 < (made > 32).mean() < share
    fine = child_means(streams_at(terrain(), 0, zoom + 2, area.finer(SCALE)), area)
    assert np.corrcoef(made.ravel(), fine.ravel())[0, 1] > 0.4
