"""WMTS: valid after OGC's schema, read by OWSLib and by GDAL, mistakes as OGC reports them."""

import io
from pathlib import Path

import numpy as np
import pytest
import rasterio
from owslib.wmts import WebMapTileService
from PIL import Image
from rasterio.windows import Window

from generator.grid.tile import Tile
from tests.fakes import FINEST
from tests.live import Live, live
from tests.schemas import OWS_EXCEPTION, WMTS_CAPABILITIES, assert_valid
from tests.site import Site, fetch, on_site
from tileserver.encode import decode_png

CAPABILITIES = "wmts/1.0.0/WMTSCapabilities.xml"
TILE = (
    "service=WMTS&request=GetTile&version=1.0.0&layer=elsewhere&style=default&format={}"
    "&tilematrixset=GoogleMapsCompatible&tilematrix=4&tilerow=5&tilecol=6"
)


@on_site
async def test_the_capabilities_are_valid(here: Site) -> None:
    rest = await here.get(f"/7/{CAPABILITIES}")
    keys = await here.get("/7/wmts?Service=WMTS&Request=GetCapabilities&time=now")
    assert rest.headers["content-type"] == "application/xml"
    assert_valid(rest.content, WMTS_CAPABILITIES)
    bare = await here.get("/7/wmts")
    assert keys.content == bare.content == rest.content
    assert b"/7/wmts?" in rest.content
    assert b"/7/wmts?" not in (await here.get(f"/{CAPABILITIES}")).content


@on_site
async def test_keys_and_values_give_the_same_bytes_as_the_address(here: Site) -> None:
    for media_type, extension in (("png", "png"), ("webp", "webp"), ("jpeg", "jpg")):
        tile = await here.get(f"/7/wmts?{TILE.format(f'image/{media_type}')}")
        plain = await here.get(f"/7/4/6/5.{extension}")
        assert (tile.status_code, tile.content) == (200, plain.content)
        assert tile.headers["etag"] == plain.headers["etag"]
        assert tile.headers["content-type"] == f"image/{media_type}"


@pytest.mark.parametrize(
    ("query", "code", "locator"),
    [
        ("request=GetTile", "MissingParameterValue", "SERVICE"),
        ("service=WMTS&request=Nothing", "InvalidParameterValue", "REQUEST"),
        (TILE.format("image/png") + "9", "TileOutOfRange", "TILECOL"),
        ("service=<%00%ff", "InvalidParameterValue", "SERVICE"),
    ],
)
def test_a_mistake_is_an_exception_report(
    tmp_path: Path, query: str, code: str, locator: str
) -> None:
    answer = fetch(tmp_path, f"/wmts?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["cache-control"] == "no-store"
    assert_valid(answer.content, OWS_EXCEPTION)
    assert f'exceptionCode="{code}"'.encode() in answer.content
    assert f'locator="{locator}"'.encode() in answer.content


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> object:
    with live(tmp_path_factory.mktemp("wmts")) as server:
        yield server


def test_owslib_reads_it_and_gets_tiles(server: Live) -> None:
    service = WebMapTileService(f"{server.root}7/wmts")
    assert service.identification.type == "OGC WMTS"
    layer = service["elsewhere"]
    assert layer.formats == ["image/png", "image/webp", "image/jpeg"]
    assert layer.boundingBoxWGS84 == pytest.approx((-180, -85.0511287798, 180, 85.0511287798))
    matrices = service.tilematrixsets["GoogleMapsCompatible"].tilematrix
    assert len(matrices) == FINEST + 1
    assert matrices["0"].scaledenominator == pytest.approx(559082264.0287178, rel=1e-12)
    ask = {"layer": "elsewhere", "tilematrix": "4", "row": 5, "column": 6, "format": "image/png"}
    by_keys = service.gettile(tilematrixset="GoogleMapsCompatible", **ask).read()
    rest = WebMapTileService(f"{server.root}7/{CAPABILITIES}")
    template = rest["elsewhere"].resourceURLs[0]["template"].removeprefix(server.root)
    address = template.format(TileMatrix=4, TileRow=5, TileCol=6)
    assert by_keys == server.get(address).content == server.get("7/4/6/5.png").content


def test_gdal_reads_it(server: Live, tmp_path: Path) -> None:
    with (
        rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)),
        rasterio.open(f"WMTS:{server.root}7/{CAPABILITIES}") as source,
    ):
        assert source.crs.to_epsg() == 3857
        assert source.shape == (256 << FINEST, 256 << FINEST)
        # The overview of zoom 4 is a whole number of pixels smaller: its tiles come unresampled.
        size = 256 << 4
        last = Tile(4, 6, 5)
        column, row = last.x * 256, last.y * 256
        scale = (256 << FINEST) // size
        window = Window(column * scale, row * scale, 256 * scale, 256 * scale)
        shown = source.read((1, 2, 3), window=window, out_shape=(3, 256, 256))
    png = server.get("7/4/6/5.png").content
    assert np.array_equal(shown.transpose(1, 2, 0), decode_png(png))
    assert Image.open(io.BytesIO(png)).size == (256, 256)
