"""Canopy: the same in every window, in forests alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.canopy import Canopy
from generator.geography.overlay import Overlay
from generator.grid.rectangle import Rectangle
from generator.grid.tile import cell_at
from tests.fakes_ground import earth_ground
from tests.rectangles import digest_of, drawn_by, windows_agree
from tests.test_geography_parcels import around

CANOPY = Canopy(earth_ground().cover, earth_ground().built)
AMAZON, TAIGA, SAHARA = (-4.2, -63.0), (62.0, 95.0), (23.0, 12.0)
DATE_LINE = (65.5, 179.99)
FIXED = "c51f61fb9c7d5b94"
"""Begin of the digest of canopy at two places and two zooms."""


def drawn(zoom: int, area: Rectangle, canopy: Canopy = CANOPY) -> Overlay:
    """Return the canopy of a rectangle; none at all is of no colour."""
    return drawn_by(canopy, zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from((11, 13)), st.sampled_from((AMAZON, TAIGA, DATE_LINE)), st.data())
def test_rectangles_agree_where_they_overlap(
    zoom: int, place: tuple[float, float], data: st.DataObject
) -> None:
    x, y = cell_at(place[1], place[0], 256 << zoom)
    windows_agree(CANOPY, data, zoom, x - 40, y - 40)


def test_every_machine_draws_the_same_canopy() -> None:
    zooms, places = (11, 13), (AMAZON, TAIGA)
    windows = ((zoom, around(place, zoom)) for zoom in zooms for place in places)
    assert digest_of(CANOPY, windows)[: len(FIXED)] == FIXED


@pytest.mark.parametrize("zoom", [11, 13])
def test_forest_has_crowns_and_calmer_layouts(zoom: int) -> None:
    made = drawn(zoom, around(AMAZON, zoom, 256))
    assert 1 < made.colours.std() < 16
    assert made.detail.max() < 0.95


def test_forest_is_as_light_as_without() -> None:
    assert np.abs(drawn(11, around(AMAZON, 11, 256)).colours.mean((0, 1))).max() < 2


def test_there_is_none_without_forest() -> None:
    assert CANOPY.overlay(13, around(SAHARA, 13)) is None
    assert CANOPY.overlay(9, around(AMAZON, 9)) is None
    assert CANOPY.overlay(15, around(AMAZON, 15)) is None


def test_worlds_have_forests_of_their_own() -> None:
    area, other = around(AMAZON, 13), replace(CANOPY, seed=7)
    first, second = (drawn(13, area, one).colours.astype(float) for one in (CANOPY, other))
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5
    assert other.digest == CANOPY.digest
