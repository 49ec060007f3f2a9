"""What pictures say of themselves, as Pillow and GDAL read it."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from generator import rasters
from generator.rasters.notice import DETAIL_NOTICE, NOTICE, save_options
from generator.rasters.writing import create_picture
from generator.upscaling.upscalefile import open_upscaling
from tests.fakes import FakeRenderer
from tests.fakes_cascade import FakeCascade
from tests.site import Site, on_site
from tileserver.cli import main
from tileserver.commands import basics as commands
from tileserver.encode import compress
from tileserver.serving.maps import formats

PIXELS = np.zeros((4, 4, 3), np.uint8)


def said(path: Path | io.BytesIO) -> str:
    """Return a picture's notice, wherever its format keeps it."""
    with Image.open(path) as image:
        tags = getattr(image, "tag_v2", None) or image.getexif()
        assert (image.info.get("Software") or tags[0x0131]) == "Elsewhere"
        return str(image.info.get("Disclaimer") or tags[0x010E])


@pytest.mark.parametrize("format", ["png", "JPEG", "webp", "tiff"])
@pytest.mark.parametrize("notice", [NOTICE, "Détail inventé: 東京"])
def test_each_format_has_a_place_for_it(format: str, notice: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, format, **save_options(format, notice))
    if format == "png" or notice == NOTICE:
        assert said(stream) == notice
    else:
        said(stream)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.jpeg", "a.tif"])
@pytest.mark.parametrize("with_rasterio", [True, False])
def test_a_picture_written_in_pieces_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, with_rasterio: bool
) -> None:
    if not with_rasterio:
        monkeypatch.setitem(sys.modules, "rasterio", None)
    with create_picture(tmp_path / name, 4, 4) as sink:
        sink.write(0, 0, PIXELS)
    assert said(tmp_path / name) == NOTICE


def credited(path: Path | io.BytesIO) -> str:
    """Return whom a picture says to name."""
    with Image.open(path) as image:
        tags = getattr(image, "tag_v2", None) or image.getexif()
        return str(image.info.get("Copyright") or tags[0x8298])


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_a_picture_names_whom_to_credit_and_a_tile_nobody(format: str) -> None:
    for credit in ("© Some contributors", "東京"):
        found = credited(io.BytesIO(compress(PIXELS, format, credit)))
        assert found == credit if format == "png" else found in ("(c) Some contributors", "??")
    with Image.open(io.BytesIO(compress(PIXELS, format))) as image:
        assert "Copyright" not in image.info
        assert 0x8298 not in image.getexif()


@pytest.mark.parametrize("name", ["tile.png", "tile.jpg", "tile.tif"])
def test_a_rendered_tile_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(commands, "load_world", lambda settings: FakeRenderer())
    assert main(["render", "3/1/1", "-o", str(tmp_path / name), "--no-cache"]) == 0
    assert said(tmp_path / name) == NOTICE
    assert "OpenStreetMap contributors (ODbL)" in credited(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif"])
def test_a_picture_of_a_place_names_whom_to_credit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(commands, "load_world", lambda settings: FakeRenderer())
    place = ["--center", "46,9", "--gsd", "800", "--size", "40x30", "--crs", "EPSG:3857"]
    assert main(["render", *place, "-o", str(tmp_path / name), "--no-cache"]) == 0
    assert "OpenStreetMap contributors (ODbL)" in credited(tmp_path / name)


@on_site
async def test_served_pictures_name_whom_to_credit(here: Site) -> None:
    paths = [f"/map?bbox=0,0,9,9&width=40&f={format}" for format in formats()]
    for path in (*paths, "/static/0,0,3/40x30.png"):
        answer = await here.get(path)
        assert "OpenStreetMap contributors (ODbL)" in credited(io.BytesIO(answer.content)), path


@pytest.mark.parametrize("name", ["third.png", "third.jpg"])
def test_a_planet_says_so(tmp_path: Path, name: str) -> None:
    assert main(["planet", str(tmp_path / name), "--seed", "3", "--width", "64"]) == 0
    assert said(tmp_path / name) == NOTICE


@pytest.mark.parametrize("name", ["b.png", "b.jpg", "b.tif"])
def test_an_upscaled_picture_says_that_its_detail_is_generated(tmp_path: Path, name: str) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    with open_upscaling(tmp_path / "a.png", tmp_path / name, 10.0, 1) as wanted:
        wanted.write(FakeCascade())
    assert said(tmp_path / name) == DETAIL_NOTICE


def test_gdal_reads_it_too(tmp_path: Path) -> None:
    place = rasters.Georeference("EPSG:3857", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0))
    with create_picture(tmp_path / "a.tif", 4, 4, place) as sink:
        sink.write(0, 0, PIXELS)
    with rasterio.open(tmp_path / "a.tif") as picture:
        assert picture.tags()["TIFFTAG_IMAGEDESCRIPTION"] == NOTICE
