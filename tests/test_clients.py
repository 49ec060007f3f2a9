"""Every snippet that the page and the documentation show: its addresses answer, its code runs."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import rasterio
from PIL import Image

from tests.live import Live, live

ROOT = Path(__file__).parents[1]
CLIENTS = json.loads((ROOT / "web" / "clients.json").read_text())
STEPS = [
    pytest.param(client["id"], step["code"], id=f"{client['id']}: {step['text']}")
    for client in CLIENTS
    for step in client["steps"]
    if "code" in step
]
PLACES = {"{z}": "9", "{x}": "266", "{y}": "182", "{r}": "@2x"}


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
    assert addresses or client == "openlayers"
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
    code = filled(snippet("python", "import rasterio"), server)
    names: dict[str, object] = {}
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        exec(compile(code, "snippet", "exec"), names)
    pixels = names["pixels"]
    assert pixels.shape == (3, 512, 512)  # type: ignore[attr-defined]
    assert pixels.std() > 20  # type: ignore[attr-defined]


def test_the_gdal_addresses_open(server: Live, tmp_path: Path) -> None:
    with rasterio.Env(GDAL_DEFAULT_WMS_CACHE_PATH=str(tmp_path)):
        for start in ('gdalinfo "%', 'gdalinfo "WMTS'):
            address = shlex.split(filled(snippet("gdal", start), server))[1]
            with rasterio.open(address) as source:
                assert source.shape == (256 << 15, 256 << 15)


@pytest.mark.parametrize(
    ("client", "start", "file"),
    [
        ("gdal", "gdal_translate", "alps.tif"),
        ("curl", "curl -o tile.png", "tile.png"),
        ("curl", "curl -o tile.webp", "tile.webp"),
    ],
)
def test_the_commands_write_what_they_say(
    server: Live, tmp_path: Path, client: str, start: str, file: str
) -> None:
    if shutil.which(start.split()[0]) is None:
        pytest.skip(f"there is no {start.split()[0]} here")
    command = filled(snippet(client, start), server)
    subprocess.run(["sh", "-c", command], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    with Image.open(tmp_path / file) as written:
        assert written.width == {"alps.tif": 1024, "tile.png": 256, "tile.webp": 512}[file]


def test_the_documentation_shows_the_same_snippets() -> None:
    text = (ROOT / "docs" / "clients.md").read_text()
    for client in CLIENTS:
        for step in client["steps"]:
            for line in step.get("code", "").splitlines():
                shown = line.replace("%BASE%", "http://localhost:8000/7/")
                assert shown.replace("%ROOT%", "http://localhost:8000/") in text
