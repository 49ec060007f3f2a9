"""Dunes: the same in every window and at every zoom, in sand seas alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.dunes import SEAS, Dunes
from generator.geography.overlay import Overlay
from generator.grid.rectangle import Rectangle
from generator.grid.tile import cell_at
from tests.fakes_ground import earth_ground
from tests.rectangles import digest_of, drawn_by, windows_agree, with_children
from tests.test_geography_parcels import BEAUCE, around

DUNES = Dunes(earth_ground().cover)
NAMIB, SAND = (-24.5, 15.2), (20.0, 52.0)
FIXED = "e1025d1b8c780e0f"
"""Begin of the digest of dunes at two places and five zooms."""


def drawn(zoom: int, area: Rectangle, dunes: Dunes = DUNES) -> Overlay:
    """Return the dunes of a rectangle; none at all are of no colour."""
    return drawn_by(dunes, zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.integers(9, 17), st.sampled_from(SEAS), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, sea: tuple, data: st.DataObject) -> None:
    # Somewhere in a sand sea, or at its bounds.
    corner = data.draw(st.sampled_from([(0.5, 0.5), (0.1, 0.5), (0, 0.5), (0.5, 1), (0.9, 0.9)]))
    longitude = sea[0] + corner[0] * (sea[2] - sea[0])
    x, y = cell_at(longitude, sea[1] + corner[1] * (sea[3] - sea[1]), 256 << zoom)
    windows_agree(DUNES, data, zoom, x - 40, y - 40)


def test_every_machine_draws_the_same_dunes() -> None:
    zooms, places = (9, 11, 13, 15, 17), (NAMIB, SAND)
    windows = ((zoom, around(place, zoom)) for zoom in zooms for place in places)
    assert digest_of(DUNES, windows)[: len(FIXED)] == FIXED


@pytest.mark.parametrize("zoom", [9, 11, 13])
def test_dunes_are_those_of_the_zoom_above(zoom: int) -> None:
    area = around(NAMIB, zoom)
    coarse, mean = with_children(DUNES, zoom, area)
    assert coarse.std() > 5
    assert np.corrcoef(mean.ravel(), coarse.ravel())[0, 1] > 0.85


def test_ridges_of_the_namib_run_from_north_to_south() -> None:
    light = drawn(11, around(NAMIB, 11, 256)).colours.mean(2)
    across, down = (np.abs(np.diff(light, axis=axis)).mean() for axis in (1, 0))
    assert across > 2 * down


def test_there_are_none_elsewhere() -> None:
    assert DUNES.overlay(13, around(BEAUCE, 13)) is None
    assert DUNES.overlay(7, around(SAND, 7)) is None
    # The Atlantic beside the Namib.
    assert DUNES.overlay(11, around((-24.5, 14.0), 11)) is None


def test_ground_with_dunes_is_as_light_as_without() -> None:
    made = drawn(11, around(SAND, 11, 512))
    assert np.abs(made.colours.mean((0, 1))).max() < 3
    assert np.abs(made.colours).max() < 80
    assert made.detail.max() < 0.5


def test_worlds_have_dunes_of_their_own() -> None:
    area, other = around(SAND, 11), replace(DUNES, seed=7)
    first, second = (drawn(11, area, one).colours.astype(float) for one in (DUNES, other))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.5
    assert other.digest == DUNES.digest
