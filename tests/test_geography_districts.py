"""Districts of towns, at 11: those that 13 shows block by block, with their blocks and avenues."""

import numpy as np
import pytest

from generator.geography.blocks import TownBlocks
from generator.geography.districts import districts
from generator.geography.overlay import MARK
from generator.geography.streets import Streets
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE
from tests.fakes_ground import earth_ground
from tests.rectangles import child_means
from tests.test_geography_streets import DHAKA, PARIS, around

ZOOM = 11
BLOCKS = TownBlocks(earth_ground().built)


def colours(area: Rectangle, seed: int = 0) -> np.ndarray:
    found, ranks = districts(ZOOM, area, seed)
    assert found.dtype == np.int64
    assert (ranks >= 0).all()
    assert (ranks <= 192).all()
    lanes = found.view(np.int16).reshape(area.height, area.width, 4)
    assert (lanes[..., 3] == MARK).all()
    return lanes[..., :3].astype(float)


@pytest.mark.parametrize("place", [PARIS, DHAKA])
def test_districts_are_those_that_are_drawn_block_by_block(place) -> None:
    area = around(place, ZOOM, 160)
    fine, coarse = BLOCKS.overlay(ZOOM + 2, area.finer(SCALE)), colours(area)
    assert fine is not None
    excess = (fine.colours[..., 1] - fine.colours[..., 0]).astype(float)
    blocks = child_means(excess, area)
    # Where a district is woods, most of its blocks are green.
    woods = coarse[..., 1] - coarse[..., 0] > 20
    moved = np.roll(woods, 40, 1)
    assert blocks[woods].mean() > blocks[~woods].mean() + 5
    assert abs(blocks[moved].mean() - blocks[~moved].mean()) < 2


def test_they_lighten_and_darken_the_ground_alike_and_some_are_green() -> None:
    made = colours(around(PARIS, ZOOM, 512))
    assert np.abs(made.mean((0, 1))).max() < 4
    grey = made.mean(2)
    # Most pixels are a little darker, few are far lighter; avenues are dark.
    assert np.median(grey) < 0
    assert ((grey - grey.mean()) ** 3).mean() / grey.std() ** 3 > 0.4
    woods = made[..., 1] - made[..., 0] > 20
    assert 0.03 < woods.mean() < 0.3
    assert grey[woods].mean() < -20


@pytest.mark.parametrize("place", [PARIS, DHAKA])
def test_avenues_are_the_main_streets_of_13(place) -> None:
    area = around(place, ZOOM, 256)
    fine = Streets(earth_ground().built).shares(ZOOM + 2, area.finer(SCALE))
    assert fine is not None
    share = child_means(fine, area)
    grey, built = colours(area).mean(2), share > 0
    on, off = grey[share > 60], grey[~built]
    assert min(len(on), len(off)) > 2000
    assert on.mean() < off.mean() - 15


def test_a_city_at_9_is_made_of_its_districts_at_11() -> None:
    area = around(PARIS, 9, 96)
    coarse, fine = (BLOCKS.overlay(*view) for view in ((9, area), (11, area.finer(SCALE))))
    assert coarse is not None
    assert fine is not None
    made = coarse.colours.astype(float).mean(2)
    assert made.std() > 8
    assert abs(made.mean()) < 2
    green = coarse.colours[..., 1] - coarse.colours[..., 0].astype(float)
    below = child_means(fine.colours[..., 1] - fine.colours[..., 0].astype(float), area)
    assert np.corrcoef(green.ravel(), below.ravel())[0, 1] > 0.5


def test_worlds_have_districts_and_a_grain_of_their_own() -> None:
    first, second = (colours(around(PARIS, ZOOM, 256), seed) for seed in (0, 7))
    # Every pixel has its own grain, but there are few districts.
    for weights, most in (((1, 1, 1), 0.1), ((-1, 1, 0), 0.3)):
        one, other = (made @ weights for made in (first, second))
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < most


def test_columns_go_on_across_the_dateline() -> None:
    world = 256 << ZOOM
    whole = colours(Rectangle(world - 40, 90_000, 80, 40))
    np.testing.assert_array_equal(whole[:, 40:], colours(Rectangle(0, 90_000, 40, 40)))
    np.testing.assert_array_equal(whole[:, :40], colours(Rectangle(world - 40, 90_000, 40, 40)))
