"""Land and water of a parent looked at alone, and water and roads laid over a child."""

from __future__ import annotations

import numpy as np
import pytest

from generator.geography.enlarging import cells_of, children_of, enlarged, enlarged_at
from generator.geography.surface import REACH, dry_colours, roads_over, water_over, wet_colours

LAND, SEA = (120, 100, 60), (40, 70, 130)


def shore(blur: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a parent of land on the left and sea on the right, and the sea's share."""
    share = np.zeros((80, 80))
    share[:, 40:] = 1
    share[:, 39] = 0.5
    spread = share.copy()
    for _ in range(blur):
        spread[:, 1:-1] = (spread[:, :-2] + spread[:, 1:-1] + spread[:, 2:]) / 3
    parent = np.array(LAND) * (1 - spread[..., None]) + np.array(SEA) * spread[..., None]
    return np.round(parent).astype(np.uint8), np.round(255 * share).astype(np.uint8)


def taken_apart(
    parent: np.ndarray, water: np.ndarray, blur: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the dry and the wet colours, REACH pixels smaller on each side."""
    dry = dry_colours(parent, water, blur)
    return dry, wet_colours(parent, water, dry, blur)


@pytest.mark.parametrize("blur", [0, 2])
def test_no_colour_of_one_side_is_left_on_the_other(blur: int) -> None:
    parent, water = shore(blur)
    dry, wet = taken_apart(parent, water, blur)
    assert np.abs(dry.astype(int)[:, 24 - REACH : 50 - REACH] - LAND).max() <= 3
    assert np.abs(wet.astype(int)[:, 41 - REACH : 50 - REACH] - SEA).max() <= 3


def test_land_without_water_and_the_open_sea_stay_as_they_are() -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (50, 50, 3)).astype(np.uint8)
    inner = pixels[REACH:-REACH, REACH:-REACH]
    for share in (0, 255):
        dry, wet = taken_apart(pixels, np.full((50, 50), share, np.uint8))
        np.testing.assert_array_equal(dry, inner)
        assert np.array_equal(wet, inner) == (share == 255)


def test_pixels_are_as_in_larger_windows() -> None:
    rng = np.random.default_rng(1)
    parent = rng.integers(0, 255, (120, 130, 3)).astype(np.uint8)
    water = np.repeat(np.repeat(rng.integers(0, 2, (12, 13)) * 255, 10, 0), 10, 1).astype(np.uint8)
    for blur in (0, 2):
        whole = taken_apart(parent, water, blur)
        for _ in range(10):
            y, x = (int(rng.integers(0, size - 60)) for size in water.shape)
            part = taken_apart(parent[y : y + 60, x : x + 60], water[y : y + 60, x : x + 60], blur)
            for one, all_of in zip(part, whole, strict=True):
                np.testing.assert_array_equal(one, all_of[y : y + 20, x : x + 20])


def test_islands_without_a_colour_of_their_own_are_not_sea() -> None:
    parent = np.full((60, 60, 3), SEA, np.uint8)
    water = np.full((60, 60), 255, np.uint8)
    water[30, 30] = 120
    dry = dry_colours(parent, water)
    red, _, blue = dry[30 - REACH, 30 - REACH].astype(int)
    assert red > blue
    np.testing.assert_array_equal(dry[0, 0], SEA)


def test_lakes_that_the_parent_does_not_show_are_darker_than_its_land() -> None:
    parent = np.full((60, 60, 3), (150, 140, 110), np.uint8)
    water = np.zeros((60, 60), np.uint8)
    water[28:32, 28:32] = 200
    wet = taken_apart(parent, water)[1][30 - REACH, 30 - REACH].astype(int)
    assert wet.sum() < 0.6 * 400
    assert wet[2] > wet[0]


def test_black_lakes_and_ice_of_a_base_map_take_waters_colour_and_the_sea_keeps_its_own() -> None:
    for colour, changes in (((14, 22, 10), True), ((220, 225, 228), True), (SEA, False)):
        parent = np.full((50, 50, 3), colour, np.uint8)
        wet = taken_apart(parent, np.full((50, 50), 255, np.uint8), 2)[1][5, 5]
        assert np.array_equal(wet, colour) != changes


def test_bridges_leave_no_colour_in_the_water() -> None:
    parent = np.full((60, 60, 3), SEA, np.uint8)
    roads = np.zeros((60, 60), np.uint8)
    parent[30], roads[30] = 200, 255
    parent[29], roads[29] = 120, 60
    water = np.full((60, 60), 255, np.uint8)
    dry = dry_colours(parent, water)
    wet, tinted = (wet_colours(parent, water, dry, roads=one).astype(int) for one in (roads, None))
    assert np.abs(wet - SEA).max() <= 1
    assert np.abs(tinted - SEA).max() > 100


def test_water_is_laid_over_by_its_share() -> None:
    child = np.full((8, 8, 3), 200, np.uint8)
    wet = np.full((4, 4, 3), 50, np.uint8)
    water = np.zeros((8, 8), np.uint8)
    water[0, 0], water[0, 1] = 255, 51
    drawn = water_over(child, wet, water)
    assert drawn[0, 0].tolist() == [50] * 3
    assert drawn[0, 1].tolist() == [170] * 3
    np.testing.assert_array_equal(drawn[1:], child[1:])


def test_colours_are_interpolated_from_parent_pixels_centres() -> None:
    ramp = np.repeat(np.arange(0, 160, 16, np.uint8)[None, :, None], 10, 0).repeat(3, 2)
    fine = enlarged(ramp)
    assert fine.shape == (32, 32, 3)
    # A parent pixel's centre lies between its second and third child, 1.5 children from its edge.
    np.testing.assert_array_equal(fine[0, :8, 0], [10, 14, 18, 22, 26, 30, 34, 38])


def test_children_of_some_parent_pixels_are_interpolated_alike() -> None:
    rng = np.random.default_rng(2)
    coarse = rng.integers(0, 256, (12, 17, 3)).astype(np.uint8)
    mask = rng.random((40, 60)) < 0.02
    cells = cells_of(mask)
    np.testing.assert_array_equal(cells, np.flatnonzero(mask.reshape(10, 4, 15, 4).any((1, 3))))
    expected = enlarged(coarse).reshape(-1, 3)[children_of(cells, 60)]
    found = enlarged_at(coarse, cells).swapaxes(1, 2).reshape(-1, 3)
    np.testing.assert_array_equal(found, expected)


def test_roads_are_greyer_than_their_ground_and_never_white() -> None:
    for colour in ((40, 60, 25), (60, 90, 30), (210, 200, 190)):
        ground = np.full((4, 4, 3), colour, np.uint8)
        child = np.full((8, 8, 3), colour, np.uint8)
        drawn = roads_over(child, ground, np.full((12, 12), 255, np.uint8)).astype(int)
        assert 60 < drawn.mean() < 170
        assert np.ptp(drawn[0, 0]) < np.ptp(colour)


def test_a_road_has_a_darker_verge() -> None:
    ground, child = (np.full((side, side, 3), 80, np.uint8) for side in (10, 32))
    roads = np.zeros((36, 36), np.uint8)
    roads[:, 16:19] = 255
    drawn = roads_over(child, ground, roads).astype(int)[..., 0]
    assert (drawn[:, 14:17] > 90).all()
    assert (drawn[:, [12, 13, 17, 18]] < 80).all()
    assert (drawn[:, :12] == 80).all()


def test_a_bridge_has_no_verge() -> None:
    ground, child = (np.full((side, side, 3), 80, np.uint8) for side in (10, 32))
    roads, water = np.zeros((36, 36), np.uint8), np.zeros((32, 32), np.uint8)
    roads[:, 16:19], water[:16] = 255, 255
    drawn, dry = (roads_over(child, ground, roads, wet) for wet in (water, None))
    np.testing.assert_array_equal(drawn[16:], dry[16:])
    np.testing.assert_array_equal(drawn[:16, 14:17], dry[:16, 14:17])
    assert (drawn[:16, [12, 13, 17, 18]] == 80).all()


def test_what_covers_little_is_drawn_as_what_covers_much() -> None:
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (12, 17, 3)).astype(np.uint8)
    child = rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    shares = rng.integers(0, 256, (40, 60)).astype(np.uint8)
    few = np.where(rng.random((40, 60)) < 0.05, shares, 0).astype(np.uint8)
    much = np.where((few > 0)[..., None], water_over(child, coarse, shares), child)
    np.testing.assert_array_equal(water_over(child, coarse, few), much)


def test_the_brightest_colours_do_not_overflow() -> None:
    coarse, child = (np.full((side, side, 3), 255, np.uint8) for side in (10, 32))
    for share in (1, 128, 255):
        shares = np.full((36, 36), share, np.uint8)
        assert (water_over(child, coarse, shares[2:-2, 2:-2]) == 255).all()
        assert (roads_over(child, coarse, shares) > 150).all()
