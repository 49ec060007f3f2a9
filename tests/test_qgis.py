"""The files for QGIS: what is in them, and what QGIS itself makes of them where it is installed."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from rasterio.crs import CRS
from rasterio.transform import Affine
from rasterio.warp import reproject

from tests.fakes import FINEST
from tests.live import Live, live
from tests.site import BASE, Site, on_site
from tileserver.documents.grid import EDGE
from tileserver.encode import decode_png

ROOT = Path(__file__).parents[1]
PYTHON = "/usr/bin/python3"
"""The system's own Python, which Debian's python3-qgis is for."""

ZOOM, COLUMN, ROW, COUNT = 9, 264, 178, 6
"""A square of tiles round Bern."""
SPAN = 2 * EDGE / (1 << ZOOM)
METRE, DEGREE = 208.7, 305.748 / 111319.49
"""About a pixel of this zoom at Bern, on the ground and in longitude."""


@on_site
async def test_the_connections_are_what_qgis_imports(here: Site) -> None:
    answer = await here.get("/7/qgis.xml")
    assert answer.content.startswith(b"<!DOCTYPE connections>")
    root = ElementTree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == ("qgsXYZTilesConnections", "1.0")
    plain, double = root.findall("xyztiles")
    assert plain.get("url") == BASE + "/7/{z}/{x}/{y}.png"
    assert double.get("url") == BASE + "/7/{z}/{x}/{y}@2x.png"
    assert (plain.get("tilePixelRatio"), double.get("tilePixelRatio")) == ("1", "2")
    assert (plain.get("zmin"), plain.get("zmax")) == ("0", str(FINEST))
    for connection in (plain, double):
        url = connection.get("url") or ""
        assert (await here.get(url.format(z=3, x=2, y=1))).status_code == 200


@on_site
async def test_the_layer_definition_names_the_same_source_twice(here: Site) -> None:
    answer = await here.get("/7/qgis.qlr")
    assert answer.headers["content-disposition"] == "attachment; filename=elsewhere-7.qlr"
    root = ElementTree.fromstring(answer.content)
    in_tree, layer = root.find(".//layer-tree-layer"), root.find(".//maplayer")
    assert in_tree is not None
    assert layer is not None
    assert in_tree.get("id") == layer.findtext("id") == "elsewhere_7"
    assert in_tree.get("source") == layer.findtext("datasource")
    source = parse_qs(layer.findtext("datasource") or "")
    assert source["url"] == [BASE + "/7/{z}/{x}/{y}.png"]
    assert (source["type"], source["zmax"]) == (["xyz"], [str(FINEST)])
    for name in ("proj4", "authid"):
        assert CRS.from_string(layer.findtext(f"srs/spatialrefsys/{name}")).to_epsg() == 3857


def around(crs: str, x: float, y: float, pixel: float) -> dict[str, Any]:
    """Return what QGIS is to draw: 400 x 300 pixels about a place."""
    box = [x - 200 * pixel, y - 150 * pixel, x + 200 * pixel, y + 150 * pixel]
    return {"crs": crs, "box": box, "size": [400, 300]}


def mosaic(server: Live) -> NDArray[np.uint8]:
    """Return the square of tiles as one picture, uint8 [height, width, 3]."""

    def tile(x: int, y: int) -> NDArray[np.uint8]:
        return decode_png(server.get(f"7/{ZOOM}/{x}/{y}.png", verify=False).content)

    steps = range(COUNT)
    return np.vstack([np.hstack([tile(COLUMN + i, ROW + j) for i in steps]) for j in steps])


def reprojected(picture: NDArray[np.uint8], wish: dict[str, Any]) -> NDArray[np.uint8]:
    """Return the square of tiles as GDAL shows it where QGIS drew, uint8 [height, width, 3]."""
    west, south, east, north = wish["box"]
    width, height = wish["size"]
    shown = np.zeros((3, height, width), np.uint8)
    pixel = SPAN / 256
    reproject(
        picture.transpose(2, 0, 1),
        shown,
        src_transform=Affine(pixel, 0, COLUMN * SPAN - EDGE, 0, -pixel, EDGE - ROW * SPAN),
        src_crs="EPSG:3857",
        dst_transform=Affine((east - west) / width, 0, west, 0, (south - north) / height, north),
        dst_crs=wish["crs"],
    )
    return shown.transpose(1, 2, 0)


@pytest.mark.slow
def test_qgis_draws_the_layer_file_in_its_place_in_every_projection(tmp_path: Path) -> None:
    found = [PYTHON, "-c", "import qgis.core"]
    if not Path(PYTHON).exists() or subprocess.run(found, capture_output=True).returncode:
        pytest.skip("no PyQGIS here: install Debian's package 'python3-qgis' to run this test")
    west, north = 266 * SPAN - EDGE, EDGE - 180 * SPAN
    tile = {"crs": "EPSG:3857", "box": [west, north - SPAN, west + SPAN, north], "size": [256, 256]}
    wishes = [tile, around("EPSG:2056", 2.6e6, 1.2e6, METRE), around("EPSG:4326", 7.4, 47, DEGREE)]
    with live(tmp_path / "cache") as server:
        (tmp_path / "world.qlr").write_bytes(server.get("7/qgis.qlr").content)
        picture = mosaic(server)
        command = [PYTHON, ROOT / "tests" / "qgisdraw.py", tmp_path / "world.qlr", tmp_path / "out"]
        done = subprocess.run(
            [*command, *map(json.dumps, wishes)],
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
            capture_output=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr.decode()
    layer = json.loads(done.stdout)
    assert (layer["valid"], layer["crs valid"], layer["crs"]) == (True, True, "EPSG:3857")
    assert layer["errors"] == [[], [], []]
    shares = []
    for number, wish in enumerate(wishes):
        with Image.open(tmp_path / f"out{number}.png") as drawn:
            equal = np.asarray(drawn.convert("RGB")) == reprojected(picture, wish)
        shares.append(equal.all(-1).mean())
    assert shares[0] == 1
    # The cells of the pattern are 8 pixels wide: two pixels aside leave at most 0.6 of them equal.
    assert min(shares[1:]) > 0.7
