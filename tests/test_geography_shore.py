"""Sand, shallows, surf and dark strips along water: windows agree, and each where it belongs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.geography import shore
from generator.geography.geography import Geography, ParentGround
from generator.geography.layers import Shares
from generator.geography.surface import REACH
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE
from tests.geographies import Stripes, striped

Pixels = NDArray[np.uint8]


class Half:
    """A straight coast: water west of the middle of the world (a CoverageLayer)."""

    digest = "half"

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        columns = np.arange(area.x0, area.x0 + area.width) % (TILE_SIZE << zoom)
        shares = np.where(columns < TILE_SIZE << zoom >> 1, 255, 0).astype(np.uint8)
        return np.tile(shares, (area.height, 1)) if shares.any() else None


def completed(geography: Geography, zoom: int, core: Rectangle) -> Pixels:
    """Complete a child that is a pure function of the address, with grounds that are too."""

    def pixels(area: Rectangle, by: int = 7, scale: int = 1) -> Pixels:
        size = scale * TILE_SIZE << zoom - 2
        sides = ((area.y0, area.height), (area.x0, area.width))
        ys, xs = (np.arange(at, at + count) % size for at, count in sides)
        return np.stack([(xs * k + ys[:, None] * by) % 90 + 40 for k in (3, 5, 11)], 2).astype(
            np.uint8
        )

    margin = core.grown(3)
    ground = wet_ground(margin, pixels(margin), pixels(margin.grown(REACH), 13))
    child = pixels(core.finer(4), 17, 4)
    return geography.completed(zoom, core, child, ground)


def wet_ground(area: Rectangle, land: Pixels, wet: Pixels) -> ParentGround:
    """Return a ground of land whose water has a colour of its own, REACH pixels more of it."""
    water = np.full(wet.shape[:2], 255, np.uint8)
    return ParentGround(area, land, wet, None, water, water)


@settings(deadline=None, max_examples=40)
@given(
    zoom=st.sampled_from([9, 11, 13, 15, 17]),
    place=st.tuples(st.integers(0, 3000), st.integers(0, 3000)),
    corner=st.tuples(st.integers(0, 20), st.integers(0, 20)),
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_a_window_is_the_same_part_of_a_larger_one(
    zoom: int, place: tuple[int, int], corner: tuple[int, int], size: tuple[int, int]
) -> None:
    (left, top), (width, height) = corner, size
    whole = Rectangle((100 << zoom - 7) + place[0], (80 << zoom - 7) + place[1], 40, 40)
    part = Rectangle(whole.x0 + left, whole.y0 + top, width, height)
    expected = completed(striped(), zoom, whole)
    cut = expected[4 * top : 4 * (top + height), 4 * left : 4 * (left + width)]
    np.testing.assert_array_equal(completed(striped(), zoom, part), cut)


@pytest.mark.parametrize("zoom", [9, 13, 15, 17])
def test_shores_go_on_across_the_dateline(zoom: int) -> None:
    size = TILE_SIZE << zoom - 2
    around = completed(Geography(Half()), zoom, Rectangle(size - 10, size // 3, 20, 20))
    for x0 in (-10, 2 * size - 10):
        again = completed(Geography(Half()), zoom, Rectangle(x0, size // 3, 20, 20))
        np.testing.assert_array_equal(again, around)


def drawn(zoom: int, geography: Geography, core: Rectangle) -> tuple[Pixels, Pixels]:
    """Return a child of even green ground and blue water, and how it was without a shore."""
    dry = np.full((core.height + 2, core.width + 2, 3), (60, 70, 40), np.uint8)
    wet = np.full((len(dry) + 2 * REACH, dry.shape[1] + 2 * REACH, 3), (50, 80, 120), np.uint8)
    child = np.full((4 * core.height, 4 * core.width, 3), (60, 70, 40), np.uint8)
    area = core.finer(4)
    assert geography.water is not None
    shares = geography.water.shares(zoom, area)
    assert shares is not None
    plain = np.where(shares[..., None] > 127, np.uint8([50, 80, 120]), child)
    ground = wet_ground(core.grown(1), dry, wet)
    return geography.completed(zoom, core, child, ground), plain


@pytest.mark.parametrize("zoom", [9, 11, 13, 15, 17])
def test_an_open_coast_has_sand_and_shallows(zoom: int) -> None:
    size = TILE_SIZE << zoom - 2
    found, plain = drawn(zoom, Geography(Half()), Rectangle(size // 2 - 8, size // 3, 16, 400))
    change = found.astype(int) - plain
    # Water is greener and lighter near the shore, land yellower; neither is farther away.
    assert change[:, 30:32, 1].mean() > 2
    assert change[:, 32, 0].mean() > 15 or zoom == shore.FIRST
    assert not change[:, :18].any()
    assert not change[:, 48:].any()


def test_surf_is_broken() -> None:
    zoom, size = 15, TILE_SIZE << 13
    found, plain = drawn(zoom, Geography(Half()), Rectangle(size // 2 - 8, size // 3, 16, 400))
    white = found[:, 31].astype(int).min(1) - plain[:, 31].min(1)
    assert 0.05 < (white > 60).mean() < 0.9
    assert (white < 20).any()


@pytest.mark.parametrize("zoom", [9, 11, 13, 15])
def test_a_narrow_river_has_a_dark_strip_while_it_is_coarse_and_no_sand(zoom: int) -> None:
    class Line(Half):
        def shares(self, zoom: int, area: Rectangle) -> Shares | None:
            columns = np.arange(area.x0, area.x0 + area.width)
            shares = np.where(columns == TILE_SIZE << zoom >> 1, 255, 0).astype(np.uint8)
            return np.tile(shares, (area.height, 1)) if shares.any() else None

    size = TILE_SIZE << zoom - 2
    core = Rectangle(size // 2 - 8, size // 3, 16, 16)
    child = np.full((64, 64, 3), 90, np.uint8)
    ground = wet_ground(
        core.grown(1), np.full((18, 18, 3), 90, np.uint8), np.full((58, 58, 3), 90, np.uint8)
    )
    found = Geography(None, Line()).completed(zoom, core, child, ground)
    strip = found[:, [30, 31, 33, 34]]
    assert (strip < 90).all() if zoom < 13 else (strip == 90).all()
    assert (found[:, :30] == 90).all()
    assert (found[:, 35:] == 90).all()


def test_coarse_zooms_and_dry_ground_have_no_shores() -> None:
    area = Rectangle(0, 0, 16, 16)
    water = np.full((88, 88), 200, np.uint8)
    assert shore.along(7, area, water, water, Half()) is None
    assert shore.along(11, area, None, np.zeros_like(water), Half()) is None


@pytest.mark.parametrize("built", [None, np.full((66, 66), 255, np.uint8)])
def test_a_river_that_the_parent_does_not_know_is_drawn(built: Shares | None) -> None:
    core = Rectangle(60 * 64, 50 * 64, 64, 64)
    rivers = Stripes(800)
    child = np.full((256, 256, 3), 90, np.uint8)
    grey = np.full((66, 66, 3), 90, np.uint8)
    ground = ParentGround(core.grown(1), grey, grey, built)
    found = Geography(rivers=rivers).completed(9, core, child, ground).astype(int)
    # Darker and bluer than its ground, in towns too.
    shares = rivers.shares(9, core.finer(4))
    assert shares is not None
    river = found[shares == 255]
    assert river.sum(1).max() < 3 * 80
    assert (river[:, 2] - river[:, 0] > 20).all()
