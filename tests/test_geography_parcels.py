"""Fields of farmland: the same in every window and at every zoom, where land cover knows crops."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography import parcelregions
from generator.geography.farmsteads import TREES, farms_at, villages_at
from generator.geography.geography import Geography
from generator.geography.overlay import MARK, WHOLE, Overlay, looked_up
from generator.geography.parcelmaps import ABOVE, LEFT, SIDE, STYLES, SURVEYED, parcel_maps
from generator.geography.parcelregions import PADDIES, PIVOTS, regions_at
from generator.geography.parcels import _GRID, Parcels
from generator.geography.regiongrid import BANDS, MapPositions, exact_stretch
from generator.geography.terrain import Terrain, terrain
from generator.geography.terrainregions import streams_at
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, cell_at
from tests.fakes_ground import earth_ground, random_ground
from tests.rectangles import digest_of, drawn_by, windows_agree

GROUND = earth_ground()
PARCELS = Parcels(GROUND.cover, GROUND.built, GROUND.relief, terrain())
DRY = replace(
    PARCELS,
    terrain=Terrain(terrain().slopes, tuple(np.zeros_like(one) for one in terrain().streams)),
)
RANDOM = Parcels(random_ground().cover, random_ground().built, random_ground().relief, terrain())
IOWA, BEAUCE, SAHARA = (42.0, -93.2), (48.2, 1.9), (23.0, 10.0)
PUNJAB, PAMPAS, KANSAS, HUBEI = (30.8, 75.8), (-34.5, -60.5), (38.2, -101.0), (30.9, 113.5)
FIXED = "f1be22e15a7439f6"
"""Begin of the digest of fields at six places and five zooms."""


def around(place: tuple[float, float], zoom: int, side: int = 96) -> Rectangle:
    """Return a square of world pixels whose corner lies at latitude and longitude."""
    x, y = cell_at(place[1], place[0], 256 << zoom)
    return Rectangle(x // 16 * 16, y // 16 * 16, side, side)


def drawn(zoom: int, area: Rectangle, parcels: Parcels = PARCELS) -> Overlay:
    """Return the fields of a rectangle; none at all are of no colour."""
    return drawn_by(parcels, zoom, area)


def averaged(colours: np.ndarray, side: int) -> np.ndarray:
    """Return means of squares."""
    height, width = (length // side for length in colours.shape[:2])
    return colours.reshape(height, side, width, side, 3).mean((1, 3))


@settings(max_examples=40, deadline=None)
@given(st.integers(9, 17), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(-300, 300) | st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(starts)
    windows_agree(RANDOM, data, zoom, x0, y0)


def test_every_machine_draws_the_same_fields() -> None:
    zooms, places = (9, 11, 13, 15, 17), (IOWA, BEAUCE, PUNJAB, PAMPAS, KANSAS, HUBEI)
    windows = ((zoom, around(place, zoom)) for zoom in zooms for place in places)
    assert digest_of(PARCELS, windows)[: len(FIXED)] == FIXED


def test_no_stretch_is_near_a_rounding_boundary() -> None:
    values = np.array([exact_stretch(band) for band in range(BANDS)])
    assert np.abs(values % 1 - 0.5).min() > 1e-6


@pytest.mark.parametrize("zoom", [11, 13, 15])
def test_fields_are_those_of_the_zoom_above(zoom: int) -> None:
    area = around(BEAUCE, zoom)
    # Means of a few pixels, as each zoom has a grain of its own.
    few = 2 if zoom == 11 else SCALE
    coarse = averaged(drawn(zoom, area).colours, few)
    fine = averaged(drawn(zoom + 2, area.finer(SCALE)).colours, few * SCALE)
    assert coarse.std() > 5
    assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.93
    assert abs(fine.mean() - coarse.mean()) < 1


def test_land_that_was_surveyed_has_fields_from_north_to_south() -> None:
    # Of all steps but the grain's, and those at streams, hardly any lie askew: a corner has steps
    # both ways, an oblique edge as well.

    def askew(place: tuple[float, float]) -> float:
        made = drawn(13, around(place, 13, 256), DRY)
        colours = made.colours.astype(int)
        across = np.abs(np.diff(colours, axis=1)).sum(2)[:-1] > 66
        down = np.abs(np.diff(colours, axis=0)).sum(2)[:, :-1] > 66
        return float((across & down).sum() / (across | down).sum())

    assert askew(IOWA) < 0.1 < askew(BEAUCE)


@pytest.mark.parametrize("zoom", [11, 13, 15])
def test_trees_stand_along_streams(zoom: int) -> None:
    area = around(IOWA, zoom, 512)
    made, without = (drawn(zoom, area, rule).colours.astype(int) for rule in (PARCELS, DRY))
    streams = streams_at(terrain(), 0, zoom, area)
    other = (made != without).any(2)
    assert 0.003 < other.mean() < 0.2
    # Only where a stream is, or beside it as edges are smoothed, and darker and greener.
    near = np.max([np.roll(streams, step, (0, 1)) for step in np.ndindex(3, 3)], 0)
    assert near[2:, 2:][other[1:-1, 1:-1]].min() > 50
    assert made[other].mean() < without[other].mean() - 10
    assert (made[other] @ (-1, 2, -1)).mean() > (without[other] @ (-1, 2, -1)).mean()


def test_wells_water_round_fields_on_the_high_plains() -> None:
    region = regions_at(0, np.array([1600]), np.array([900]))
    assert region.styles == [PIVOTS]
    side = 32 << 8
    positions = (np.arange(8 * side, 16 * side, 64) + 32).astype(np.int32)
    at = MapPositions(positions[:, None] + 0 * positions, positions + 0 * positions[:, None])
    numbers = region.parcels(at, np.zeros(at.down.shape, np.intp), 11)
    # By quarter, what lies within a circle and what lies at the corners.
    quarters = numbers.reshape(8, side // 64, 8, side // 64).swapaxes(1, 2).reshape(64, -1)
    y, x = np.mgrid[: side // 64, : side // 64] - side / 128
    inside = (np.hypot(y, x) < side / 128 * 0.95).ravel()
    watered = np.array([len(np.unique(quarter[inside])) == 1 for quarter in quarters])
    other = np.array([(quarter[~inside] != quarter[inside][0]).any() for quarter in quarters])
    assert 30 < (watered & other).sum() < 56


def test_rice_has_colours_of_its_own() -> None:
    columns = np.arange(3100, 3200)
    regions = regions_at(0, np.full(100, 1680), columns)
    colours = regions.colours[:, :16].astype(int)
    bluer = np.where(colours[..., 3] == MARK, colours[..., 2] - colours[..., 0], -99).max(1)
    # Flooded fields are bluer than others.
    rice = regions.styles == PADDIES
    assert bluer[rice].mean() > bluer[~rice].mean() + 5


def test_there_are_none_in_deserts_in_towns_and_above_zoom_9() -> None:
    assert PARCELS.overlay(13, around(SAHARA, 13)) is None
    assert PARCELS.overlay(13, around((48.86, 2.35), 13)) is None
    assert PARCELS.overlay(7, around(BEAUCE, 7)) is None
    made = drawn(13, around(BEAUCE, 13))
    assert made.withheld.mean() > 0.5 * made.withheld.max() > 0
    # Where there is no field the ground has its own colour.
    plain = (made.withheld == 0) & (np.abs(made.colours).sum(2) > 0)
    assert plain.mean() < 0.05


def test_woods_between_fields_have_crowns() -> None:
    area = around(PUNJAB, 15, 384)
    seen = _GRID.pixels(15, area)
    regions = regions_at(0, seen.rows, seen.columns)
    numbers = regions.parcels(seen.positions(regions.placed), seen.which, 15)
    marks = looked_up(numbers, seen.which, regions.colours).view(np.int16)[..., 3::4]
    wood, colours = marks == TREES, drawn(15, area).colours.mean(2)
    assert 0.02 < wood.mean() < 0.3
    assert colours[wood].mean() < colours[~wood].mean() - 10
    rough = np.abs(np.diff(colours, axis=1))
    assert (
        rough[wood[:, 1:] & wood[:, :-1]].mean() > 2 * rough[~(wood[:, 1:] | wood[:, :-1])].mean()
    )


def test_grassland_is_pasture_in_some_lands_and_steppe_in_others() -> None:
    wiltshire, steppe, alps = (51.1, -2.0), (49.5, 68.0), (46.7, 10.4)
    assert drawn(13, around(wiltshire, 13)).colours.std() > 5
    assert PARCELS.overlay(13, around(steppe, 13)) is None
    assert PARCELS.overlay(13, around(alps, 13)) is None


def test_worlds_have_fields_of_their_own() -> None:
    area, worlds = (
        around(BEAUCE, 13),
        (PARCELS, replace(PARCELS, seed=1), replace(PARCELS, seed=2**64 - 1)),
    )
    made = [drawn(13, area, world).colours.astype(float) for world in worlds]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.corrcoef(made[one].ravel(), made[other].ravel())[0, 1] < 0.3
    np.testing.assert_array_equal(drawn(13, area, replace(worlds[1], seed=0)).colours, made[0])
    assert len({world.digest for world in worlds}) == 1


def test_fields_show_a_part_of_the_detail() -> None:
    for zoom, least in ((11, 0.19), (15, 0.24), (17, 0.24)):
        detail = drawn(zoom, around(BEAUCE, zoom)).detail
        assert detail.dtype == np.float32
        assert least < detail.min() + 0.01 < least + 0.03


def test_what_withholds_more_decides_where_two_lie_over_each_other() -> None:
    colours = np.arange(9, dtype=np.int16).reshape(1, 3, 3)
    first = Overlay(colours, np.array([[0, WHOLE // 2, 100]], np.uint16))
    second = Overlay(-2 * colours, np.array([[WHOLE, 0, 50]], np.uint16))
    both = first.joined(second)
    np.testing.assert_array_equal(both.colours, -colours)
    np.testing.assert_allclose(both.detail, [[0, 0.5, 1 - 100 / WHOLE]], atol=1e-6)
    assert first.joined(None) is first


@pytest.mark.parametrize("base", [False, True])
def test_a_parent_is_without_the_fields_that_were_drawn(base: bool) -> None:
    geography, core = Geography(parcels=PARCELS), around(BEAUCE, 13, 64)
    flat = np.full((core.height, core.width, 3), 100, np.uint8)
    # A child of 13 with its fields is the parent of 15.
    above = Rectangle(core.x0 // SCALE, core.y0 // SCALE, 16, 16)
    ground = geography.parent_ground(
        11, above.grown(1), lambda a: flat[: a.height, : a.width], True
    )
    child = geography.completed(13, above, flat, ground, geography.overlay(13, core))
    assert np.ptp(child) > 20
    seen = geography.parent_ground(13, core, lambda area: child, base)
    assert (seen.parent == child).all()
    assert (seen.dry == (child if base else flat)).all()


def test_maps_go_on_at_their_other_side() -> None:
    for number, (style, drawn_map) in enumerate(zip(STYLES, parcel_maps(), strict=True)):
        parcels = drawn_map.parcels.reshape(SIDE, SIDE)
        edges = drawn_map.edges.reshape(SIDE, SIDE)
        assert len(np.unique(parcels)) == parcels.max() + 1
        assert ((edges & LEFT > 0) == (parcels != np.roll(parcels, 1, 1))).all()
        assert ((edges & ABOVE > 0) == (parcels != np.roll(parcels, 1, 0))).all()
        if number == SURVEYED:
            assert (edges[::32] & ABOVE).all()
            assert style.along == (32, 32)


def test_a_regions_colours_are_on_the_whole_those_of_the_ground() -> None:
    for row in range(0, 4096, 97):
        colours = regions_at(row, np.array([row]), np.array([row * 7 % 4096])).colours[0]
        assert colours.shape == (145, 4)
        assert np.abs(colours[:16, :3].mean(0)).max() < 3
        assert np.abs(colours[:, :3]).max() < 86


def test_nothing_is_taken_from_what_water_covers() -> None:
    overlay = Overlay(np.full((1, 3, 3), -100, np.int16), np.zeros((1, 3), np.uint16))
    parent, covered = np.full((1, 3, 3), 50, np.uint8), np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_array_equal(overlay.taken_from(parent, covered)[0, :, 0], [150, 130, 50])
    np.testing.assert_array_equal(overlay.taken_from(parent)[0, :, 0], 150)


def test_villages_are_squares_of_farmsteads_side_by_side() -> None:
    side = 64 << 8
    positions = (np.arange(0, 8 * side, 256) + 128).astype(np.int32)
    at = MapPositions(positions[:, None] + 0 * positions, positions + 0 * positions[:, None])
    keys = np.zeros(at.down.shape, np.uint32)
    village = villages_at(at, keys, keys + np.uint32(200))
    assert village is not None
    assert 0.02 < village.mean() < 0.1
    # Squares of farmsteads are whole, and no village reaches its neighbour.
    squares = village.reshape(128, 4, 128, 4)
    assert (squares == squares[:, :1, :, :1]).all()
    areas = village.reshape(8, 64, 8, 64).sum((1, 3))
    assert 25 < (areas > 0).sum() < 60
    assert areas.max() < 700
    assert villages_at(at, keys, keys) is None
    # Most of them are farmsteads there, few elsewhere.
    found = farms_at(at, keys, village, None)
    assert found is not None
    farms = np.zeros(village.size, bool)
    farms[found[0]] = True
    assert farms[village.ravel()].mean() > 0.7
    assert farms[~village.ravel()].mean() < 0.03


@pytest.mark.parametrize("zoom", [11, 13])
def test_small_fields_have_villages(zoom: int, monkeypatch: pytest.MonkeyPatch) -> None:
    area = around((36.0, 115.0), zoom, 512)
    made = drawn(zoom, area).colours.astype(int)
    monkeypatch.setattr(parcelregions, "_villages", lambda: np.zeros(7, np.uint32))
    without = drawn(zoom, area).colours.astype(int)
    other = (made != without).any(2)
    assert 0.01 < other.mean() < 0.12
    # They are bluer than the brown of fields, and lie in clumps.
    assert (made[other] @ (-1, 0, 1)).mean() > (without[other] @ (-1, 0, 1)).mean() + 5
    blocks = other.reshape(64, 8, 64, 8).mean((1, 3))
    assert ((blocks > 0) & (blocks < 1)).mean() < 0.3
