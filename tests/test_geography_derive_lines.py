"""Deriving rivers and roads: joining, simplifying, strokes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from generator.geography.choice import EARTH_FOLDER
from generator.geography.derive import rivers, roads
from generator.geography.derive.linework import mercator, simplified, unwrapped
from generator.geography.derive.mouths import ARMS, with_arms, with_mouths
from generator.geography.derive.riverroads import outside
from generator.geography.derive.strokes import Network, merged, smoothed, strokes
from generator.geography.layerfile import LayerFile
from generator.geography.layers import Shares
from generator.geography.linefile import WORLD_BITS
from generator.geography.lines import LineLayer
from generator.grid.rectangle import Rectangle

WORLD = 1 << WORLD_BITS

Integers = NDArray[np.int64]


def test_mercator_has_its_origin_in_the_upper_left_corner() -> None:
    points = mercator(np.array([-180.0, 0.0, 90.0]), np.array([85.0, 0.0, -85.0]))
    assert points[0, 0] == 0
    assert 0 < points[0, 1] < WORLD // 256
    assert points[1].tolist() == [WORLD // 2, WORLD // 2]
    assert points[2, 0] == 3 * WORLD // 4
    assert points[2, 1] == WORLD - points[0, 1]


def test_simplifying_keeps_corners_and_what_it_is_told() -> None:
    points = np.array([[0, 0], [100, 3], [200, -2], [300, 0], [300, 200], [300, 400]])
    kept = np.zeros(6, bool)
    assert simplified(points, kept, 10).tolist() == [True, False, False, True, False, True]
    kept[4] = True
    assert simplified(points, kept, 10)[4]


def test_lines_of_a_rank_are_joined_where_two_of_them_meet() -> None:
    lines = [
        (1, np.array([[0, 0], [900, 0], [900, 900]])),
        (1, np.array([[900, 2500], [900, 901]])),
        (2, np.array([[900, 2500], [5000, 2500]])),
    ]
    first, second = rivers.joined(lines)
    assert first[0] == 1
    assert sorted(map(tuple, first[1].tolist())) == [
        (0, 0),
        (900, 0),
        (900, 900),
        (900, 2500),
    ]
    assert second[0] == 2


def test_repeated_lines_and_points_go() -> None:
    line = np.array([[0, 0], [900, 0]])
    lines = [(1, line), (1, line[::-1]), (1, line[[0, 0]]), (0, line + 5)]
    assert [rank for rank, _ in rivers.cleaned(lines)] == [1]


def test_a_line_across_the_dateline_stays_short() -> None:
    points = unwrapped(np.array([[WORLD - 10, 5], [10, 5], [WORLD - 5, 5]]))
    assert points[:, 0].tolist() == [WORLD - 10, WORLD + 10, WORLD - 5]


def crossing() -> Network:
    """Return a cross of four edges and a side road off its middle."""
    middle = WORLD // 2
    moves = [(0, 0), (-90_000, 0), (90_000, 1000), (0, -90_000), (0, 90_000), (70_000, 70_000)]
    points = np.array([(middle + x, middle + y) for x, y in moves])
    return Network(points, np.array([(0, k) for k in range(1, 6)]))


def test_strokes_go_straight_on() -> None:
    found = {frozenset(line.tolist()) for line in strokes(crossing())}
    assert found == {frozenset({1, 0, 2}), frozenset({3, 0, 4}), frozenset({0, 5})}


def test_close_junctions_become_one() -> None:
    network = crossing()
    points = np.concatenate((network.points, network.points[:1] + 3000))
    edges = np.concatenate((network.edges[:-1], [[0, 6], [5, 6]]))
    found = merged(Network(points, edges))
    assert len(found.edges) == 5
    assert found.points[0].tolist() == (network.points[0] + 1500).tolist()


def test_smoothing_takes_back_small_steps_only() -> None:
    middle = WORLD // 2
    line = [np.arange(9)]
    points = np.array([(middle + 40_000 * k, middle + 900 * (k % 2)) for k in range(9)])
    points[4, 1] += 30_000
    found = smoothed(Network(points, np.zeros((0, 2), np.int64)), line, 80, 4).points
    assert np.abs(np.diff(found[:3, 1])).max() < 600
    assert found[4, 1] - middle > 27_000
    assert found[0].tolist() == points[0].tolist()


def test_a_package_of_roads_becomes_a_layer(tmp_path: Path) -> None:
    (tmp_path / "scgraph_data").mkdir()
    nodes = [[0.0, 0.01 * k] for k in range(5)] + [[0.01, 0.02]]
    graph = [{1: 1.1}, {0: 1.1, 2: 1.1}, {1: 1.1, 3: 1.1, 5: 1.1}, {2: 1.1, 4: 1.1}, {3: 1.1}]
    graph.append({2: 1.1})
    text = f"\nfrom scgraph.core import GeoGraph\ngraph={graph}\nnodes={nodes}\n"
    (tmp_path / "scgraph_data" / "world_railways.py").write_text(text)
    out = tmp_path / "rail.bin"
    arguments = ["--kind", "rail", "--from", str(tmp_path), "--out", str(out)]
    assert roads.main(arguments) == 0
    first = out.read_bytes()
    assert roads.main(arguments) == 0
    assert out.read_bytes() == first
    # The railway runs along the equator; the branch ends a little north of it.
    middle = 256 << 12
    shares = LineLayer(LayerFile.read(out), "rail").shares(
        13, Rectangle(middle, middle - 150, 250, 300)
    )
    assert shares is not None
    assert shares[120:180].any(axis=0)[:230].all()
    assert shares[:100].any()
    assert not shares[200:].any()


def test_a_missing_package_is_named_in_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, package in ((rivers, "gmt-gshhg-full"), (roads, "scgraph-data")):
        assert module.main(["--from", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
        assert f"is missing, expected {package} unpacked in" in capsys.readouterr().err


class West:
    """Water west of a column of zoom 9 (a CoverageLayer)."""

    digest = "west"

    def shares(self, zoom: int, area: Rectangle) -> NDArray[np.uint8] | None:
        columns = np.arange(area.x0, area.x0 + area.width)
        row = np.where(columns < 60_000, 255, 0).astype(np.uint8)
        return np.tile(row, (area.height, 1)) if row.any() else None


def test_a_river_that_ends_short_of_the_sea_is_led_there() -> None:
    def line(first: int, last: int, y: int, rank: int = 1) -> tuple[int, NDArray[np.int64]]:
        return rank, np.array([[first << 13, y << 13], [last << 13, y << 13]], np.int64)

    short, tributary = line(60_030, 60_200, 65_000), line(60_200, 60_400, 65_000, 4)
    reaching, source = line(59_990, 60_010, 65_500), line(60_010, 60_040, 65_500)
    far, small = line(60_300, 60_400, 66_000), line(60_030, 60_200, 66_500, 5)
    lines = [short, tributary, reaching, source, far, small]
    found, count = with_mouths(lines, West(), 7)
    assert count == 1
    np.testing.assert_array_equal(found[0][1][1:], short[1])
    x, y = found[0][1][0].tolist()
    assert 59_990 << 13 < x < 60_000 << 13
    assert y >> 13 == 65_000
    for before, after in zip(lines[1:], found[1:], strict=True):
        np.testing.assert_array_equal(before[1], after[1])


class Canal:
    """A river 200 m wide (a CoverageLayer) along the equator, 20 km to each side of 0 degrees."""

    digest = ""

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return 255 in the canal and 0 elsewhere."""
        size = 1 << (WORLD_BITS - 8 - zoom)
        ys, xs = (np.arange(at, at + 256) * size + size // 2 for at in (area.y0, area.x0))
        down, across = np.abs(ys - WORLD // 2) < HUNDRED, np.abs(xs - WORLD // 2) < 200 * HUNDRED
        return (down[:, None] & across) * np.uint8(255)


HUNDRED = (WORLD * 100) // 40_075_017
"""Units in 100 m at the equator."""


def at_equator(*places: tuple[float, float]) -> Integers:
    """Return points so many hundred metres east and south of the equator's meridian."""
    return np.rint(np.array(places) * HUNDRED).astype(np.int64) + WORLD // 2


def test_an_arm_begins_where_a_river_ends_near_it() -> None:
    rank, *course = ARMS[-1]
    (north, east), (mouth_north, mouth_east) = course
    upstream = mercator(np.array([east - 1, east - 0.01]), np.array([north, north + 0.005]))
    far = mercator(np.array([east - 9, east - 8]), np.array([north, north]))
    found = with_arms([(1, upstream), (2, far)])
    assert len(found) == 2 + len(ARMS)
    assert found[-1][0] == rank
    np.testing.assert_array_equal(found[-1][1][0], upstream[-1])
    end = mercator(np.array([mouth_east]), np.array([mouth_north]))
    np.testing.assert_array_equal(found[-1][1][-1:], end)
    # Others are too far from any line.
    np.testing.assert_array_equal(
        found[2][1][0], mercator(np.array([ARMS[0][1][1]]), np.array([ARMS[0][1][0]]))[0]
    )


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm[0] == 0 and len(arm) > 3])
def test_the_shipped_rivers_have_the_arms_of_deltas(arm) -> None:
    rivers_layer = LineLayer(LayerFile.read(EARTH_FOLDER / "rivers.bin"), "rivers", None)
    for north, east in arm[2:-1]:
        x, y = (int(part) >> 30 - 17 for part in mercator(np.array([east]), np.array([north]))[0])
        shares = rivers_layer.shares(9, Rectangle(x - 6, y - 6, 13, 13))
        assert shares is not None
        assert shares.max() > 200


def test_a_road_in_a_river_ends_where_it_enters_and_goes_on_where_it_leaves() -> None:
    road = at_equator((-300, 0.2), (-40, 0.2), (90, -0.3), (300, -0.3))
    (west, east), ranks = outside([road], [2], Canal())
    assert ranks == [2, 2]
    assert (west[0].tolist(), east[-1].tolist()) == (road[0].tolist(), road[-1].tolist())
    for end, expected in ((west[-1], -200), (east[0], 200)):
        assert abs((end[0] - WORLD // 2) / HUNDRED - expected) < 1


def test_bridges_and_roads_beside_a_river_stay_as_they_are() -> None:
    lines = [
        at_equator((10, -50), (11, 0), (12, 50)),
        at_equator((-9, -1.5), (-6, 1.5)),
        at_equator((-300, 3), (300, 3)),
    ]
    kept, ranks = outside(lines, [0, 1, 2], Canal())
    assert ranks == [0, 1, 2]
    assert [line.tolist() for line in kept] == [line.tolist() for line in lines]


def test_a_road_that_lies_all_in_a_river_is_left_out() -> None:
    assert outside([at_equator((-20, 0), (20, 0.5))], [0], Canal()) == ([], [])
