"""Ponds: the same in every window and at every zoom, in the flat north alone, over all else."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.overlay import Overlay
from generator.geography.ponds import SIZES, Ponds
from generator.grid.rectangle import Rectangle
from generator.grid.tile import cell_at
from tests.fakes_ground import earth_ground
from tests.rectangles import digest_of, drawn_by, windows_agree, with_children
from tests.test_geography_parcels import BEAUCE, around

GROUND = earth_ground()
PONDS = Ponds(GROUND.cover, GROUND.relief)
YAMAL, LAPLAND, DATE_LINE = (70.5, 70.2), (66.0, 27.0), (66.5, 179.99)
PLACES, ZOOMS = (YAMAL, LAPLAND, DATE_LINE), (9, 11, 13, 15, 17)
FIXED = ""
"""Begin of the digest of ponds at three places and five zooms."""


@dataclass(frozen=True)
class OverNothing:
    """Ponds over ground on which nothing else is drawn."""

    ponds: Ponds = PONDS

    def overlay(self, zoom: int, area: Rectangle) -> Overlay | None:
        """Return the ponds in a rectangle of world pixels, None for nothing."""
        return self.ponds.laid_over(zoom, area, None)


def drawn(zoom: int, area: Rectangle, ponds: Ponds = PONDS) -> Overlay:
    """Return the ponds of a rectangle; none at all are of no colour."""
    return drawn_by(OverNothing(ponds), zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(ZOOMS), st.sampled_from(PLACES), st.data())
def test_rectangles_agree_where_they_overlap(
    zoom: int, place: tuple[float, float], data: st.DataObject
) -> None:
    x, y = cell_at(place[1], place[0], 256 << zoom)
    windows_agree(OverNothing(), data, zoom, x - 40, y - 40)


def test_every_machine_draws_the_same_ponds() -> None:
    windows = ((zoom, around(place, zoom)) for zoom in ZOOMS for place in PLACES)
    assert digest_of(OverNothing(), windows)[: len(FIXED)] == FIXED


@pytest.mark.parametrize("zoom", [9, 11, 13])
def test_ponds_are_those_of_the_zoom_above(zoom: int) -> None:
    coarse, mean = with_children(OverNothing(), zoom, around(YAMAL, zoom, 256))
    wet = coarse.mean(2) < -40
    assert 0.01 < wet.mean() < 0.2
    assert mean.mean(2)[wet].mean() < mean.mean(2)[~wet].mean() - 40
    # A pond that begins below takes as much light as the ground beside it gets.
    assert abs(mean.mean() - coarse.mean()) < 2
    assert abs(coarse.mean()) < 3


def test_there_are_none_in_the_south_in_mountains_and_above_zoom_9() -> None:
    assert OverNothing().overlay(13, around(BEAUCE, 13)) is None
    assert OverNothing().overlay(13, around((68.0, 18.0), 13, 64)) is None
    assert OverNothing().overlay(7, around(YAMAL, 7)) is None
    other = Overlay(np.ones((4, 4, 3), np.int16), np.zeros((4, 4), np.uint16))
    assert PONDS.laid_over(13, Rectangle(5000, 1 << 20, 4, 4), other) is other


def test_they_lie_over_what_else_is_drawn_there() -> None:
    area = around(YAMAL, 13, 256)
    alone = drawn(13, area)
    loud = Overlay(np.full((256, 256, 3), 99, np.int16), np.zeros((256, 256), np.uint16))
    both = PONDS.laid_over(13, area, loud)
    assert both is not None
    wet = alone.withheld == alone.withheld.max()
    assert 0.02 < wet.mean() < 0.4
    np.testing.assert_array_equal(both.colours[wet], alone.colours[wet])
    dry = alone.withheld == 0
    assert np.abs(both.colours[dry] - alone.colours[dry] - 99).max() <= 1


def test_worlds_have_ponds_of_their_own() -> None:
    area = around(YAMAL, 11, 256)
    made = [drawn(11, area, replace(PONDS, seed=seed)).colours.astype(float) for seed in (0, 1)]
    assert np.corrcoef(made[0].ravel(), made[1].ravel())[0, 1] < 0.2
    assert replace(PONDS, seed=1).digest == PONDS.digest


def test_ponds_fit_in_the_cells_that_are_looked_at() -> None:
    assert all(size.bits > 30 - 8 - size.first + 2 for size in SIZES)
