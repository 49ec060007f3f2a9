"""A small static STAC catalogue of made-up GeoTIFFs, and a server on loopback that serves it.

The server is a process of its own: GDAL keeps Python's lock while it waits for some of its answers.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

ORIGIN = (500_000, 5_200_000)
"""Upper left of the first item, in metres of UTM zone 32 (46.94 N, 9 E)."""


def write_tiff(path: Path, bands: Any, pixel: float = 10.0, east: float = 0.0) -> Path:
    """Write bands [C, H, W] as a tiled GeoTIFF with overviews, `east` metres beside ORIGIN."""
    import rasterio
    from affine import Affine
    from rasterio.enums import Resampling

    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    transform = Affine(pixel, 0, ORIGIN[0] + east, 0, -pixel, ORIGIN[1])
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width}
    profile |= {"tiled": True, "blockxsize": 256, "blockysize": 256, "crs": "EPSG:32632"}
    with rasterio.open(path, "w", dtype=bands.dtype, transform=transform, **profile) as image:
        image.write(bands)
        image.build_overviews([2, 4, 8], Resampling.average)
    return path


def noise(*shape: int, high: int = 256, kind: Any = np.uint8) -> Any:
    return np.random.default_rng(0).integers(0, high, shape).astype(kind)


def item(name: str, assets: dict[str, Any], **properties: Any) -> dict[str, Any]:
    """Return an item's document; assets are as in STAC, `clouds` and others its properties."""
    clouds = properties.pop("clouds", 3)
    given = {"datetime": "2024-06-01T10:00:00Z", "eo:cloud_cover": clouds} | properties
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "fields",
        "geometry": None,
        "bbox": [9.0, 46.9, 9.05, 46.95],
        "properties": given,
        "links": [],
        "assets": assets,
    }


def visual(href: str) -> dict[str, Any]:
    return {"visual": {"href": href, "type": "image/tiff; profile=cloud-optimized"}}


def write_catalogue(folder: Path, items: list[dict[str, Any]]) -> Path:
    """Write catalog.json, one collection and its items; returns the catalogue's path."""
    inner = folder / "fields"
    inner.mkdir(parents=True, exist_ok=True)
    for document in items:
        (inner / f"{document['id']}.json").write_text(json.dumps(document))
    root = {"type": "Catalog", "stac_version": "1.0.0", "id": "all", "description": "made up"}
    root["links"] = [{"rel": "child", "href": "./fields/collection.json"}]
    collection = root | {"type": "Collection", "id": "fields", "license": "CC-BY-4.0"}
    collection["extent"] = {"spatial": {"bbox": [[-180, -90, 180, 90]]}}
    collection["extent"]["temporal"] = {"interval": [[None, None]]}
    collection["providers"] = [
        {"name": "Field Agency", "roles": ["producer", "licensor"]},
        {"name": "Disk Farm", "roles": ["host"]},
    ]
    collection["links"] = [{"rel": "item", "href": f"./{d['id']}.json"} for d in items]
    collection["links"] += [{"rel": "parent", "href": "../catalog.json"}]
    (inner / "collection.json").write_text(json.dumps(collection))
    (folder / "catalog.json").write_text(json.dumps(root))
    return folder / "catalog.json"


class Handler(SimpleHTTPRequestHandler):
    """Files with byte ranges, as object stores give them, and some misbehaviour by path.

    `/never…` does not answer, `/drip` does so byte by byte, `/sent` says how many bytes of files
    were sent, and a POST to a file answers with the file's text.
    """

    sent: ClassVar[list[int]] = []

    def do_GET(self) -> None:
        if self.path.startswith("/never"):
            time.sleep(60)
        elif self.path.startswith("/drip"):
            self._drip()
        elif self.path == "/sent":
            self._answer(200, str(sum(self.sent)).encode())
        else:
            self._file()

    def do_HEAD(self) -> None:
        if self.path.startswith("/never"):
            time.sleep(60)
        super().do_HEAD()

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"]))
        Path(self.translate_path("/asked.json")).write_bytes(asked)
        self._answer(200, Path(self.translate_path(self.path)).read_bytes())

    def _file(self) -> None:
        wanted = self.headers.get("Range")
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = data[int(first) : int(last or len(data)) + 1]
        self.sent.append(len(part))
        of = f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}"
        self._answer(206, part, {"Content-Range": of})

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        for _ in range(600):
            self.wfile.write(b" ")
            time.sleep(0.05)

    def log_message(self, *words: Any) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port of loopback; gives the server's URL."""
    command = [sys.executable, "-m", "tests.staccatalog", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def sent(url: str) -> int:
    """Return how many bytes of files a server has sent in answer to ranges."""
    with urllib.request.urlopen(f"{url}/sent") as answer:
        return int(answer.read())


def main(folder: str) -> None:
    """Serve until killed; prints the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=folder))
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
