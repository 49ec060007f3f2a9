"""OGC API - Maps: which picture a query asks for, how it is answered, and what is refused."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.live import live
from tests.ogcapi import find_gdal
from tests.site import Site, fetch, on_site
from tests.test_ogc import JSON, REL, link
from tests.test_public import KEY, run
from tileserver.documents.grid import geotransform
from tileserver.encode import decode_png
from tileserver.errors import BadRequestError
from tileserver.regions import mapquery
from tileserver.regions.mapquery import parse_map

OGC = "http://www.opengis.net/def/crs/"
A, _, WEST, _, E, NORTH = geotransform(9, 266, 180)
TILE_BOX = f"{WEST},{NORTH + 256 * E},{WEST + 256 * A},{NORTH}"


def opened(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


@on_site
async def test_the_box_of_a_tile_is_the_tile(here: Site) -> None:
    query = f"bbox={TILE_BOX}&bbox-crs=[EPSG:3857]&width=256&height=256"
    for prefix in ("", "/7"):
        answer = await here.get(f"{prefix}/map?{query}")
        tile = decode_png((await here.get(f"{prefix}/9/266/180.png")).content)
        assert np.array_equal(np.asarray(opened(answer)), tile)
        assert answer.headers["content-crs"] == f"{OGC}EPSG/0/3857"
        box = [float(edge) for edge in answer.headers["content-bbox"].split(",")]
        assert box == pytest.approx([float(edge) for edge in TILE_BOX.split(",")], abs=1e-6)


@on_site
async def test_a_client_finds_the_map_from_the_landing_page(here: Site) -> None:
    landing = (await here.get("/7", headers=JSON)).json()
    conforms = (await here.get(link(landing, "conformance"))).json()["conformsTo"]
    for name in ("core", "dataset-map", "collection-map", "crs", "png", "jpeg"):
        assert f"http://www.opengis.net/spec/ogcapi-maps-1/1.0/conf/{name}" in conforms
    assert landing["storageCrs"] == f"{OGC}EPSG/0/3857"
    assert {landing["storageCrs"], f"{OGC}OGC/1.3/CRS84"} <= set(landing["crs"])
    whole = await here.get(link(landing, REL + "map"))
    assert opened(whole).size == (1024, 1024)
    assert whole.content == (await here.get("/7/map")).content
    (entry,) = (await here.get(link(landing, REL + "data"))).json()["collections"]
    collection = (await here.get(link(entry, "self"))).json()
    assert collection == entry
    assert collection["crs"] == landing["crs"]
    again = await here.get(link(collection, REL + "map") + "?bbox=0,0,9,9&width=40")
    assert again.content == (await here.get("/7/map?bbox=0,0,9,9&width=40")).content


@on_site
async def test_accept_decides_where_f_does_not(here: Site) -> None:
    for accept, query, expected in (
        ("*/*", "", "image/png"),
        ("image/jpeg", "", "image/jpeg"),
        ("image/webp,image/png;q=0.9", "", "image/webp"),
        ("image/webp", "&f=jpg", "image/jpeg"),
    ):
        headers = {"accept": accept}
        answer = await here.get(f"/map?bbox=0,0,9,9&width=40{query}", headers=headers)
        assert answer.headers["content-type"] == expected
        assert opened(answer).size == (40, 40)
        assert ("accept" in answer.headers.get("vary", "").lower()) == (not query)
    refused = await here.get("/map?width=40", headers={"accept": "text/csv"})
    assert refused.status_code == 406


@on_site
async def test_a_tiff_knows_its_place(here: Site) -> None:
    rasterio = pytest.importorskip("rasterio")
    box = "2500000,4200000,2600000,4350000"  # northing before easting, as the registry has it
    query = f"bbox={box}&bbox-crs=[EPSG:3035]&crs=[EPSG:3035]&width=300&f=tiff"
    answer = await here.get(f"/map?{query}")
    assert answer.headers["content-type"] == "image/tiff"
    assert answer.headers["content-bbox"] == box
    with rasterio.MemoryFile(answer.content) as file, file.open() as picture:
        assert picture.crs.to_epsg() == 3035
        assert tuple(picture.bounds) == (4200000, 2500000, 4350000, 2600000)
        assert (picture.width, picture.height, picture.count) == (300, 200, 3)
        pixels = np.moveaxis(picture.read(), 0, 2)
    png = await here.get(f"/map?{query}".replace("tiff", "png"))
    assert np.array_equal(np.asarray(opened(png)), pixels)


@on_site
async def test_without_rasterio_there_is_no_tiff(here: Site) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rasterio", None)
        refused = await here.get("/map?width=40&f=tiff")
        assert refused.status_code == 400
        assert "expected png, webp, jpg, jpeg" in refused.json()["detail"]


@on_site
async def test_off_the_map_it_is_transparent_or_white(here: Site) -> None:
    query = "/map?bbox=-21000000,-21000000,21000000,21000000&bbox-crs=[EPSG:3857]&width=210&f="
    for format in ("png", "webp", "jpeg"):
        picture = opened(await here.get(query + format))
        assert picture.mode == ("RGB" if format == "jpeg" else "RGBA")
        pixels = np.asarray(picture)
        assert pixels[0, 0].min() > 220 if format == "jpeg" else pixels[0, 0, 3] == 0


@on_site
async def test_a_known_tag_is_answered_without_the_picture_and_head_makes_none(here: Site) -> None:
    path = "/map?bbox=7,46,8,47&width=64"
    head = await here.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-crs"] == f"{OGC}EPSG/0/3857"
    assert not here.fake.calls
    whole = await here.get(path)
    known = await here.get(path, headers={"if-none-match": whole.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    assert (await here.request("POST", path)).status_code == 405
    assert (await here.get(f"/{2**64}{path}")).status_code == 400


def test_a_box_in_degrees_may_cross_the_dateline() -> None:
    picture = parse_map({"bbox": "177,-19,-178,-16", "width": "200"})
    west, _, east, _ = picture.grid.bounds
    assert (west, east) == pytest.approx((19703549.9, 20260147.7), abs=1)
    assert {tile.x for tile in picture.tiles()} >= {0, (1 << picture.zoom) - 1}


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ({}, (1024, 1024)),
        ({"width": "100"}, (100, 100)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,40,10"}, (1024, 256)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,10,40"}, (256, 1024)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,10,40", "width": "50"}, (50, 200)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,10,40", "height": "8"}, (2, 8)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,10,40", "height": "8", "width": "9"}, (9, 8)),
        ({"crs": "[OGC:CRS84]", "bbox": "0,0,100,10,40,900", "width": "50"}, (50, 200)),
    ],
)
def test_sides_that_are_not_given_follow_from_the_box(
    query: dict[str, str], size: tuple[int, int]
) -> None:
    grid = parse_map(query).grid
    assert (grid.width, grid.height) == size


def test_the_order_of_axes_is_the_registrys() -> None:
    there = parse_map({"bbox": "46,7,47,9", "bbox-crs": "[EPSG:4326]", "crs": "[EPSG:4326]"})
    here = parse_map({"bbox": "7,46,9,47", "crs": "[OGC:CRS84]"})
    assert there.grid.bounds == here.grid.bounds == (7, 46, 9, 47)


def test_a_map_finer_than_the_finest_zoom_is_enlarged() -> None:
    for finest in (15, 17):
        picture = parse_map({"bbox": "7,46,7.0001,46.0001", "width": "256"}, finest)
        assert picture.zoom == finest
        assert len(picture.tiles()) <= 4


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("bbox=1,2,3", "the box is '1,2,3', expected four numbers"),
        ("bbox=1,2,a,4", "the box has 'a', expected a number"),
        ("bbox=nan,0,1,1", "the box has 'nan'"),
        ("bbox=0,0,1e300,1", "the box has '1e300'"),
        ("bbox=0,0,0,0", "expected its lower left corner below and left"),
        ("bbox=8,48,9,47", "in the order of axes of OGC:CRS84"),
        ("bbox=8,46,7,47&bbox-crs=[EPSG:3857]", "in the order of axes of EPSG:3857"),
        ("bbox=0,86,10,89", "nothing of the map, which ends at 85.05 degrees"),
        ("bbox=0,0,0.001,80", "the map needs more than 1,024 tiles"),
        ("width=0", "the width is '0', expected 1 to 2048 pixels"),
        ("width=-1", "the width is '-1'"),
        ("height=1.5", "the height is '1.5'"),
        ("width=2049&height=9", "the map is 2049x9, expected 1 to 2048 pixels each way"),
        ("bbox=0,0,1,80&width=1000", "the map is 1000x"),
        ("crs=foo", "the coordinate reference system is 'foo'"),
        ("crs=%2Bproj=merc", "the coordinate reference system is '+proj=merc'"),
        ("crs=[EPSG:99999]", "EPSG:99999 is unknown or no map of the Earth"),
        ("bbox=0,0,1,1&bbox-crs=x", "the coordinate reference system is 'x'"),
        ("center=7,46", "center= is not understood here, expected bbox="),
        ("subset=Lat(1:2)", "subset= is not understood"),
        ("f=gif", "the format asked for with f= is unknown"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, query: str, sentence: str) -> None:
    pytest.importorskip("pyproj")
    answer = fetch(tmp_path, f"/map?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert sentence in answer.json()["detail"]


def test_a_map_that_takes_too_many_samples_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    query = {"bbox": "0,0,9,9", "crs": "[OGC:CRS84]", "width": "200"}
    assert parse_map(query).samples == 200 * 200 * 4
    monkeypatch.setattr(mapquery, "MOST_SAMPLES", 200 * 200 * 4 - 1)
    with pytest.raises(BadRequestError, match="expected fewer pixels"):
        parse_map(query)


def test_strangers_pay_for_what_is_made(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        path = "/map?bbox=6,45,12,49&width=1100"
        refused = await client.get(path)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        assert (await client.get(path, headers=KEY)).status_code == 200
        assert (await client.get(path)).status_code == 200

    run(check, directory=tmp_path, public=True, render_budget=4)


def test_a_cached_only_server_shows_what_is_stored(tmp_path: Path) -> None:
    async def check(client: httpx.AsyncClient) -> None:
        path = "/map?bbox=7,46,8,47&width=300"
        refused = await client.get(path)
        assert (refused.status_code, "makes none on request" in refused.text) == (404, True)
        made = await client.get(path, headers=KEY)
        assert (await client.get(path)).content == made.content

    run(check, directory=tmp_path, cached_only=True)


def test_gdal_reads_maps_of_the_collection(tmp_path: Path) -> None:
    if find_gdal() is None:
        pytest.skip("no GDAL with the OGC API driver here: pip install pyogrio to run this test")
    with live(tmp_path) as server:
        where = [f"{server.root}7/collections/imagery", "600000000", "200000000", "64"]
        command = [sys.executable, "-m", "tests.ogcapi", *where]
        root = Path(__file__).parents[1]
        done = subprocess.run(command, capture_output=True, timeout=120, check=False, cwd=root)
        assert done.returncode == 0, done.stderr.decode()
        made = [block for _, block in server.fake.calls]
    shown = np.frombuffer(done.stdout, np.uint8).reshape(4, 64, 64)
    assert shown[3].min() == 255
    assert any(block.stage == 15 for block in made)
