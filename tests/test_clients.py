"""Every snippet that the page and the documentation show: its addresses answer, its code runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from matplotlib.figure import Figure
from PIL import Image

from tests.fakes import FINEST
from tests.live import Live, cards, live
from tileserver.documents.grid import EDGE
from tileserver.encode import decode_png

ROOT = Path(__file__).parents[1]
CLIENTS = json.loads(cards())
STEPS = [
    pytest.param(client["id"], step["code"], id=f"{client['id']}: {step['text']}")
    for client in CLIENTS
    for step in client["steps"]
    if "code" in step
]
PLACES = {"{z}": "9", "{x}": "266", "{y}": "182", "{r}": "@2x"}
PLACES |= {"{level}": "9", "{col}": "266", "{row}": "182"}
TEMPLATE = "7/{z}/{x}/{y}.png"
WIDTHS = {"alps.tif": 1024, "tile.png": 256, "tile.webp": 512, "place.jpg": 800, "box.png": 800}
METRES = 500 / 2 ** (FINEST - 15)
"""Half the width of a map that is too small for the tiles of the finest zoom."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("clients")) as server:
        yield server


def filled(code: str, server: Live) -> str:
    """Return a snippet as the page writes it, for world 7."""
    return code.replace("%BASE%", server.root + "7/").replace("%ROOT%", server.root)


@pytest.mark.parametrize(("client", "code"), STEPS)
def test_every_address_in_a_snippet_answers(server: Live, client: str, code: str) -> None:
    addresses = re.findall(r'http://[^"\s]+', filled(code, server))
    assert addresses
    for address in addresses:
        for name, value in PLACES.items():
            address = address.replace(name, value)
        answer = server.get(address.removeprefix(server.root))
        assert answer.status_code == 200
        assert len(answer.content) > 100


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client["id"])
def test_every_file_to_download_is_there(server: Live, client: dict[str, object]) -> None:
    steps = client["steps"]
    assert isinstance(steps, list)
    for step in steps:
        if "file" in step:
            assert server.get("7/" + step["file"]).status_code == 200
        assert ("file" in step) != ("code" in step)


def snippet(client: str, start: str) -> str:
    """Return the only snippet of a client that starts so."""
    (found,) = [
        step["code"]
        for card in CLIENTS
        for step in card["steps"]
        if card["id"] == client and step.get("code", "").startswith(start)
    ]
    assert isinstance(found, str)
    return found


def test_the_python_snippet_reads_pixels(server: Live, tmp_path: Path) -> None:
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        pixels = run(snippet("python", "import rasterio"), server)["pixels"]
    assert pixels.shape == (3, 512, 512)
    assert pixels.std() > 20


def run(code: str, server: Live, **names: Any) -> dict[str, Any]:
    """Run a Python snippet as it stands on the page; return its names."""
    exec(compile(filled(code, server), "snippet", "exec"), names)
    return names


def test_contextily_draws_a_map_too_small_for_the_last_tiles(server: Live) -> None:
    axes = Figure().subplots()
    axes.set_xlim(850_000 - METRES, 850_000 + METRES)
    axes.set_ylim(5_900_000 - METRES, 5_900_000 + METRES)
    with pytest.warns(UserWarning, match=rf"zoom level of \d+ is not valid .*0 - {FINEST}"):
        run(snippet("python", "import contextily"), server, ax=axes)
    (image,) = axes.get_images()
    count = 2**FINEST
    x, y = (int((EDGE + sign * at) / (2 * EDGE) * count) for sign, at in ((1, 85e4), (-1, 59e5)))
    tile = decode_png(server.get(f"7/{FINEST}/{x}/{y}.png").content)
    shown = image.get_array()
    assert shown is not None
    colours = np.asarray(shown)[..., :3].reshape(-1, 3)
    assert tile[0, 0].tolist() in colours.tolist()
    assert [text.get_text() for text in axes.texts] == ["Invented imagery: Elsewhere"]


def test_folium_writes_a_page_with_the_layer(
    server: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(snippet("notebook", "import folium"), server)
    page = (tmp_path / "map.html").read_text()
    assert f'"{server.root}{TEMPLATE}"' in page
    assert re.search(rf'"?maxNativeZoom"?: {FINEST}\b', page)
    assert re.search(rf'"?maxZoom"?: {FINEST + 2}\b', page)


@pytest.mark.parametrize("library", ["ipyleaflet", "leafmap"])
def test_a_notebook_shows_a_map_with_the_layer(server: Live, library: str) -> None:
    pytest.importorskip(library, reason=f"no {library} here: `make clients` installs it")
    shown = run(snippet("notebook", f"import {library}"), server)["map"]
    layer = shown.layers[-1]
    assert (layer.url, layer.name) == (server.root + TEMPLATE, "Elsewhere")
    assert (layer.max_native_zoom, layer.max_zoom) == (FINEST, FINEST + 2)
    assert layer.attribution == "Invented imagery: Elsewhere"


def test_the_gdal_addresses_open(server: Live, tmp_path: Path) -> None:
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        for start in ('gdalinfo "%', 'gdalinfo "WMTS'):
            address = shlex.split(filled(snippet("gdal", start), server))[1]
            with rasterio.open(address) as source:
                assert source.shape == (256 << FINEST, 256 << FINEST)


@pytest.mark.parametrize(
    ("client", "start", "file"),
    [
        ("gdal", 'gdalinfo "%', None),
        ("gdal", 'gdalinfo "WMTS', None),
        ("gdal", "gdal_translate", "alps.tif"),
        ("curl", "curl -o tile.png", "tile.png"),
        ("curl", "curl -o tile.webp", "tile.webp"),
        ("curl", "curl -o place.jpg", "place.jpg"),
        ("curl", "curl -o box.png", "box.png"),
    ],
)
def test_the_commands_do_what_they_say(
    server: Live, tmp_path: Path, client: str, start: str, file: str | None
) -> None:
    if shutil.which(start.split()[0]) is None:
        pytest.skip(f"there is no {start.split()[0]} here")
    command = filled(snippet(client, start), server)
    said = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=60
    )
    if file is None:
        assert f"Size is {256 << FINEST}, {256 << FINEST}" in said.stdout.decode()
        return
    with Image.open(tmp_path / file) as written:
        assert written.width == WIDTHS[file]


def test_the_documentation_shows_the_same_snippets() -> None:
    text = (ROOT / "docs" / "clients.md").read_text()
    for client in CLIENTS:
        for step in client["steps"]:
            for line in step.get("code", "").splitlines():
                shown = line.replace("%BASE%", "http://localhost:8000/7/")
                assert shown.replace("%ROOT%", "http://localhost:8000/") in text
