"""The commands' work, with a fast renderer in the network's place."""

from __future__ import annotations

import json
from pathlib import Path

import mercantile
import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import Tile
from generator.upscaling.upscale import upscale
from tests.fakes import FakeRenderer
from tests.fakes_cascade import FakeCascade, picture
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main
from tileserver.commands import basics as commands
from tileserver.commands import coldbench
from tileserver.encode import decode_png
from tileserver.rendering.batch import BatchRenderer

Capture = pytest.CaptureFixture[str]
ALPS = ["seed", "--bbox", "6,45.5,12,47.5", "--zooms", "0-7"]


def test_render_writes_the_tile_of_the_world(renderer: FakeRenderer, tmp_path: Path) -> None:
    assert main(["render", "8/130/90", "-o", "tile.png", "--seed", "5"]) == 0
    maker = BatchRenderer(FakeRenderer(), 5)
    maker.make(Tile(8, 130, 90))
    pixels = maker.pixels(Tile(8, 130, 90))
    np.testing.assert_array_equal(decode_png(Path("tile.png").read_bytes()), pixels)
    assert TileCache.open(tmp_path / "tiles").has(renderer.fingerprint(5), Tile(8, 130, 90))


@pytest.mark.parametrize("name", ["tile.jpg", "tile.png", "tile.TIF"])
def test_render_writes_other_formats_by_name(renderer: FakeRenderer, name: str) -> None:
    assert main(["render", "3/1/1", "-o", name, "--no-cache"]) == 0
    with Image.open(name) as picture:
        assert picture.size == (256, 256)
    assert sorted(path.name for path in Path().iterdir()) == [name]


def test_a_rendered_tiff_knows_its_place(renderer: FakeRenderer) -> None:
    rasterio = pytest.importorskip("rasterio")
    assert main(["render", "7/66/45", "-o", "tile.tif"]) == 0
    with rasterio.open("tile.tif") as picture:
        assert picture.crs.to_epsg() == 3857
        assert picture.bounds == pytest.approx(tuple(mercantile.xy_bounds(66, 45, 7)))


def test_render_to_standard_output(
    renderer: FakeRenderer, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert main(["render", "3/1/1", "-o", "-", "--no-cache"]) == 0
    assert decode_png(capfdbinary.readouterr().out).shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("output", "expected"),
    [("tile.gif", "expected .png"), ("nowhere/tile.png", "no directory"), (".png", "expected")],
)
def test_render_refuses_a_bad_output_before_any_work(
    renderer: FakeRenderer, capsys: Capture, output: str, expected: str
) -> None:
    assert main(["render", "3/1/1", "-o", output]) == 2
    assert expected in capsys.readouterr().err
    assert renderer.calls == []


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--seed", "-1"], "seed is '-1'"),
        (["--seed", "9" * 30], "expected 0 to 18446744073709551615"),
        (["--threads", "many"], "threads is 'many'"),
        (["--cache", "/dev/null/x"], "cannot be written"),
        (["--config", "none.toml"], "none.toml is missing"),
        (["--bbox=0,86,9,89"], "holds no tile"),
        (["--bbox=0,0,999,9"], "expected -180 to 180"),
    ],
)
def test_settings_that_cannot_be_end_in_one_sentence(
    renderer: FakeRenderer, capsys: Capture, flags: list[str], expected: str
) -> None:
    assert main([*ALPS, *flags]) == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


def test_upscale_says_what_it_read_and_shows_progress(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commands, "load_world", lambda settings: FakeCascade())
    samples = picture(33, 40)[..., 0].astype(np.uint16) * 9
    Image.fromarray(samples).save("in.png")
    flags = ["--gsd", "64", "--stages", "2", "--seed", "9"]
    assert main(["upscale", "in.png", "out.png", *flags, "--stretch", "0,2295"]) == 0
    expected = upscale(FakeCascade(), picture(33, 40)[..., [0, 0, 0]], 64.0, 2, seed=9)
    with Image.open("out.png") as made:
        np.testing.assert_array_equal(np.asarray(made), expected)
    error = capsys.readouterr().err
    assert "5 of 5 windows" in error
    assert "out.png: 4 m per pixel" in error
    assert main(["upscale", "in.png", "out.png", *flags]) == 0
    assert "image in.png: 16-bit samples" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["none.png", "out.png"], "image none.png does not exist"),
        (["in.png", "in.png"], "is the source itself"),
        (["in.png", "out.bmp"], "has the ending '.bmp'"),
        (["in.png", "none/out.png"], "none is no directory"),
        (["text.png", "out.png"], "image text.png is no picture of a known kind"),
        (["text.tif", "out.png"], "text.tif cannot be read as a picture"),
        (["half.png", "out.png"], "half.png is damaged or cut short"),
        (["in.png", "out.png", "--bands", "4,3,2"], "expected bands 4,3,2 among them"),
    ],
)
def test_upscale_tells_what_cannot_be_before_anything_is_loaded(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    given: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(commands, "load_world", lambda settings: pytest.fail("loaded"))
    Image.fromarray(picture(90, 80)).save("in.png")
    Path("half.png").write_bytes(Path("in.png").read_bytes()[:9000])
    Path("text.png").write_text("hello")
    Path("text.tif").write_bytes(b"II*\0hello")
    before = sorted(path.name for path in Path().iterdir())
    assert main(["upscale", *given, "--gsd", "10"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line
    assert sorted(path.name for path in Path().iterdir()) == before


def test_bench_prints_json(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coldbench, "bench", lambda *args: {"cold_tile_s": 1.5})
    assert main(["bench", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"cold_tile_s": 1.5}
