"""OGC API - Tiles: the documents by the standard's own tests, the tiles row before column."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from owslib.ogcapi import API

from tests.fakes import FINEST
from tests.live import live
from tests.ogcapi import find_gdal
from tests.site import Site, fetch, on_site
from tileserver.documents.grid import EDGE
from tileserver.encode import decode_png

REL = "http://www.opengis.net/def/rel/ogc/1.0/"
JSON = {"accept": "application/json"}


def link(document: dict[str, Any], rel: str, media_type: str | None = None) -> str:
    """Return the only link of a relation (and media type)."""
    (href,) = [
        found["href"]
        for found in document["links"]
        if found["rel"] == rel and media_type in (None, found["type"])
    ]
    assert isinstance(href, str)
    return href


@on_site
async def test_a_client_finds_its_way_from_the_landing_page_to_a_tile(here: Site) -> None:
    for prefix in ("/", "/7"):
        landing = (await here.get(prefix, headers=JSON)).json()
        conforms = (await here.get(link(landing, "conformance"))).json()["conformsTo"]
        assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core" in conforms
        assert (await here.get(link(landing, "service-desc"))).status_code == 200
        assert (await here.get(link(landing, "service-doc"))).status_code == 200
        (entry,) = (await here.get(link(landing, REL + "tilesets-map"))).json()["tilesets"]
        assert entry["dataType"] == "map"
        tileset = (await here.get(link(entry, "self"))).json()
        for key in ("dataType", "crs", "tileMatrixSetURI"):
            assert tileset[key] == entry[key]
        assert link(tileset, REL + "tiling-scheme") == link(entry, REL + "tiling-scheme")
        items = [item for item in tileset["links"] if item["rel"] == "item"]
        assert [item["type"] for item in items] == tileset["mediaTypes"]
        plain = "" if prefix == "/" else prefix
        for item, extension in zip(items, ("png", "webp", "jpg"), strict=True):
            assert item["templated"] is True
            tile = await here.get(item["href"].format(tileMatrix=4, tileRow=5, tileCol=6))
            assert tile.content == (await here.get(f"{plain}/4/6/5.{extension}")).content
            assert tile.headers["content-type"] == item["type"]


@on_site
async def test_every_link_gives_what_its_type_says(here: Site) -> None:
    seen: set[str] = set()
    for start in ("/?f=json", "/7?f=json"):
        unread = [start]
        while unread:
            document = (await here.get(unread.pop(), headers={"accept": "*/*"})).json()
            for found in [
                *document["links"],
                *document.get("tilesets", [{"links": []}])[0]["links"],
            ]:
                if found["href"] in seen or found.get("templated"):
                    continue
                seen.add(found["href"])
                answer = await here.get(found["href"], headers={"accept": "*/*"})
                assert answer.headers["content-type"].split("; ")[0] == found["type"], found
                if found["type"] == "application/json" and "links" in answer.json():
                    unread.append(found["href"])
    assert len(seen) > 12


@on_site
async def test_the_root_is_json_but_for_who_names_html(here: Site) -> None:
    for accept, html in (
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("application/json, text/html;q=0.9", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", True),
        ("text/html", True),
    ):
        del here.client.headers["accept"]
        headers = {} if accept is None else {"accept": accept}
        root, world = await here.get("/", headers=headers), await here.get("/7", headers=headers)
        here.client.headers["accept"] = "*/*"
        assert root.headers["content-type"].startswith("text/html" if html else JSON["accept"])
        assert world.status_code == (303 if html else 200)
        assert {root.headers["vary"], world.headers["vary"]} == {"Accept"}


@pytest.mark.parametrize("path", ["", "7", "7/", "7/?f=json"])
def test_owslib_reads_the_landing_page_and_the_conformance(tmp_path: Path, path: str) -> None:
    with live(tmp_path) as server:
        api = API(server.root + path)
        assert (
            "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core"
            in api.conformance()["conformsTo"]
        )
    assert link(api.response, REL + "tilesets-map").endswith("/tiles")


@on_site
async def test_the_matrix_set_is_the_registered_one(here: Site) -> None:
    (entry,) = (await here.get("/tileMatrixSets")).json()["tileMatrixSets"]
    definition = (await here.get(link(entry, "self"))).json()
    assert definition["uri"] == entry["uri"]
    assert definition["uri"].endswith("/tilematrixset/OGC/1.0/WebMercatorQuad")
    assert definition["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3857"
    matrices = definition["tileMatrices"]
    assert [matrix["id"] for matrix in matrices] == [str(zoom) for zoom in range(25)]
    # First and last row of the registered definition.
    assert matrices[0]["scaleDenominator"] == pytest.approx(559082264.028717, rel=1e-14)
    assert matrices[24]["scaleDenominator"] == pytest.approx(33.3238997476528, rel=1e-14)
    assert matrices[24]["cellSize"] == pytest.approx(0.0093306919293428, rel=1e-13)
    for zoom, matrix in enumerate(matrices):
        assert matrix["pointOfOrigin"] == pytest.approx([-20037508.3427892, 20037508.3427892])
        assert matrix["matrixWidth"] == matrix["matrixHeight"] == 2**zoom
        assert matrix["cellSize"] * 256 * 2**zoom == pytest.approx(2 * EDGE, rel=1e-15)


@on_site
async def test_the_limits_are_the_zooms_of_this_server(here: Site) -> None:
    limits = (await here.get("/tiles/WebMercatorQuad")).json()["tileMatrixSetLimits"]
    assert [limit["tileMatrix"] for limit in limits] == [str(z) for z in range(FINEST + 1)]
    assert limits[3] == {
        "tileMatrix": "3",
        "minTileRow": 0,
        "maxTileRow": 7,
        "minTileCol": 0,
        "maxTileCol": 7,
    }


@on_site
async def test_accept_decides_where_f_does_not(here: Site) -> None:
    path = "/tiles/WebMercatorQuad/4/5/6"
    for accept, query, expected in (
        ("*/*", "", "image/png"),
        ("image/webp,image/png;q=0.9", "", "image/webp"),
        ("image/webp", "?f=jpeg", "image/jpeg"),
    ):
        answer = await here.get(path + query, headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, expected)
        assert ("accept" in answer.headers.get("vary", "").lower()) == (not query)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tiles/WebMercatorQuad/4/16/0", 404),
        (f"/tiles/WebMercatorQuad/{FINEST + 1}/0/0", 404),
        ("/tiles/WebMercatorQuad/4/a/0", 400),
        ("/tiles/WebMercatorQuad/4/0/0?f=gif", 400),
        ("/tiles/WorldCRS84Quad/4/0/0", 404),
        ("/tiles/WorldCRS84Quad", 404),
        ("/tileMatrixSets/WorldCRS84Quad", 404),
        ("/tiles?f=html", 400),
        ("/?f=xml", 400),
        ("/18446744073709551616/tiles", 400),
    ],
)
def test_what_is_not_there_is_a_problem(tmp_path: Path, path: str, status: int) -> None:
    answer = fetch(tmp_path, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_tile_in_no_acceptable_format_is_406(tmp_path: Path) -> None:
    answer = fetch(tmp_path, "/tiles/WebMercatorQuad/0/0/0", headers={"accept": "text/csv"})
    assert answer.status_code == 406
    assert "image/png" in answer.json()["detail"]


def test_gdal_reads_a_world_from_its_landing_page(tmp_path: Path) -> None:
    if find_gdal() is None:
        pytest.skip("no GDAL with the OGC API driver here: pip install pyogrio to run this test")
    x, y = 1 << (FINEST - 1), 11000 << (FINEST - 15)
    with live(tmp_path) as server:
        command = [sys.executable, "-m", "tests.ogcapi", f"{server.root}7", str(x * 256)]
        done = subprocess.run(
            [*command, str(y * 256), "512"],
            capture_output=True,
            timeout=120,
            check=False,
            cwd=Path(__file__).parents[1],
        )
        assert done.returncode == 0, done.stderr.decode()
        tiles = [
            [server.get(f"7/{FINEST}/{x + i}/{y + j}.png").content for i in (0, 1)] for j in (0, 1)
        ]
    shown = np.frombuffer(done.stdout, np.uint8).reshape(4, 512, 512)
    expected = np.vstack([np.hstack(list(map(decode_png, row))) for row in tiles])
    assert np.array_equal(shown[:3].transpose(1, 2, 0), expected)
    assert shown[3].min() == 255
