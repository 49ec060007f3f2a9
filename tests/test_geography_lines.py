"""Rivers, roads and rail as lines: windows agree, zooms agree, damage is found."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from generator.geography import linecourse, linedrawing
from generator.geography.layerfile import LayerFile
from generator.geography.linedrawing import PIXEL
from generator.geography.linefile import WORLD_BITS, Polylines, encode, parse
from generator.geography.linekinds import KINDS
from generator.geography.lines import LineLayer
from generator.geography.relief import LEVELS, Relief
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE

WORLD = 1 << WORLD_BITS
EARTH = Path(linecourse.__file__).parent / "earth"


def walk(
    seed: int, start: tuple[int, int], steps: int = 40, length: int = 90_000
) -> list[list[int]]:
    """Return the points of a line that turns a little at each step."""
    rng = np.random.default_rng(seed)
    headings = rng.uniform(0, 6.3) + np.cumsum(rng.normal(0, 0.5, steps))
    lengths = rng.integers(length // 4, length, steps)
    moves = np.stack((np.cos(headings) * lengths, np.sin(headings) * lengths), axis=1)
    return (np.array(start) + np.cumsum(moves.astype(np.int64), axis=0)).tolist()


def polylines(*lines: tuple[int, list[list[int]]]) -> Polylines:
    offsets = np.cumsum([0, *(len(points) for _, points in lines)])
    points = np.array([point for _, line in lines for point in line], np.int64).reshape(-1, 2)
    return Polylines(points, offsets, np.array([rank for rank, _ in lines], np.uint8))


CENTRE = (550_000_000, 380_000_000)
RIVER = walk(1, CENTRE)
LAYER = LineLayer.of(polylines((1, RIVER), (4, walk(2, CENTRE))), "rivers")


def dense(layer: LineLayer, zoom: int, area: Rectangle) -> NDArray[np.uint8]:
    shares = layer.shares(zoom, area)
    if shares is None:
        return np.zeros((area.height, area.width), np.uint8)
    assert shares.shape == (area.height, area.width)
    assert shares.dtype == np.uint8
    return shares


def around(point: list[int], zoom: int, side: int) -> Rectangle:
    x, y = (value >> (WORLD_BITS - 8 - zoom) for value in point)
    return Rectangle(x - side // 2, y - side // 2, side, side)


@settings(deadline=None, max_examples=60)
@given(
    zoom=st.sampled_from([5, 7, 8, 9, 11, 13, 15, 17]),
    at=st.integers(0, len(RIVER) - 1),
    corner=st.tuples(st.integers(0, 150), st.integers(0, 150)),
    size=st.tuples(st.integers(1, 100), st.integers(1, 100)),
)
def test_a_window_is_the_same_part_of_a_larger_one(
    zoom: int, at: int, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    whole = around(RIVER[at], zoom, 250)
    (left, top), (width, height) = corner, size
    part = Rectangle(whole.x0 + left, whole.y0 + top, width, height)
    expected = dense(LAYER, zoom, whole)[top : top + height, left : left + width]
    np.testing.assert_array_equal(dense(LAYER, zoom, part), expected)


@pytest.mark.parametrize("zoom", [7, 11, 15, 17])
def test_lines_go_on_across_the_dateline(zoom: int) -> None:
    points = [[WORLD - 60_000 + 20_000 * k, 500_000_000 + 3_000 * k] for k in range(7)]
    layer = LineLayer.of(polylines((1, points)), "rivers")
    moved = LineLayer.of(polylines((1, [[x - WORLD, y] for x, y in points])), "rivers")
    size = TILE_SIZE << zoom
    y = 500_009_000 >> (WORLD_BITS - 8 - zoom)
    whole = dense(layer, zoom, Rectangle(size - 64, y - 64, 128, 128))
    assert whole[:, 64].any()
    assert whole[:, 63].any()
    for x0 in (-64, size - 64, 3 * size - 64):
        area = Rectangle(x0, y - 64, 128, 128)
        np.testing.assert_array_equal(dense(layer, zoom, area), whole)
        np.testing.assert_array_equal(dense(moved, zoom, area), whole)
    np.testing.assert_array_equal(dense(layer, zoom, Rectangle(0, y - 64, 64, 128)), whole[:, 64:])


def test_rows_beyond_the_edges_are_mirrored() -> None:
    points = [[500_000_000 + 9_000 * k, 40_000 + 5_000 * (k % 3)] for k in range(20)]
    layer = LineLayer.of(polylines((1, points)), "rivers")
    x = points[10][0] >> (WORLD_BITS - 8 - 11)
    inside = dense(layer, 11, Rectangle(x - 50, 0, 100, 40))
    assert inside.any()
    beyond = dense(layer, 11, Rectangle(x - 50, -40, 100, 80))
    np.testing.assert_array_equal(beyond, np.concatenate((inside[::-1], inside)))


def near(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels that are in a mask or beside one that is."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    shifts = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    return np.logical_or.reduce(shifts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zoom", [9, 11, 13])
def test_the_course_is_the_same_four_times_finer(kind: str, zoom: int) -> None:
    layer = LineLayer.of(polylines((0, RIVER)), kind)
    zoom = max(zoom, KINDS[kind].zooms[0])
    for at in (5, 20, 33):
        area = around(RIVER[at], zoom, 120)
        coarse = dense(layer, zoom, area) > 0
        fine = dense(layer, zoom + 2, area.finer(4)) > 0
        reduced = fine.reshape(120, 4, 120, 4).any(axis=(1, 3))
        assert coarse.any()
        assert reduced.any()
        inner = np.s_[2:-2, 2:-2]
        assert not (coarse & ~near(reduced))[inner].any()
        assert not (reduced & ~near(coarse))[inner].any()


@pytest.mark.parametrize("zoom", [9, 11, 13, 15, 17])
def test_a_river_has_no_gap(zoom: int) -> None:
    for at in range(8, 30, 5):
        area = around(RIVER[at], zoom, 60)
        shares = dense(LineLayer.of(polylines((1, RIVER)), "rivers"), zoom, area)
        # From the window's middle one gets to its border over pixels that the river covers.
        reached = np.zeros_like(shares, bool)
        reached[29:32, 29:32] = shares[29:32, 29:32] > 0
        for _ in range(300):
            reached = near(reached) & (shares > 0)
        border = np.concatenate((reached[[0, -1]].ravel(), reached[:, [0, -1]].ravel()))
        assert border.any()


def test_widths_go_over_into_each_other_where_ranks_change() -> None:
    middle = [CENTRE[0], CENTRE[1] + 60_000]
    end = [CENTRE[0], CENTRE[1] + 120_000]
    layer = LineLayer.of(polylines((3, [[*CENTRE], middle]), (1, [middle, end])), "rivers")
    alone = LineLayer.of(polylines((3, [[*CENTRE], middle])), "rivers")
    side = 200
    x, y = middle[0] >> 9, middle[1] >> 9
    above = Rectangle(x - side, y - 100, 2 * side, 90)
    widths = [dense(one, 13, above).astype(int).sum(1) / 255 for one in (layer, alone)]
    # It is little wider upstream, and at the meeting point as wide as the other.
    assert widths[0][:5].mean() < 1.8 * widths[1][:5].mean()
    assert widths[0][-5:].mean() > 3 * widths[1][-5:].mean()
    assert (np.diff(widths[0]) < 3).all()


@pytest.mark.parametrize("zoom", [13, 15])
def test_rivers_are_narrower_in_mountains(zoom: int) -> None:
    data = encode(polylines((1, RIVER)), "rivers", 4)
    area = around(RIVER[20], zoom, 400)
    covered = []
    for level in (0, LEVELS // 2, LEVELS):
        relief = Relief.of(np.full((Relief.HEIGHT, Relief.WIDTH), level, np.uint8))
        layer = LineLayer(LayerFile("a river", data), "rivers", relief)
        covered.append(dense(layer, zoom, area).sum() / 255)
    plain = LineLayer(LayerFile("a river", data), "rivers")
    assert dense(plain, zoom, area).sum() / 255 == covered[0]
    assert plain.digest != layer.digest
    assert 0.2 < covered[2] / covered[0] < 0.4
    assert covered[2] < covered[1] < covered[0]


def test_a_line_turned_round_has_the_same_course() -> None:
    turned = LineLayer.of(polylines((1, RIVER[::-1])), "rivers")
    layer = LineLayer.of(polylines((1, RIVER)), "rivers")
    for zoom in (9, 13):
        area = around(RIVER[20], zoom, 200)
        ahead, back = (dense(one, zoom, area).astype(int) for one in (layer, turned))
        assert np.abs(ahead - back).max() <= 16


def test_width_is_metres_of_ground() -> None:
    # A straight line along a parallel; canals of rank 9 are 30 m wide and vary by a quarter.
    for latitude_row, metres in ((WORLD // 2, 4.777), (WORLD // 4 + WORLD // 16, 2.47)):
        points = [[500_000_000 + 100_000 * k, latitude_row] for k in range(4)]
        layer = LineLayer.of(polylines((9, points)), "rivers")
        shares = dense(layer, 15, around(points[1], 15, 200)).astype(float)
        wide = shares.sum(axis=0).mean() / 255 * metres
        assert 30 * 0.7 < wide < 30 * 1.5


@given(st.integers(0, 10**6), st.integers(1, 90), st.integers(1, 90))
@settings(deadline=None, max_examples=30)
def test_wide_pieces_cover_what_each_pixel_says(seed: int, height: int, width: int) -> None:
    random = np.random.default_rng(seed)
    start, end = random.integers(-60 * PIXEL, 150 * PIXEL, (2, 2, 9))
    end[:, :4] = start[:, :4] + random.integers(-9 * PIXEL, 9 * PIXEL, (2, 4))
    halves = random.integers(0, 45 * PIXEL, 9) >> random.integers(0, 12, 9)
    asked = np.zeros((height, width), np.uint8)
    for one in range(9):
        xs, ys = (
            np.arange(side) * float(PIXEL) + PIXEL // 2 - start[axis, one]
            for axis, side in enumerate((width, height))
        )
        chord = (end - start)[:, one].astype(np.float64)
        shares = linedrawing._covered(xs, ys[:, None], chord, halves[one])
        np.maximum(asked, shares, out=asked)
    assert np.array_equal(linedrawing.drawn(start, end, halves, (height, width)), asked)


def test_small_ranks_are_left_out_at_coarse_zooms() -> None:
    layer = LineLayer.of(polylines((4, RIVER)), "rivers")
    assert layer.shares(7, around(RIVER[20], 7, 200)) is None
    assert layer.shares(9, around(RIVER[20], 9, 200)) is not None


def test_far_from_lines_there_is_nothing() -> None:
    assert LAYER.shares(9, Rectangle(1000, 60_000, 256, 256)) is None
    assert LineLayer.of(polylines(), "rail").shares(12, Rectangle(0, 0, 64, 64)) is None


def test_bends_stay_within_the_boxes_that_windows_look_at() -> None:
    kind = KINDS["rivers"]
    lines = polylines(*((rank, walk(rank, CENTRE, length=400_000)) for rank in range(11)))
    opened = parse(LayerFile("lines", encode(lines, "rivers", 4)), "rivers")
    for group in range(len(opened.groups) - 1):
        pieces = linecourse.pieces_of(opened.group(group), kind)
        for one in range(pieces.shape[1]):
            deep = pieces[:, [one]]
            low, high = linecourse.boxes_of(deep, kind)
            for _ in range(6):
                deep = linecourse.split(deep, kind)
                reach = deep[linecourse.HALVES].max(axis=0)
                assert (deep[linecourse.START] - reach >= low).all()
                assert (deep[linecourse.START] + reach <= high).all()


@given(st.data())
@settings(deadline=None, max_examples=20)
def test_a_file_gives_back_its_segments(data: st.DataObject) -> None:
    seeds = data.draw(st.lists(st.integers(0, 99), min_size=1, max_size=6))
    lines = [
        (seed % 11, walk(seed, (seed * 9_999_999, 5_000_000 * seed + 9_000_000))) for seed in seeds
    ]
    opened = parse(LayerFile("lines", encode(polylines(*lines), "rivers", 2)), "rivers")
    found = set()
    for group in range(len(opened.groups) - 1):
        chains = opened.group(group)
        starts, ends = chains.points[chains.firsts], chains.points[chains.firsts + 1]
        for start, end, rank in zip(starts, ends, chains.ranks.tolist(), strict=True):
            found.add((rank, *(start % WORLD).tolist(), *(end % WORLD).tolist()))
    expected = set()
    for rank, points in lines:
        rounded = (np.array(points) + 2 >> 2 << 2) % WORLD
        pairs = zip(rounded[:-1].tolist(), rounded[1:].tolist(), strict=True)
        expected |= {(rank, *a, *b) for a, b in pairs if a != b}
    assert found == expected


def test_numbers_of_the_table_of_metres_lie_far_from_rounding_boundaries() -> None:
    rows = (np.arange(1 << 10) + 0.5) / (1 << 10)
    unit = 2 * np.pi * 6378137 / WORLD
    values = np.cosh(np.pi * (1 - 2 * rows)) * 256 / unit
    assert np.abs(values % 1 - 0.5).min() > 1e-6
    np.testing.assert_array_equal(
        linecourse.metres((rows * WORLD).astype(np.int64)), np.floor(values + 0.5)
    )


def test_damaged_foreign_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "rivers.bin"
    data = encode(polylines((1, RIVER)), "rivers", 4)
    for wrong, said in (
        (data[:-5], "damaged or cut short"),
        (data[:30], "damaged or cut short"),
        (data[:200] + bytes([data[200] ^ 1]) + data[201:], "damaged or cut short"),
        (b"PNG" + data, "no layer of geography"),
        (b"", "no layer of geography"),
        (encode(polylines((1, RIVER)), "roads", 4), "a layer of 'roads', expected one of 'rivers'"),
    ):
        path.write_bytes(wrong)
        with pytest.raises(GeographyError, match=said) as raised:
            LineLayer(LayerFile.read(path), "rivers")
        assert str(path) in str(raised.value)
    with pytest.raises(GeographyError, match=r"none cannot be read \(No such file"):
        LayerFile.read(tmp_path / "none")
    with pytest.raises(GeographyError, match="expected one of rivers, roads, rail"):
        LineLayer(LayerFile.read(path), "paths")
    with pytest.raises(GeographyError, match="rank 11, expected 0 to 10"):
        LineLayer.of(polylines((11, RIVER)), "rivers")


def test_the_digest_follows_file_and_kind() -> None:
    one, other = polylines((1, RIVER)), polylines((2, RIVER))
    digests = [LineLayer.of(*given).digest for given in ((one, "rivers"), (other, "rivers"))]
    again = LineLayer.of(one, "rivers").digest
    assert digests[0] == again != digests[1]


SHIPPED = {
    "rivers": [(7, 66, 45), (9, 257, 178), (13, 4111, 2867), (9, 170, 260)],
    "roads": [(11, 1818, 806), (13, 7276, 3225), (15, 29104, 12903)],
    "rail": [(13, 7276, 3225), (13, 7275, 3225)],
}
SHARES = {
    "rivers": "a1b8ad02b2deea5c",
    "roads": "934cf8f8713aa3e3",
    "rail": "1c3bcbe19dd7dbfd",
}


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_lines_give_the_same_shares_everywhere(kind: str) -> None:
    layer = LineLayer(LayerFile.read(EARTH / f"{kind}.bin"), kind)
    seen = hashlib.sha256()
    for zoom, x, y in SHIPPED[kind]:
        shares = dense(layer, zoom, Rectangle(x * 256, y * 256, 256, 256))
        assert shares.any(), (zoom, x, y)
        seen.update(shares.tobytes())
        part = dense(layer, zoom, Rectangle(x * 256 + 100, y * 256 + 90, 64, 100))
        np.testing.assert_array_equal(part, shares[90:190, 100:164])
    assert seen.hexdigest()[:16] == SHARES[kind]


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_lines_are_those_that_are_credited(kind: str) -> None:
    entry = json.loads((EARTH / "layers.json").read_text("utf-8"))[kind]
    data = (EARTH / entry["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    assert all(entry[name] for name in ("source", "licence", "credit"))


@pytest.mark.parametrize(
    ("longitude", "latitude", "narrowest", "widest"),
    [
        (2.35, 48.85, 130, 350),  # the Seine in Paris
        (7.59, 47.56, 130, 350),  # the Rhine at Basel
        (16.41, 48.22, 130, 350),  # the Danube at Vienna
        (-0.12, 51.505, 80, 250),  # the Thames in London
        (12.47, 41.89, 70, 200),  # the Tiber in Rome
    ],
)
def test_shipped_rivers_are_about_as_wide_as_they_are(
    longitude: float, latitude: float, narrowest: float, widest: float
) -> None:
    world = TILE_SIZE << 13
    x = int((longitude / 360 + 0.5) * world)
    y = int((0.5 - np.arcsinh(np.tan(np.radians(latitude))) / (2 * np.pi)) * world)
    layer = LineLayer(LayerFile.read(EARTH / "rivers.bin"), "rivers")
    shares = dense(layer, 13, Rectangle(x - 150, y - 150, 300, 300))
    # Twice the largest distance of a pixel in the river from a bank.
    depth = distance_transform_edt(np.pad(shares >= 128, 1, mode="edge"))[1:-1, 1:-1]
    metres = 19.109 * np.cos(np.radians(latitude))
    assert narrowest < 2 * depth.max() * metres < widest


@pytest.mark.parametrize(
    ("kind", "zoom", "longitude", "latitude"),
    [
        ("rivers", 9, 0.69, 47.4),  # the Loire at Tours
        ("rivers", 9, -90.08, 35.15),  # the Mississippi at Memphis
        ("rivers", 9, 32.55, 15.9),  # the Nile below Khartoum
        ("roads", 11, 139.7, 35.7),
        ("roads", 11, -93.6, 41.6),
        ("rail", 13, -0.1, 51.5),
    ],
)
def test_shipped_lines_lie_where_they_lie_on_earth(
    kind: str, zoom: int, longitude: float, latitude: float
) -> None:
    world = TILE_SIZE << zoom
    x = int((longitude / 360 + 0.5) * world)
    y = int((0.5 - np.arcsinh(np.tan(np.radians(latitude))) / (2 * np.pi)) * world)
    found = LineLayer(LayerFile.read(EARTH / f"{kind}.bin"), kind).shares(
        zoom, Rectangle(x - 40, y - 40, 80, 80)
    )
    assert found is not None
    assert found.max() > 20
