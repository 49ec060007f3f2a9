"""What GDAL opens: a mosaic read through it equals the tiles, byte for byte."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from generator.grid.tile import Tile
from tests.fakes import FINEST
from tests.live import Live, live
from tileserver.documents.gdal import gdal_xml
from tileserver.documents.links import Links
from tileserver.encode import decode_png
from tileserver.settings import Settings

DOCUMENTS = ("gdal.xml", "7/gdal.xml", "7/tms/tilemapresource.xml")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("gdal")) as server:
        yield server


@pytest.fixture(autouse=True)
def cold(tmp_path: Path) -> Iterator[None]:
    """Keep GDAL from answering out of a cache of its own."""
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        yield


def mosaic(server: Live, prefix: str, zoom: int, x: int, y: int) -> NDArray[np.uint8]:
    """Return two by two tiles, uint8 [512, 512, 3]."""
    rows = [
        np.hstack(
            [decode_png(server.get(f"{prefix}{zoom}/{x + i}/{y + j}.png").content) for i in (0, 1)]
        )
        for j in (0, 1)
    ]
    return np.vstack(rows)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_mosaic_equals_the_tiles(server: Live, document: str) -> None:
    prefix = "7/" if document.startswith("7/") else ""
    with rasterio.open(server.root + document) as source:
        assert source.crs.to_epsg() == 3857
        assert source.shape == (256 << FINEST, 256 << FINEST)
        assert source.count >= 3
        x, y = 1 << (FINEST - 1), 11000 << (FINEST - 15)
        shown = source.read((1, 2, 3), window=Window(x * 256, y * 256, 512, 512))
    assert np.array_equal(shown.transpose(1, 2, 0), mosaic(server, prefix, FINEST, x, y))


def test_every_zoom_is_an_overview(server: Live) -> None:
    with rasterio.open(server.root + "gdal.xml") as source:
        assert source.overviews(1) == [1 << step for step in range(1, FINEST + 1)]
        whole = source.read(out_shape=(3, 512, 512))
    assert np.array_equal(whole.transpose(1, 2, 0), mosaic(server, "", 1, 0, 0))


def test_a_saved_copy_opens_too(server: Live, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.xml"
    file.write_bytes(server.get("7/gdal.xml").content)
    with rasterio.open(file) as source:
        corner = source.read(out_shape=(3, 256, 256))
    assert np.array_equal(corner.transpose(1, 2, 0), decode_png(server.get("7/0/0/0.png").content))


def test_a_failed_tile_fails_the_read_instead_of_blackening_it(server: Live) -> None:
    server.fake.broken.add(Tile(5, 20, 20))
    with rasterio.open(server.root + "99/gdal.xml") as source:
        scale = 1 << (FINEST - 5)
        window = Window(20 * 256 * scale, 20 * 256 * scale, 256 * scale, 256 * scale)
        with pytest.raises(RasterioIOError):
            source.read(window=window, out_shape=(3, 256, 256))


def test_gdal_waits_longer_than_a_request_is_held() -> None:
    document = gdal_xml(Links("http://a/", 0, False), Settings(hold_seconds=20.0), 15)
    assert b"<Timeout>60</Timeout>" in document
    assert b"ZeroBlock" not in document
    assert document.startswith(b"<GDAL_WMS>")


def test_who_has_the_key_gets_it_into_the_addresses(tmp_path: Path) -> None:
    with live(tmp_path / "cache", api_key="a&b", cached_only=True) as server:
        with rasterio.open(f"{server.root}7/gdal.xml?key=a%26b") as source:
            whole = source.read(out_shape=(3, 256, 256))
        png = server.get("7/0/0/0.png").content
        assert np.array_equal(whole.transpose(1, 2, 0), decode_png(png))
        assert server.get("7/6/0/0.png").status_code == 404
        assert "key=" not in server.get("7/gdal.xml?key=wrong").text
