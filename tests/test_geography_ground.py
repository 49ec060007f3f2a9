"""Towns, land cover, relief, the built-up degree: the same in every window; refused files."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.geography.builtup import BuiltUp, radii_of
from generator.geography.cellgrid import row_middles
from generator.geography.derive.landcover import GROUPS, grouped
from generator.geography.derive.relief import PLAIN, STEEP, levels_of, spread
from generator.geography.derive.towns import towns_of
from generator.geography.geography import Geography
from generator.geography.ground import GroundFigures
from generator.geography.landcover import Cover, LandCover
from generator.geography.layerfile import LayerFile
from generator.geography.layers import FIGURES
from generator.geography.relief import LEVELS, Relief
from generator.geography.towncolour import PARTS, greyed, parts_of
from generator.geography.towns import TownTable
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from tests.fakes_ground import (
    FILED,
    WORLD,
    cover_bytes,
    earth_ground,
    random_cover,
    random_ground,
    random_relief,
    random_towns,
    relief_bytes,
)

GROUND = random_ground()
SIDE = 24
HEIGHT, WIDTH = LandCover.HEIGHT, LandCover.WIDTH
FIXED = [10662, 24497, 3790, 0, 0, 154]
"""Sums of the figures."""
SHIPPED = earth_ground()


def shares(zoom: int, x0: int, y0: int, width: int, height: int) -> np.ndarray:
    """Return the degree of GROUND, zeros where there is nothing."""
    found = GROUND.built.shares(zoom, Rectangle(x0, y0, width, height))
    return np.zeros((height, width), np.uint8) if found is None else found


@settings(max_examples=40, deadline=None)
@given(st.integers(4, 13), st.data())
def test_rectangles_agree_where_they_overlap(zoom: int, data: st.DataObject) -> None:
    world = 256 << zoom
    starts = st.integers(-300, 300) | st.integers(world - 300, world + 300) | st.integers(0, world)
    x0, y0 = data.draw(starts), data.draw(starts)
    whole = shares(zoom, x0, y0, 200, 150)
    left, top = data.draw(st.integers(0, 199)), data.draw(st.integers(0, 149))
    width, height = data.draw(st.integers(1, 200 - left)), data.draw(st.integers(1, 150 - top))
    turns = data.draw(st.integers(-2, 2))
    part = shares(zoom, x0 + left + turns * world, y0 + top, width, height)
    assert np.array_equal(part, whole[top : top + height, left : left + width])


def test_beyond_the_edges_the_map_is_mirrored() -> None:
    world = 256 << 6
    assert shares(6, 0, 0, 400, 90).any()
    assert np.array_equal(shares(6, 5, -90, 400, 180), shares(6, 5, -90, 400, 180)[::-1])
    below = shares(6, 5, world - 90, 400, 180)
    assert below.any()
    assert np.array_equal(below, below[::-1])


@settings(max_examples=30, deadline=None)
@given(st.sampled_from((5, 7, 9, 13)), st.integers(0, 2**32 - 1))
def test_figures_of_a_place_do_not_depend_on_the_others(zoom: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    world = 256 << zoom
    ys = random.integers(-40, world + 40) + random.integers(0, 300, 60)
    xs = random.integers(-40, world + 40) + random.integers(0, 300, 60)
    together = GROUND.figures(zoom, ys, xs, SIDE)
    some = random.permutation(60)[:9]
    assert np.array_equal(GROUND.figures(zoom, ys[some], xs[some] + world, SIDE), together[some])
    for at in some[:3]:
        alone = GROUND.figures(zoom, ys[at : at + 1], xs[at : at + 1], SIDE)
        assert np.array_equal(alone[0], together[at])


def test_figures_of_places_far_apart() -> None:
    ys, xs = np.array([100, 60000, 100]), np.array([5, 120000, 120000])
    together = GROUND.figures(9, ys, xs, SIDE)
    for at in range(3):
        alone = GROUND.figures(9, ys[at : at + 1], xs[at : at + 1], SIDE)
        assert np.array_equal(alone[0], together[at])


@pytest.mark.parametrize("side", [12, SIDE])
def test_the_built_up_figure_is_the_mean_of_its_window(side: int) -> None:
    # Windows that begin at even pixels are whole pixels of twice the size.
    ys, xs = np.array([40000, 41000]), np.array([2, 70000])
    found = GROUND.figures(9, ys, xs, side)[:, 0]
    for y, x, figure in zip(ys, xs, found, strict=True):
        half = side // 2
        degree = shares(8, (x - half) // 2, (y - half) // 2, half, half)
        assert abs(int(figure) - degree.mean()) <= 0.5


def test_no_place_at_all() -> None:
    nothing = np.zeros(0, np.int64)
    assert GROUND.figures(9, nothing, nothing, SIDE).shape == (0, len(FIGURES))


def test_a_town_covers_the_ground_that_its_people_fill() -> None:
    empty = LandCover.of(np.zeros((HEIGHT, WIDTH), np.uint8))
    for people in (10_000, 1_000_000):
        built = BuiltUp(towns_of([(50.0, 10.0, people)]), empty)
        x, y = int(190 / 360 * (256 << 10)), int(rows_at(50.0) * (256 << 10))
        degree = built.shares(10, Rectangle(x - 300, y - 300, 600, 600))
        assert degree is not None
        metres = 40075016.686 / (256 << 10) * math.cos(math.radians(50))
        area = degree.sum() / 255 * metres**2 / 1e6
        assert 0.5 < area / (people / 4000) < 2


def rows_at(latitude: float) -> float:
    """Return the part of the map's height at which a latitude lies."""
    return 0.5 - math.asinh(math.tan(math.radians(latitude))) / (2 * math.pi)


def test_radii_double_with_every_octave() -> None:
    radii = radii_of(np.arange(64, 128, dtype=np.uint8))
    assert np.array_equal(radii[8:], radii[:-8] * 2) or np.abs(radii[8:] - 2 * radii[:-8]).max() < 2
    assert (np.diff(radii) > 0).all()


def test_layers_of_the_ground_come_back_from_their_files(tmp_path: Path) -> None:
    towns = random_towns(512)
    cover, relief = random_cover(side=FILED), random_relief(side=FILED)
    (tmp_path / "towns").write_bytes(towns.to_bytes())
    (tmp_path / "cover").write_bytes(cover_bytes())
    (tmp_path / "relief").write_bytes(relief_bytes())
    opened = TownTable.open(LayerFile.read(tmp_path / "towns"))
    for name in ("x", "y", "classes", "first"):
        assert np.array_equal(getattr(opened, name), getattr(towns, name))
    assert np.array_equal(LandCover.open(LayerFile.read(tmp_path / "cover")).packed, cover.packed)
    assert np.array_equal(Relief.open(LayerFile.read(tmp_path / "relief")).packed, relief.packed)


@pytest.mark.parametrize("change", ["missing", "foreign", "short", "damaged"])
@pytest.mark.parametrize("kind", [TownTable, LandCover, Relief])
def test_other_files_are_refused_in_one_sentence(
    tmp_path: Path, kind: type[TownTable | LandCover | Relief], change: str
) -> None:
    path = tmp_path / "layer.bin"
    whole = {LandCover: cover_bytes, Relief: relief_bytes}.get(kind, random_towns(200).to_bytes)
    data = whole()
    changed = {
        "foreign": b"ELSWGEO1other   " + data[16:],
        "short": data[: len(data) // 2],
        "damaged": data[:40] + b"damage" + data[46:],
    }
    if change in changed:
        path.write_bytes(changed[change])
    with pytest.raises(GeographyError, match=r"layer\.bin") as error:
        kind.open(LayerFile.read(path))
    assert "\n" not in str(error.value)


def test_rows_lie_far_from_rounding_boundaries() -> None:
    for height in (LandCover.HEIGHT, Relief.HEIGHT):
        middles = row_middles(height)
        latitudes = [90 - (row + 0.5) * 180 / height for row in range(height)]
        for row in (0, 1, height // 4, height // 2 - 1, height - 1):
            assert middles[row] == math.floor(rows_at(latitudes[row]) * WORLD + 0.5)
        exact = [rows_at(latitude) * WORLD + 0.5 for latitude in latitudes]
        assert min(abs(value - round(value)) for value in exact) > 1e-5
        assert (np.diff(middles) > 0).all()


def test_shares_of_land_cover_add_up_and_are_those_of_a_cell_in_its_middle() -> None:
    cover = random_cover()
    ys = np.random.default_rng(3).integers(0, WORLD, 500)
    xs = np.random.default_rng(4).integers(0, WORLD, 500)
    found = cover.shares(ys, xs, tuple(Cover))
    assert np.abs(found.sum(1) - 255).max() <= 4
    middle = row_middles(HEIGHT)[1234], np.array([1000 * WORLD // WIDTH + WORLD // WIDTH // 2])
    group = cover.cells(np.array([1234]), np.array([1000]))[0]
    assert cover.shares(np.array([middle[0]]), middle[1], (Cover(group),))[0, 0] >= 253


def test_shares_on_a_grid_are_those_of_its_places() -> None:
    squares = random_cover().cells(np.arange(HEIGHT)[:, None], np.arange(WIDTH))
    cover = LandCover.of(np.where(squares == Cover.WATER, np.uint8(Cover.GRASS), squares))
    ys, xs = np.arange(20) * 300_000 + 400_000_000, np.arange(30) * 200_000 - 800_000
    grid = cover.grid_shares(ys, xs, Cover.URBAN)
    assert grid is not None
    down, across = (axis.ravel() for axis in np.meshgrid(ys, xs, indexing="ij"))
    assert np.array_equal(grid.ravel(), cover.shares(down, across, (Cover.URBAN,))[:, 0])
    none = LandCover.of(np.zeros((HEIGHT, WIDTH), np.uint8))
    assert none.grid_shares(ys, xs, Cover.URBAN) is None


def test_land_reaches_two_cells_into_water_on_a_grid() -> None:
    cells = np.full((HEIGHT, WIDTH), Cover.WATER, np.uint8)
    cells[1200, 2000], cells[1201, 2001] = Cover.FOREST, Cover.BARE
    cover, step = LandCover.of(cells), np.arange(-4, 6)
    ys = row_middles(HEIGHT)[1200 + step]
    xs = (2 * (2000 + step) + 1) * WORLD // (2 * WIDTH)
    forest, bare, water = (
        cover.grid_shares(ys, xs, asked) for asked in (Cover.FOREST, Cover.BARE, Cover.WATER)
    )
    assert forest is not None
    assert bare is not None
    assert water is not None
    assert forest[4, 4] >= 253
    assert bare[5, 5] >= 253
    # As far as both reach, nothing is water, and further all is.
    near = (np.abs(step) <= 2)[:, None] & (np.abs(step) <= 2)
    near |= (np.abs(step - 1) <= 2)[:, None] & (np.abs(step - 1) <= 2)
    assert (np.abs(water - 255 * ~near) <= 4).all()
    # A part of the grid has the same.
    part = cover.grid_shares(ys[6:], xs[:5], Cover.FOREST)
    assert part is None or np.array_equal(part, forest[6:, :5])
    assert (forest[6:, :5] > 250).any() == (part is not None)


def test_igbp_classes_are_brought_together() -> None:
    classes = np.full((HEIGHT, WIDTH), 12, np.uint8)
    classes[0, :2] = 13, 16
    found = grouped(classes).cells(np.zeros(3, np.int64), np.arange(3))
    assert found.tolist() == [Cover.URBAN, Cover.BARE, Cover.CROP]
    assert len(GROUPS) == 17
    with pytest.raises(ValueError, match="MCD12C1"):
        grouped(classes[:5])


def test_savanna_of_cold_countries_is_open_taiga() -> None:
    classes = np.full((HEIGHT, WIDTH), 9, np.uint8)
    classes[1800, 0] = 8
    cover = grouped(classes)
    rows = np.array([0, 799, 800, 1800, 2799, 2800, 3599])
    found = cover.cells(rows, np.array([1, 1, 1, 0, 1, 1, 1])).tolist()
    wood, grass = Cover.WOODLAND, Cover.GRASS
    assert found == [wood, wood, grass, wood, grass, wood, wood]


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        (Cover.WATER, Cover.CROP, [0, 255, 0, 0, 0, 0]),
        (Cover.WATER, Cover.WATER, [0, 0, 0, 0, 0, 0]),
        (Cover.WOODLAND, Cover.WOODLAND, [0, 0, 159, 0, 0, 0]),
        (Cover.BARE, Cover.FOREST, [0, 0, 128, 128, 0, 0]),
    ],
)
def test_cover_is_counted_in_shares_of_the_land(
    left: Cover, right: Cover, expected: list[int]
) -> None:
    groups = np.full((HEIGHT, WIDTH), left, np.uint8)
    groups[:, 1::2] = right
    flat = Relief.of(np.zeros((Relief.HEIGHT, Relief.WIDTH), np.uint8))
    towns = TownTable.of(*np.zeros((2, 0), int), np.zeros(0, np.uint8))
    made = GroundFigures(towns, LandCover.of(groups), flat)
    # Midway between two cells.
    ys, xs = np.array([256 << 8]), np.array([round((256 << 9) / WIDTH)])
    assert np.abs(made.figures(9, ys, xs, SIDE)[0].astype(int) - expected).max() <= 6


@pytest.mark.parametrize(
    ("latitude", "longitude", "built", "cover"),
    [
        (48.86, 2.35, (200, 255), None),  # Paris
        (42.2, -94.2, (0, 10), Cover.CROP),  # Iowa
        (23.0, 10.0, (0, 0), Cover.BARE),  # Sahara
        (-5.0, -63.0, (0, 0), Cover.FOREST),  # Amazon
    ],
)
def test_the_shipped_layers_know_the_earth(
    latitude: float, longitude: float, built: tuple[int, int], cover: Cover | None
) -> None:
    side = 256 << 9
    ys, xs = np.array([rows_at(latitude) * side]), np.array([(longitude + 180) / 360 * side])
    figures = SHIPPED.figures(9, ys.astype(np.int64), xs.astype(np.int64), SIDE)[0]
    assert built[0] <= figures[0] <= built[1]
    if cover is not None:
        assert figures[FIGURES.index(cover.name.lower())] > 150


@pytest.mark.parametrize(
    ("latitude", "longitude", "least", "most"),
    [
        (-3.5, -62.0, 0, 0),  # Amazon
        (47.5, 2.0, 0, 0),  # Loire
        (-35.0, -61.0, 0, 0),  # Pampas
        (37.0, -120.3, 0, 0),  # Central Valley
        (36.0, -93.0, 70, 130),  # Ozarks
        (43.3, 11.3, 60, 110),  # Tuscany
        (61.0, 8.0, 130, 180),  # Norway
        (46.5, 8.5, 200, 255),  # Alps
        (29.0, 84.0, 255, 255),  # Himalaya
    ],
)
def test_the_shipped_relief_knows_plains_hills_and_mountains(
    latitude: float, longitude: float, least: int, most: int
) -> None:
    side = 256 << 9
    ys, xs = np.array([rows_at(latitude) * side]), np.array([(longitude + 180) / 360 * side])
    figures = SHIPPED.figures(9, ys.astype(np.int64), xs.astype(np.int64), SIDE)[0]
    assert least <= figures[FIGURES.index("relief")] <= most


def test_relief_is_that_of_a_cell_in_its_middle_and_between_cells_bilinear() -> None:
    relief, middles, cell = random_relief(), row_middles(Relief.HEIGHT), WORLD / Relief.WIDTH
    ys = np.array([middles[700], middles[700], (middles[703] + middles[704]) // 2])
    xs = np.array([round(1000.5 * cell), round(1004 * cell), round(1000.5 * cell)])
    rows, columns = np.array([700, 703, 704]), np.array([1000, 1003, 1004])
    levels = relief.cells(rows[:, None], columns[None]).astype(int) * (255 // LEVELS)
    expected = [levels[0, 0], levels[0, 1:].mean(), levels[1:, 0].mean()]
    assert np.abs(relief.degrees(ys, xs) - np.array(expected)).max() <= 1
    assert relief.degrees(ys, xs + WORLD).tolist() == relief.degrees(ys, xs).tolist()


def test_relief_is_the_spread_of_heights_of_one_width_on_the_ground() -> None:
    # Ridges 40 cells apart at the equator, where steps of 800 m are mountains.
    metres = np.zeros((2160, 4320))
    metres[:, 1000:1020] = 800
    deviation = spread(metres)
    assert deviation[:, 500].max() == 0
    assert 350 < deviation[1080, 1000] <= 400
    assert deviation[1080, 995] < PLAIN
    # At 60 degrees as many kilometres are twice as many cells.
    assert abs(deviation[360, 996] - deviation[1080, 998]) < 40
    levels = levels_of(np.where(deviation > 300, STEEP, PLAIN))
    rows, columns = np.array([900]), np.array([400, 833])
    assert levels.cells(rows, columns).tolist() == [0, LEVELS]


def test_the_shipped_figures_are_fixed() -> None:
    # Round Paris.
    ys, xs = (axis.ravel() for axis in np.mgrid[44_900:45_300:40, 66_100:66_700:40])
    assert SHIPPED.figures(9, ys, xs, SIDE).sum(0).tolist() == FIXED


@pytest.mark.parametrize("zoom", PARTS)
def test_towns_take_a_grey_of_their_surroundings_brightness(zoom: int) -> None:
    green = np.full((2, 3, 3), (40, 80, 30), np.uint8)
    built = np.array([[0, 128, 255], [0, 0, 0]], np.uint8)
    made = greyed(green, parts_of(zoom, built)).astype(int)
    assert np.array_equal(made[0, 0], green[0, 0])
    assert np.array_equal(made[1], green[1])
    spread = np.ptp(made, axis=2)[0]
    assert spread[0] > spread[1] > spread[2]
    assert abs(spread[2] - spread[0] * (1 - PARTS[zoom] / 256)) < 4
    assert parts_of(zoom, None) is None
    assert greyed(green, None) is green
    assert abs(made[0, 2].mean() - green.mean()) < 15


@pytest.mark.parametrize("zoom", [5, 7, 9, 11, 13, 15])
def test_parents_of_some_zooms_take_the_towns_colour(zoom: int) -> None:
    parent = np.full((400, 400, 3), (40, 80, 30), np.uint8)
    # Round Paris.
    side = 256 << zoom
    area = Rectangle(int(side * 0.5065) - 150, int(side * 0.344) - 150, 300, 300)
    made = Geography(ground=SHIPPED).parent_ground(
        zoom, area, lambda part: cut(parent, part), False
    )
    assert (made.dry != made.parent).any() == (zoom in PARTS)
    assert (made.parent == parent[0, 0]).all()


def cut(picture: np.ndarray, part: Rectangle) -> np.ndarray:
    """Return as much of a picture as a rectangle asks for."""
    return picture[: part.height, : part.width]
