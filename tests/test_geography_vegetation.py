"""Vegetation: the same in every window, in forests and savanna."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography import vegetation
from generator.geography.overlay import Overlay
from generator.geography.stands import ages_at
from generator.geography.terrain import terrain
from generator.geography.terrainregions import streams_at
from generator.geography.valuenoise import noise
from generator.geography.vegetation import Vegetation
from generator.grid.rectangle import Rectangle
from generator.grid.tile import cell_at
from tests.fakes_ground import earth_ground
from tests.rectangles import digest_of, drawn_by, windows_agree, with_children
from tests.test_geography_parcels import around, averaged

GROUND = earth_ground()
VEGETATION = Vegetation(GROUND.cover, GROUND.built, GROUND.relief, terrain())
AMAZON, TAIGA, DESERT = (-4.2, -63.0), (62.0, 95.0), (28.0, 30.0)
ICE, ERG = (72.0, -40.0), (18.5, 52.0)
SERENGETI, DATE_LINE = (-2.4, 34.9), (65.5, 179.99)
PORTUGAL, VICTORIA = (39.31, -8.33), (-37.52, 145.13)
PLACES, ZOOMS = (AMAZON, TAIGA, SERENGETI, DESERT, DATE_LINE), (9, 11, 13, 15, 17)
FIXED = "a88c7fe4b11034a2"
"""Begin of the digest of trees at five places and five zooms."""


def drawn(zoom: int, area: Rectangle, vegetation: Vegetation = VEGETATION) -> Overlay:
    """Return the vegetation of a rectangle; none at all is of no colour."""
    return drawn_by(vegetation, zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZOOMS), st.sampled_from((*PLACES, PORTUGAL, VICTORIA)), st.data())
def test_rectangles_agree_where_they_overlap(
    zoom: int, place: tuple[float, float], data: st.DataObject
) -> None:
    x, y = cell_at(place[1], place[0], 256 << zoom)
    windows_agree(VEGETATION, data, zoom, x - 40, y - 40)


@pytest.mark.parametrize("zoom", ZOOMS)
def test_single_trees_do_not_know_of_woods_beside_them(zoom: int) -> None:
    # Grass with woods of managed stands in some parts of the window only.
    for place in (PORTUGAL, VICTORIA):
        area = around(place, zoom, 400)
        whole = drawn(zoom, area)
        for y, x in np.ndindex(8, 8):
            part = drawn(zoom, Rectangle(area.x0 + 50 * x, area.y0 + 50 * y, 50, 50))
            inside = np.s_[50 * y : 50 * y + 50, 50 * x : 50 * x + 50]
            np.testing.assert_array_equal(whole.colours[inside], part.colours)
            np.testing.assert_array_equal(whole.withheld[inside], part.withheld)


def test_every_machine_draws_the_same_trees() -> None:
    windows = ((zoom, around(place, zoom)) for zoom in ZOOMS for place in PLACES)
    assert digest_of(VEGETATION, windows)[: len(FIXED)] == FIXED


@pytest.mark.parametrize("zoom", ZOOMS)
def test_forest_has_crowns_and_calmer_layouts(zoom: int) -> None:
    made = drawn(zoom, around(AMAZON, zoom, 256))
    assert 2 < made.colours.std() < 32
    assert made.detail.max() < 0.9
    assert made.detail.min() < 0.5


@pytest.mark.parametrize("place", [AMAZON, TAIGA, SERENGETI])
def test_ground_is_on_the_whole_as_light_as_without(place: tuple[float, float]) -> None:
    for zoom in (11, 13):
        parts = [(place[0] + k / 20, place[1] + k / 9) for k in range(12)]
        means = [drawn(zoom, around(part, zoom, 384)).colours.mean((0, 1)) for part in parts]
        assert np.abs(np.mean(means, 0)).max() < 2.5


@pytest.mark.parametrize("zoom", [11, 13, 15])
def test_woods_are_those_of_the_zoom_above(zoom: int) -> None:
    coarse, mean = with_children(VEGETATION, zoom, around(TAIGA, zoom, 256))
    # At 15 and 17 crowns have lots of their own.
    side = 32 if zoom == 15 else 16
    few = averaged(coarse, side), averaged(mean, side)
    assert np.corrcoef(few[0].ravel(), few[1].ravel())[0, 1] > 0.6


def test_managed_forests_have_clearings_with_straight_edges() -> None:
    area = around(TAIGA, 13, 256)
    felled = ages_at(0, 13, area) >= 238
    assert 0.01 < felled.mean() < 0.2
    colours = drawn(13, area).colours.mean(2)
    assert colours[felled].mean() > colours[~felled].mean() + 10
    # The tropics have none.
    felled, colours = ages_at(0, 13, tropics := around(AMAZON, 13, 256)) >= 238, drawn(13, tropics)
    light = colours.colours.mean(2)
    assert light[felled].mean() < light[~felled].mean() + 5


def test_savanna_has_single_trees() -> None:
    made = drawn(17, around(SERENGETI, 17, 256))
    # Trees are much darker than what lies between, and cover a small part.
    dark = made.colours.mean(2) < -15
    assert 0.02 < dark.mean() < 0.35
    assert made.colours[~dark].std() < 12


def test_there_is_none_on_ice_in_sand_seas_and_above_zoom_9() -> None:
    assert VEGETATION.overlay(13, around(ICE, 13)) is None
    assert VEGETATION.overlay(13, around(ERG, 13)) is None
    assert VEGETATION.overlay(7, around(AMAZON, 7)) is None
    assert VEGETATION.overlay(12, around(AMAZON, 12)) is None


def test_worlds_have_forests_of_their_own() -> None:
    area, other = around(TAIGA, 13), replace(VEGETATION, seed=7)
    first, second = (drawn(13, area, one).colours.astype(float) for one in (VEGETATION, other))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5
    assert other.digest == VEGETATION.digest


@pytest.mark.parametrize("zoom", ZOOMS)
def test_quantiles_are_those_of_the_noise(zoom: int) -> None:
    exact = np.array([vegetation.exact_quantile(zoom, part) for part in range(1, 256)])
    assert np.abs(exact % 1 - 0.5).min() > 1e-6
    # Of the noise as it is looked at, at many places.
    bits = 22 - zoom + 2
    at = np.arange(64) * 5003
    woods = [noise(key, vegetation._WOODS, at, at + (key << 22), bits) for key in range(150)]
    for part in (32, 128, 224):
        assert abs((np.array(woods) < exact[part - 1]).mean() - part / 256) < 0.05


@pytest.mark.parametrize("zoom", [11, 13, 15])
def test_trees_stand_along_streams_of_the_savanna(zoom: int) -> None:
    area = around(SERENGETI, zoom, 512)
    streams = streams_at(terrain(), 0, zoom, area)
    made = drawn_by(VEGETATION, zoom, area).colours.mean(2)
    on, off = made[streams > 100], made[streams == 0]
    assert min(len(on), len(off)) > 100
    assert on.mean() < off.mean() - 12
    # The mean stays that of the ground.
    assert abs(made.mean()) < 5
