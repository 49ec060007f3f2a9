"""Crowns: the same in every window, round the Earth, and each with a lot of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.crowns import CELLS, NONE, SIDE, crowns_at
from generator.grid.rectangle import Rectangle
from tests.rectangles import whole_and_part


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(sorted(CELLS)), st.booleans(), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, apart: bool, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(-300, 300) | st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(st.integers(0, world - 300))
    whole, part, inside = whole_and_part(data, zoom, x0, y0)
    both = (crowns_at(5, zoom, area, apart) for area in (whole, part))
    for one, other in zip(*both, strict=True):
        np.testing.assert_array_equal(one[inside], other)


@pytest.mark.parametrize("zoom", sorted(CELLS))
def test_crowns_cover_most_of_the_ground_and_are_lit_from_the_south_east(zoom: int) -> None:
    crowns = crowns_at(0, zoom, Rectangle(SIDE * 40, SIDE * 50, SIDE, SIDE))
    there = crowns.lots < NONE
    assert 0.6 < there.mean() < 0.99
    assert 0 <= crowns.lots[there].min() < crowns.lots[there].max() < 256
    assert np.abs(crowns.light[there].mean()) < 25
    # Along a diagonal towards the sun a crown gets lighter.
    one = (crowns.lots[1:, 1:] == crowns.lots[:-1, :-1]) & there[1:, 1:]
    step = crowns.light[1:, 1:] - crowns.light[:-1, :-1]
    assert step[one].mean() > 10


@pytest.mark.parametrize("zoom", sorted(CELLS))
def test_trees_that_stand_apart_are_seen_whole(zoom: int) -> None:
    crowns = crowns_at(0, zoom, Rectangle(SIDE * 40, SIDE * 50, SIDE, SIDE), apart=True)
    there = crowns.lots < NONE
    assert 0.05 < there.mean() < 0.35
    # Hardly any crown has another's beside it.
    touching = there[:, 1:] & there[:, :-1] & (crowns.lots[:, 1:] != crowns.lots[:, :-1])
    assert touching.sum() < 0.06 * there.sum()


def test_shadows_lie_to_the_north_west() -> None:
    crowns = crowns_at(0, 17, Rectangle(0, 0, SIDE, SIDE), apart=True)
    middle = {}
    for name, lots in (("crown", crowns.lots), ("shadow", crowns.shaded)):
        ys, xs = np.nonzero(lots == 17)
        middle[name] = ys.mean() + xs.mean()
    assert middle["shadow"] < middle["crown"]


def test_squares_of_the_map_have_other_lots_and_so_have_worlds() -> None:
    first, second = (crowns_at(0, 17, Rectangle(SIDE * k, 0, SIDE, SIDE)) for k in (3, 4))
    np.testing.assert_array_equal(first.light, second.light)
    inner = np.s_[16:-16, 16:-16]
    other = crowns_at(1, 17, Rectangle(SIDE * 3, 0, SIDE, SIDE))
    for one in (second, other):
        there = first.lots[inner] < NONE
        same = first.lots[inner][there] == one.lots[inner][there]
        assert same.mean() < 0.05
