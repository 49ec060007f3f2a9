"""The geography of made-up planets: shores of their own heights, rivers that run down to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

from generator.geography import mercatornoise, planetrelief
from generator.geography.layers import Shares
from generator.geography.linefile import Polylines
from generator.geography.mercatornoise import UNIT_BITS, MercatorNoise
from generator.geography.planet import PlanetRivers, PlanetWater
from generator.geography.planetrelief import PlanetRelief
from generator.geography.planetrivers import planet_rivers
from generator.grid.rectangle import Rectangle
from generator.planets import fields, planet
from generator.planets.planet import WIDTH, Planet
from generator.planets.style import STYLES

GRID = 256
COAST = (0.5669, 0.47677)
"""Where planet 3 has a coast: shares of the map's width and height."""


@pytest.fixture(scope="module", autouse=True)
def small_fields() -> Iterator[None]:
    """Coarse fields of a planet that take a tenth of a second: a quarter as wide."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "_WIDTH", 256)
        planet._fields.cache_clear()
        yield
    planet._fields.cache_clear()


@cache
def water(name: str = "planet:3") -> PlanetWater:
    return PlanetWater(named(name))


@cache
def rivers(name: str = "planet:3") -> Polylines:
    return planet_rivers(named(name), GRID)


def named(name: str) -> Planet:
    found = Planet.named(name)
    assert found is not None
    return found


def shares(zoom: int, area: Rectangle, name: str = "planet:3") -> Shares:
    found = water(name).shares(zoom, area)
    return np.zeros((area.height, area.width), np.uint8) if found is None else found


def coast(zoom: int, size: int = 96) -> Rectangle:
    """A rectangle with a shore in it: that of each coarser zoom leads to the next."""
    x, y = COAST
    for step in range(5, zoom + 1):
        side = 256 << step
        area = Rectangle(int(x * side) - size // 2, int(y * side) - size // 2, size, size)
        found = shares(step, area).astype(int)
        near = np.argwhere((found > 40) & (found < 215))
        assert len(near)
        middle = near[((near - size / 2) ** 2).sum(1).argmin()]
        x, y = (area.x0 + middle[1] + 0.5) / side, (area.y0 + middle[0] + 0.5) / side
    return area


@pytest.mark.parametrize("zoom", [5, 7, 9, 11, 13, 15])
def test_windows_of_every_size_agree(zoom: int) -> None:
    area = coast(zoom)
    whole = shares(zoom, area)
    assert whole.any()
    assert whole.min() < 255
    random = np.random.default_rng(zoom)
    for _ in range(12):
        y, x = random.integers(0, 60, 2).tolist()
        height, width = random.integers(1, 36, 2).tolist()
        part = shares(zoom, Rectangle(area.x0 + x, area.y0 + y, width, height))
        assert np.array_equal(part, whole[y : y + height, x : x + width])


@pytest.mark.parametrize("zoom", [5, 8, 11])
def test_columns_wrap_and_rows_are_mirrored(zoom: int) -> None:
    side = 256 << zoom
    area = coast(zoom)
    turned = Rectangle(area.x0 - 3 * side, area.y0, area.width, area.height)
    assert np.array_equal(shares(zoom, turned), shares(zoom, area))
    mirrored = Rectangle(area.x0, -area.y0 - area.height, area.width, area.height)
    assert np.array_equal(shares(zoom, mirrored), shares(zoom, area)[::-1])
    below = Rectangle(area.x0, 2 * side - area.y0 - area.height, area.width, area.height)
    assert np.array_equal(shares(zoom, below), shares(zoom, area)[::-1])


def test_heights_go_on_across_the_dateline_and_are_mirrored_at_the_edge() -> None:
    relief, side = water()._relief, 256 << 7
    across = relief.heights(7, Rectangle(side - 20, side // 2, 40, 9))
    assert np.array_equal(across[:, 20:], relief.heights(7, Rectangle(0, side // 2, 20, 9)))
    steps = np.abs(np.diff(across, axis=1)).max(0)
    assert steps[19] <= 3 * np.median(steps)
    edge = relief.heights(7, Rectangle(500, -6, 30, 12))
    assert np.array_equal(edge, edge[::-1])


@pytest.mark.parametrize("zoom", [5, 9, 13])
def test_bounds_hold(zoom: int) -> None:
    relief, random = water()._relief, np.random.default_rng(5)
    for _ in range(10):
        x, y = random.integers(0, 256 << zoom, 2).tolist()
        area = Rectangle(x, y, 40, 40)
        low, high, steepest = relief.bounds(zoom, area)
        heights = relief.heights(zoom, area)
        assert np.abs(heights[2:] - heights[:-2]).max() / 2 <= steepest
        assert np.abs(heights[:, 2:] - heights[:, :-2]).max() / 2 <= steepest
        assert low <= heights.min()
        assert heights.max() <= high


def test_where_nothing_is_near_there_are_no_heights_to_compute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(7)
    areas = [Rectangle(*random.integers(0, 256 << 8, 2).tolist(), 30, 30) for _ in range(40)]
    expected = [water().shares(8, area) for area in areas]
    asked: list[int] = []
    monkeypatch.setattr(PlanetRelief, "heights", lambda self, zoom, area: asked.append(zoom))
    told = []
    for area, before in zip(areas, expected, strict=True):
        try:
            answer = water().shares(8, area)
        except TypeError:
            continue  # heights were asked for, and are None here
        told.append(answer is None)
        assert (answer is None) == (before is None)
        assert answer is None or (answer == before).all()
    assert len(asked) < 10
    assert True in told
    assert False in told


def test_the_shore_is_the_pictures() -> None:
    # At the picture's pixels the interpolated heights are those that it is painted from.
    chosen = Planet(3)
    row, columns = 940, np.arange(1024, 3072)
    coarse = chosen.fields().at(WIDTH, np.array([row]), columns)
    place = fields.points(WIDTH, np.array([row]), columns)
    painted = fields.relief(3, chosen.fields().width, WIDTH, (place, coarse))[0]
    latitude = np.pi * (0.5 - (row + 0.5) / (WIDTH // 2))
    y = 0.5 - np.arctanh(np.sin(latitude)) / (2 * np.pi)
    # Pixels of zoom 6 are half of the picture's along the equator, two beside each middle.
    wide = Rectangle(4 * 1024, int(y * (256 << 6)), 4 * 2048, 1)
    sea = shares(6, wide)[0].reshape(-1, 4)
    land = painted > 0
    inner = ~(np.diff(land, prepend=land[0]) | np.diff(land, append=land[-1]))
    steep = np.abs(painted) > 0.03
    assert land[inner & steep].any()
    assert (~land)[inner & steep].any()
    assert (sea[inner & steep & land] < 128).all()
    assert (sea[inner & steep & ~land] > 127).all()


def test_finer_zooms_show_the_same_shore() -> None:
    for zoom in (7, 9, 11):
        area = coast(zoom, 64)
        coarse = shares(zoom, area).astype(int)
        fine = shares(zoom + 2, area.finer(4)).reshape(64, 4, 64, 4).mean((1, 3))
        assert np.abs(fine - coarse).mean() < 8


def test_shores_are_as_sharp_as_pixels() -> None:
    for zoom in (7, 9, 11, 13, 15):
        found = shares(zoom, coast(zoom))
        assert ((found > 0) & (found < 255)).mean() < 0.1


def test_noise_has_known_bounds_and_repeats_at_no_cell() -> None:
    octaves = range(9, 20)
    noise = MercatorNoise(5, octaves, (1.25, 0.58), 160.0)
    ys = np.arange(300) * 2**14 + 2**29
    sums = noise.sums(octaves, ys, ys)
    assert np.array_equal(sums, np.floor(sums))
    assert np.abs(sums).max() <= noise.bound(octaves, ys) < 1 << UNIT_BITS
    other = MercatorNoise(6, octaves, (1.25, 0.58), 160.0).sums(octaves, ys, ys)
    assert abs(np.corrcoef(sums.ravel(), other.ravel())[0, 1]) < 0.5
    assert not noise.sums(range(9, 9), ys, ys).any()


def test_tables_lie_far_from_where_they_would_be_rounded_otherwise() -> None:
    """What mathematics libraries differ by, 1e-15 of a value, changes no whole number."""
    from math import atan, atanh, pi, sin, sinh

    knots = [0.5 - atan(sinh(pi * (1 - k / 4096))) / pi for k in range(8193)]
    exact = np.array(knots) * (WIDTH // 2 << planetrelief._PLACE_BITS) + 0.5
    assert np.abs(exact - np.round(exact)).min() > 1e-5
    assert np.array_equal(np.floor(exact), planetrelief._latitudes())
    sines = [sin(pi * (0.5 - k / 1024)) for k in range(1025)]
    edges = np.array([0.5 - atanh(min(max(s, -0.9999), 0.9999)) / (2 * pi) for s in sines])
    exact = edges * 2.0**30 + 0.5
    inner = np.abs(np.arange(1025) - 512) > 0
    assert np.abs(exact - np.round(exact))[inner].min() > 1e-5
    exact = np.array([128 * f(2 * pi * k / 256) + 0.5 for k in range(256) for f in (sin,)])
    assert np.sort(np.abs(exact - np.round(exact)))[5:].min() > 1e-5
    assert mercatornoise._directions().shape == (2, 256)


@pytest.mark.parametrize(
    ("name", "place", "expected"),
    [
        ("planet:3", (0.566255509853363, 0.47635024785995483), "ba0352b664be39de"),
        ("planet:12:islands", (0.5035409331321716, 0.4828612208366394), "74d2130b890bad1e"),
    ],
)
def test_shares_and_rivers_are_the_same_everywhere(
    name: str, place: tuple[float, float], expected: str
) -> None:
    digest = hashlib.sha256()
    for zoom in (5, 7, 10, 15):
        x, y = (int(share * (256 << zoom)) - 60 for share in place)
        found = shares(zoom, Rectangle(x, y, 200, 90), name)
        assert 3 < found.mean() < 252
        digest.update(found.tobytes())
    lines = rivers(name)
    for part in (lines.points, lines.offsets, lines.ranks):
        digest.update(np.ascontiguousarray(part.astype("<i8")).tobytes())
    assert digest.hexdigest()[:16] == expected


def test_planets_and_styles_are_told_apart() -> None:
    digests = {water(f"planet:{name}").digest for name in ("3", "4", "3:ice", "3:desert")}
    assert len(digests) == 4
    assert water().digest == PlanetWater(Planet(3)).digest


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_every_style_has_shores_and_rivers(seed: int, style: str) -> None:
    name = f"planet:{seed}:{style}"
    assert len(rivers(name).ranks) > 3
    random = np.random.default_rng(1)
    places = [Rectangle(*random.integers(2000, 6000, 2).tolist(), 4, 4) for _ in range(40)]
    assert 20 < np.mean([shares(5, place, name) for place in places]) < 250


@pytest.mark.parametrize("sea", [0.0, 1.0])
def test_a_planet_of_land_or_sea_only_is_no_error(
    sea: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = STYLES["terra"].__class__(sea, 0.0, 0.1, 1.0, 1.25, "")
    monkeypatch.setitem(STYLES, "only", only)
    monkeypatch.setattr(fields, "_shore", lambda ground, share: np.float32(-9 + 18 * share))
    planet._fields.cache_clear()
    found = planet_rivers(Planet(1, "only"), 64)
    assert len(found.points) == found.offsets[-1] == 0
    monkeypatch.setattr("generator.geography.planet.planet_rivers", lambda planet: found)
    assert PlanetRivers(Planet(1, "only")).shares(7, Rectangle(0, 0, 256, 256)) is None
    drawn = PlanetWater(Planet(1, "only")).shares(7, Rectangle(-3, -3, 20, 20))
    assert drawn is None if sea == 0 else (drawn == 255).all()
    planet._fields.cache_clear()


def test_rivers_have_ranks_and_places_on_the_map() -> None:
    found = rivers()
    assert found.offsets[0] == 0
    assert found.offsets[-1] == len(found.points)
    assert np.diff(found.offsets).min() >= 2
    assert len(found.ranks) == len(found.offsets) - 1
    assert set(found.ranks.tolist()) <= {0, 1, 2, 3, 4, 5, 7}
    assert len(set(found.ranks.tolist())) > 2
    assert found.points[:, 1].min() >= 0
    assert found.points[:, 1].max() < 1 << 30
    # No point lies farther from the one before it than three cells: none jumps at the dateline.
    steps = np.abs(np.diff(found.points[:, 0]))
    steps[found.offsets[1:-1] - 1] = 0
    assert steps.max() <= 3 * 2**30 // GRID


def test_every_river_ends_in_water_or_in_another_river() -> None:
    found = rivers()
    ends = found.points[found.offsets[1:] - 1]
    wrapped = {(x % (1 << 30), y) for x, y in found.points.tolist()}
    inner = set()
    for k in range(len(found.ranks)):
        line = found.points[found.offsets[k] : found.offsets[k + 1] - 1]
        inner |= {(x % (1 << 30), y) for x, y in line.tolist()}
    assert inner < wrapped
    mouths = 0
    for x, y in ends.tolist():
        if (x % (1 << 30), y) in inner:
            continue
        mouths += 1
        # Zoom 5: pixels of half a pixel of the picture.
        assert shares(5, Rectangle((x >> 17) - 2, (y >> 17) - 2, 5, 5)).max() > 127
    assert mouths > 20


def test_rivers_are_a_layer_that_is_found_when_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer = PlanetRivers(Planet(3))
    assert layer.digest == PlanetRivers(Planet(3)).digest
    assert layer.digest != PlanetRivers(Planet(4)).digest
    asked: list[Planet] = []
    monkeypatch.setattr(
        "generator.geography.planet.planet_rivers", lambda p: asked.append(p) or rivers()
    )
    found = rivers()
    largest = int(found.ranks.argmin())
    x, y = found.points[found.offsets[largest]].tolist()
    area = Rectangle((x >> 13) - 40, (y >> 13) - 40, 80, 80)
    shares = layer.shares(9, area)
    assert shares is not None
    part = layer.shares(9, Rectangle(area.x0 + 20, area.y0 + 30, 40, 25))
    assert part is not None
    assert np.array_equal(part, shares[30:55, 20:60])
    assert asked == [Planet(3)]
