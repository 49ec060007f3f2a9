"""The snippets for JavaScript libraries, run as they stand in a real Chromium, show the tiles."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import mercantile
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.browser import Page, chromium
from tests.fakes import FakeRenderer
from tests.live import Live, live
from tests.test_clients import filled, run, snippet
from tests.test_export import about
from tests.weblibraries import SIDE, WEBGL, missing, pages
from tileserver.batch.export import TileSource, write
from tileserver.cache.tilecache import TileCache
from tileserver.encode import decode_png
from tileserver.encoding import Encoding
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[1]
CORNER = mercantile.bounds(266, 180, 9)
AT = (CORNER.west, CORNER.north)
"""A corner of four tiles, so that they fill the map."""
PATIENCE_SECONDS = 90.0
NEAR = 60
"""How far a channel may be off where a picture is lossy or not drawn pixel by pixel."""

CODES = {
    "leaflet": ("leaflet", "leaflet", "L.tileLayer"),
    "maplibre": ("maplibre-gl", "maplibre", "map.addSource"),
    "openlayers": ("ol", "openlayers", "import TileLayer"),
    "arcgis": ("@arcgis/core", "arcgis", "import TileInfo"),
    "cesium": ("cesium", "cesium", "viewer"),
}
"""Name of a page: library, card and start of its snippet."""

ONLINE = """import WMTSLayer from "@arcgis/core/layers/WMTSLayer.js";
map.add(new WMTSLayer({ url: "%s" }));"""
"""What ArcGIS Online makes of the address that it is given."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    with live(tmp_path_factory.mktemp("cache")) as server:
        yield server


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Page]:
    with chromium(chromium_path, WEBGL) as page:
        page.viewport(SIDE, SIDE)
        yield page


@pytest.fixture(scope="module")
def site(server: Live, browser: Page, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the URL of the pages, and of an exported archive and a page of folium beside them."""
    folder = tmp_path_factory.mktemp("pages")
    codes = {
        page: (package, filled(snippet(card, start), server))
        for page, (package, card, start) in CODES.items()
    }
    capabilities = filled(snippet("arcgis", "%BASE%wmts"), server)
    codes["arcgis-wmts"] = ("@arcgis/core", ONLINE % capabilities)
    text = (ROOT / "docs" / "exporting.md").read_text()
    (code,) = re.findall(r'```js\n(import L from "leaflet";\n.*?)```', text, re.DOTALL)
    codes["pmtiles"] = ("pmtiles", code)
    export(folder / "alps.pmtiles")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run(snippet("notebook", "import folium"), server)
    # folium's page asks a content delivery network for Leaflet.
    page = (folder / "map.html").read_text()
    page, count = re.subn(r"https://[^\"]*/leaflet@[0-9.]+/", "node_modules/leaflet/", page)
    assert count == 2
    (folder / "folium.html").write_text(page)
    with pages(folder, codes, AT) as root:
        yield root


def export(path: Path) -> None:
    """Write world 7 round the place, as `elsewhere export` does."""
    cache = TileCache.open(path.with_suffix(".cache"))
    maker = BatchRenderer(FakeRenderer(), 7, cache)
    region = Region((5.9, 45.8, 10.5, 47.8), [9])
    write(TileSource(cache, maker.world, maker, Encoding.PNG), region, path, about(region))


def picture(server: Live, place: tuple[float, float]) -> NDArray[np.uint8]:
    """Return the tiles of zoom 9 about a place with a pixel more on each side, uint8 [H, W, 3]."""
    side = SIDE + 2
    answer = server.get(f"7/static/{place[0]:.9f},{place[1]:.9f},9/{side}x{side}.png")
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def share(shown: NDArray[np.uint8], expected: NDArray[np.uint8], near: int) -> float:
    """Return how much of a map is as expected, where it may lie a pixel aside."""
    found = []
    for x in range(3):
        for y in range(3):
            part = expected[y : y + SIDE, x : x + SIDE]
            found.append((np.abs(shown.astype(int) - part) <= near).all(-1).mean())
    return float(max(found))


def best(page: Page, expected: NDArray[np.uint8], near: int, enough: float) -> float:
    """Return how much of the map is as expected as soon as that is enough, or in the end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = share(page.screenshot(), expected, near)
        if found >= enough or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


@pytest.mark.parametrize(
    ("name", "near", "enough"),
    [
        ("leaflet", 0, 0.95),
        ("openlayers", 0, 0.95),
        ("arcgis", 0, 0.95),
        ("arcgis-wmts", 0, 0.95),
        ("maplibre", NEAR, 0.8),
        ("pmtiles", 0, 0.95),
    ],
)
def test_the_map_shows_the_tiles(
    browser: Page, server: Live, site: str, name: str, near: int, enough: float
) -> None:
    browser.complaints.clear()
    browser.open(f"{site}{name}.html")
    found = best(browser, picture(server, AT), near, enough)
    assert found >= enough, browser.complaints
    assert not [said for said in browser.complaints if "GPU stall" not in said]


def test_foliums_page_shows_the_tiles(browser: Page, server: Live, site: str) -> None:
    browser.open(f"{site}folium.html")
    assert best(browser, picture(server, (7.6, 46.5)), 0, 0.95) >= 0.95


def test_cesiums_globe_shows_the_tiles(browser: Page, server: Live, site: str) -> None:
    @lru_cache
    def pixels(zoom: int, x: int, y: int) -> NDArray[np.uint8]:
        return decode_png(server.get(f"7/{zoom}/{x}/{y}.png", verify=False).content)

    def colours(longitude: float, latitude: float) -> NDArray[np.int64]:
        """Return what the tiles have there at the zooms that a globe may show, int64 [N, 3]."""
        found = []
        for zoom in range(7, 11):
            x, y = (at * 2**zoom for at in mercantile._xy(longitude, latitude))
            tile = pixels(zoom, int(x), int(y))
            found.append(tile[int(y % 1 * 256), int(x % 1 * 256)])
        return np.array(found, np.int64)

    browser.open(f"{site}cesium.html")
    browser.until("window.viewer?.scene.globe.tilesLoaded", 3 * PATIENCE_SECONDS)
    grid = [(x, y) for x in range(100, 420, 20) for y in range(100, 420, 20)]
    places = browser.run(
        f"{[list(at) for at in grid]}.map((at) => {{ const found = Cesium.Cartographic."
        "fromCartesian(viewer.camera.pickEllipsoid(new Cesium.Cartesian2(...at)));"
        "return [found.longitude, found.latitude].map(Cesium.Math.toDegrees) })"
    )
    shown = browser.screenshot().astype(int)
    equal = [
        (np.abs(colours(*place) - shown[y, x]) <= NEAR).all(-1).any()
        for (x, y), place in zip(grid, places, strict=True)
    ]
    # By chance it would be a quarter of them.
    assert np.mean(equal) > 0.6
