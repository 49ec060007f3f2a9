"""Blocks of towns: the same in every window and at every zoom, between streets, in towns alone."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography import blockregions
from generator.geography.blockregions import COLOURS, HALL, PARK, SHADOW, TREE, planted, region_at
from generator.geography.blocks import TownBlocks, _planted
from generator.geography.overlay import MARK, Overlay
from generator.geography.streets import Streets
from generator.grid.rectangle import Rectangle
from tests.fakes_ground import earth_ground, random_ground
from tests.rectangles import digest_of, drawn_by, windows_agree, with_children
from tests.test_geography_streets import DHAKA, PARIS, SAHARA, around

GROUND = earth_ground()
BLOCKS, RANDOM = TownBlocks(GROUND.built), TownBlocks(random_ground().built)
FIXED = "92c385624a0cd19a"
"""Begin of the digest of blocks at two places and five zooms."""


def drawn(zoom: int, area: Rectangle, blocks: TownBlocks = BLOCKS) -> Overlay:
    """Return the blocks of a rectangle; none at all are of no colour."""
    return drawn_by(blocks, zoom, area)


@settings(max_examples=40, deadline=None)
@given(st.integers(9, 17), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(st.integers(0, world - 200))
    windows_agree(RANDOM, data, zoom, x0, y0)


def test_every_machine_draws_the_same_blocks() -> None:
    zooms, places = (9, 11, 13, 15, 17), (PARIS, DHAKA)
    windows = ((zoom, around(place, zoom)) for zoom in zooms for place in places)
    assert digest_of(BLOCKS, windows)[: len(FIXED)] == FIXED


def test_blocks_are_those_of_the_zoom_above() -> None:
    area = around(PARIS, 15)
    for zoom, least in ((15, 0.6), (13, 0.35)):
        coarse, mean = with_children(BLOCKS, zoom, area)
        assert 5 < coarse.std() < 40
        assert np.corrcoef(mean.ravel(), coarse.ravel())[0, 1] > least
        area = around(PARIS, 13)


def test_towns_are_calmer_and_coloured() -> None:
    for zoom in (9, 11, 13, 15, 17):
        made = drawn(zoom, around(PARIS, zoom))
        assert 0.2 < made.detail.min() < 0.9
        assert made.colours.std() > 5
    assert BLOCKS.overlay(7, around(PARIS, 7)) is None
    assert BLOCKS.overlay(10, around(PARIS, 10)) is None
    assert BLOCKS.overlay(15, around(SAHARA, 15)) is None


def test_roofs_do_not_stand_on_streets() -> None:
    area = around(DHAKA, 17, 256)
    street = Streets(GROUND.built).shares(17, area)
    assert street is not None
    # Roofs are what is brightest.
    bright = drawn(17, area).colours.mean(2) > 25
    on, off = bright[street > 200], bright[street == 0]
    assert min(len(on), len(off)) > 1000
    assert 0.03 < off.mean() > 5 * on.mean()


def test_trees_stand_in_gardens_and_parks_and_on_no_roof() -> None:
    assert not planted()[:48].any()
    assert not planted()[TREE:].any()
    by_kind = planted()[48:TREE].reshape(7, 8)
    assert (by_kind == by_kind[:, :1]).all()
    assert by_kind[PARK, 0] == by_kind.max() > by_kind[HALL, 0]
    numbers = np.full((96, 96), 48 + 8 * PARK, np.uint32)
    found, light = _planted(0, 17, Rectangle(0, 0, 96, 96), numbers)
    assert set(np.unique(found).tolist()) == {SHADOW, 48 + 8 * PARK, TREE}
    assert 0.3 < (found == TREE).mean() < 0.8
    assert (light[found != TREE] == 0).all()
    assert light[found == TREE].std() > 8


def test_worlds_have_blocks_of_their_own() -> None:
    area, other = around(PARIS, 13), replace(BLOCKS, seed=7)
    first, second = (drawn(13, area, one).colours.astype(float) for one in (BLOCKS, other))
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] < 0.3
    assert other.digest == BLOCKS.digest


def test_a_regions_colours_are_on_the_whole_those_of_the_ground() -> None:
    kinds, share = set(), blockregions._ROOFED[:, None] / 256
    for row in range(0, 16384, 397):
        region = region_at(row, row, row * 7 % 16384)
        assert region.colours.shape == (COLOURS, 4)
        fine, coarse = np.split(region.colours[:, :3].astype(float), [COLOURS - 24])
        # Roofs, halls and ground, in detail and before.
        for roofs, halls, ground, most in (
            (fine[:32], fine[32:40], fine[48:TREE].reshape(7, 8, 3).mean(1), 3),
            (coarse[:8], coarse[16:], coarse[8:15], 6),
        ):
            above = np.where(np.arange(7)[:, None] == HALL, halls.mean(0), roofs.mean(0))
            means = ground + (above - ground) * share
            assert np.abs(means[region.kinds].mean(0)).max() < most
            # Grass is greener than what is built.
            assert means[PARK, 1] - means[PARK, 0] > means[HALL, 1] - means[HALL, 0]
        assert np.abs(fine).max() < 100
        assert np.abs(coarse).max() < MARK
        assert region.kinds.shape == (256,)
        kinds |= set(region.kinds.tolist())
    assert kinds == set(range(7))
