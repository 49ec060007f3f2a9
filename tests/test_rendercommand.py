"""The command `elsewhere render --center`: pictures of any place in any projected system."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import EQUATOR_RESOLUTION, Tile
from generator.nets.config import SamplerConfig
from tests.fakes import FINEST, FakeRenderer
from tests.test_finestzoom import weights
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main
from tileserver.commands import render as module
from tileserver.rendering.batch import BatchRenderer

Capture = pytest.CaptureFixture[str]
MERCATOR = ["--crs", "EPSG:3857"]
FINEST_M = math.ceil(EQUATOR_RESOLUTION / 2**FINEST * 100) / 100
"""The finest zoom's metres per pixel, as a message rounds them."""
NATIVE = f"{EQUATOR_RESOLUTION / 2**9:.17g}"
SOUTH = ["render", "--center", "-1.29,36.82", "--gsd", "500", "--size", "90x70"]


def test_a_picture_lies_where_it_says(renderer: FakeRenderer, capsys: Capture) -> None:
    rasterio = pytest.importorskip("rasterio")
    from rasterio.warp import transform

    assert main([*SOUTH, "-o", "south.tif"]) == 0
    with rasterio.open("south.tif") as picture:
        assert (picture.crs.to_epsg(), picture.count, picture.shape) == (32737, 3, (70, 90))
        assert picture.res == (500, 500)
        assert (picture.bounds.left % 500, picture.bounds.top % 500) == (0, 0)
        (x,), (y,) = transform("EPSG:4326", picture.crs, [36.82], [-1.29])
        assert abs(x - sum(picture.bounds[::2]) / 2) <= 250
        assert abs(y - sum(picture.bounds[1::2]) / 2) <= 250
    error = capsys.readouterr().err
    assert "Drawing 90 x 70 pixels of 500 m in EPSG:32737 from 4 tiles of zoom 9" in error
    assert "Wrote south.tif: EPSG:32737, 235000 to 280000 east" in error


def test_a_zooms_own_grid_has_the_tiles_pixels(renderer: FakeRenderer, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    place = ["--center", "47,8", "--gsd", NATIVE, "--size", "500x300", "--seed", "5"]
    assert main(["render", *place, *MERCATOR, "-o", "own.tif"]) == 0
    tile = Tile(9, 267, 179)
    maker = BatchRenderer(FakeRenderer(), 5)
    maker.make(tile)
    with rasterio.open("own.tif") as picture:
        x0, y0 = ~picture.transform @ (
            tile.x * 256 * picture.res[0] - 20037508.342789244,
            20037508.342789244 - tile.y * 256 * picture.res[0],
        )
        assert (x0, y0) == pytest.approx((round(x0), round(y0)), abs=1e-6)
        pixels = np.moveaxis(picture.read(), 0, 2)
    top, left = max(-round(y0), 0), max(-round(x0), 0)
    seen = pixels[round(y0) + top :, round(x0) + left :][: 256 - top, : 256 - left]
    assert seen.shape[0] > 40 < seen.shape[1]
    shown = maker.pixels(tile)[top : top + seen.shape[0], left : left + seen.shape[1]]
    assert np.array_equal(seen, shown)
    assert TileCache.open(tmp_path / "tiles").has(renderer.fingerprint(5), tile)


@pytest.mark.parametrize(("name", "world_file"), [("a.png", "a.pgw"), ("a.jpg", "a.jgw")])
def test_other_formats_have_a_world_file(
    renderer: FakeRenderer, name: str, world_file: str
) -> None:
    command = ["render", "--center", "46,9", "--gsd", "800", "--size", "60x40", *MERCATOR]
    assert main([*command, "-o", name, "--no-cache"]) == 0
    numbers = [float(line) for line in Path(world_file).read_text().split()]
    assert numbers[:4] == [800, 0, 0, -800]
    assert (numbers[4] - 400) % 800 == (numbers[5] + 400) % 800 == 0
    assert Path("a.prj").read_text()
    with Image.open(name) as picture:
        assert (picture.size, picture.mode) == ((60, 40), "RGB")


def test_beyond_the_map_a_picture_is_transparent(renderer: FakeRenderer, capsys: Capture) -> None:
    pytest.importorskip("pyproj")
    arctic = ["render", "--center", "90,0", "--gsd", "40000", "--crs", "EPSG:3995"]
    assert main([*arctic, "--size", "200x200", "-o", "arctic.png"]) == 0
    with Image.open("arctic.png") as picture:
        assert picture.mode == "RGBA"
        assert picture.getpixel((100, 100)) == (0, 0, 0, 0)
    renderer.calls.clear()
    assert main([*arctic, "--size", "200x200", "-o", "arctic.jpg"]) == 2
    assert "would have holes, which JPEG cannot hold" in capsys.readouterr().err
    assert renderer.calls == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "what to draw is given twice or not at all"),
        (["9/1/1", "--center", "1,1", "--gsd", "9"], "what to draw is given twice"),
        (["--center", "1,1"], "--gsd is missing"),
        (["--center", "1,1", "--gsd", "0"], "the ground resolution is '0'"),
        (["--center", "1,1", "--gsd", "-5"], "the ground resolution is '-5'"),
        (["--center", "1,1", "--gsd", "nan"], "the ground resolution is 'nan'"),
        (["--center", "1,1", "--gsd", "9", "--size", "0x5"], "the size is '0x5', expected width"),
        (["--center", "1,1", "--gsd", "9", "--size", "5"], "the size is '5'"),
        (["--center", "1,1", "--gsd", "9", "--size", "5x200001"], "of 1 to 200000 pixels"),
        (["--center", "1,1", "--gsd", "9", "--crs", "EPSG:4326"], "is not a projected one"),
        (["--center", "91,1", "--gsd", "9"], "the latitude is '91', expected -90 to 90"),
        (["--center", "1", "--gsd", "9"], "the place is '1', expected LAT,LON"),
        (["--center", "89,1", "--gsd", "9", *MERCATOR, "--size", "9x9"], "nothing of the map"),
        (
            ["--center", "1,1", "--gsd", "1", *MERCATOR],
            f"expected {FINEST_M:.2f} m or more, or --zoom {FINEST}",
        ),
        (["--center", "1,1", "--gsd", "9", "--zoom", "18"], "the zoom is '18', expected 0 to 17"),
        (["--center", "1,1", "--gsd", "9", *MERCATOR, "-o", "a.gif"], "expected .png"),
        (["--center", "1,1", "--gsd", "9", *MERCATOR, "-o", "no/a.png"], "is no directory"),
        (
            ["--center", "1,1", "--gsd", "9", *MERCATOR, "--size", "30000x30000"],
            "expected at most 400 million",
        ),
    ],
)
def test_what_cannot_be_is_told_before_any_work(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(module.commands, "load_world", lambda settings: pytest.fail("loaded"))
    try:
        status = main(["render", *given, *([] if "-o" in given else ["-o", "a.png"])])
    except SystemExit as left:
        status = int(left.code or 0)
    assert status == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("given", "zoom"), [(["--center", "1,1", "--gsd", "9", "--zoom", "16"], 16), (["17/5/5"], 17)]
)
def test_a_zoom_that_the_weights_do_not_serve_is_told_before_any_work(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    zoom: int,
) -> None:
    monkeypatch.setattr(module.commands, "load_world", lambda settings: pytest.fail("loaded"))
    five = weights(Path("five"), SamplerConfig())
    assert main(["render", *given, "--weights", str(five), "-o", "a.png"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"zoom is {zoom}, expected 0 to 15 with these weights" in line
    assert list(Path().iterdir()) == [five]


def test_an_unknown_system_is_told(renderer: FakeRenderer, capsys: Capture) -> None:
    pytest.importorskip("pyproj")
    assert main([*SOUTH, "--crs", "EPSG:999999", "-o", "a.png"]) == 2
    assert "EPSG:999999 is unknown" in capsys.readouterr().err


def test_a_coarser_zoom_may_be_enlarged(renderer: FakeRenderer, capsys: Capture) -> None:
    command = ["render", "--center", "1,1", "--gsd", "1", *MERCATOR, "--size", "40x40"]
    assert main([*command, "--zoom", "13", "-o", "a.png"]) == 0
    assert "from 1 tiles of zoom 13" in capsys.readouterr().err


def test_without_a_cache_pictures_are_small(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 3)
    command = ["render", "--center", "1,1", "--gsd", "600", *MERCATOR, "-o", "a.png"]
    assert main([*command, "--no-cache"]) == 2
    assert "--no-cache holds all of them in memory, expected at most 3" in capsys.readouterr().err
    assert main(command) == 0


def test_a_stop_leaves_no_file_and_keeps_the_tiles(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make = BatchRenderer.make
    made = []

    def stopping(self: BatchRenderer, tile: Tile) -> None:
        make(self, tile)
        made.append(tile)
        if len(made) == 9:
            raise KeyboardInterrupt

    command = ["render", "--center", "1,1", "--gsd", "600", *MERCATOR, "-o", "a.png"]
    monkeypatch.setattr(BatchRenderer, "make", stopping)
    assert main(command) == 130
    assert "a.png was not written" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir() if path.is_file()] == []
    monkeypatch.setattr(BatchRenderer, "make", make)
    before = len(renderer.calls)
    assert main(command) == 0
    again = [block for _, block in renderer.calls[before:]]
    assert not set(made) & {tile for block in again for tile in block.tiles}
