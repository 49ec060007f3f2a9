"""Archives of the fake world for tests, and a file server that answers range requests."""

from __future__ import annotations

import http.server
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

from generator.grid.tile import Tile
from tests.fakes import FakeRenderer, draw
from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.pmtilesfile import PmtilesFile
from tileserver.encode import encode, encode_png
from tileserver.encoding import ENCODINGS
from tileserver.regions.tileid import tile_id

TILES = tuple(Tile(z, x, y) for z in range(4) for x in range(1 << z) for y in range(1 << z))


def write_archive(
    path: Path,
    tiles: Iterable[Tile] = TILES,
    format: str = "png",
    seed: int = 0,
    world: bytes | None = None,
) -> dict[Tile, bytes]:
    """Write tiles of the fake base map to a PMTiles archive; return them."""
    held = FakeRenderer().fingerprint(seed) if world is None else world
    written = {tile: payload(tile, format, seed) for tile in sorted(tiles, key=tile_id)}
    zooms = tuple(sorted({tile.z for tile in written}))
    about = ArchiveMetadata("", "", "", format, (-180, -85, 180, 85), zooms, seed, held)
    with closing(PmtilesFile(path, about)) as file:
        for tile, data in written.items():
            file.add(tile, data)
        file.finish()
    return written


def payload(tile: Tile, format: str = "png", seed: int = 0) -> bytes:
    """Return a tile of the fake base map as the server sends it."""
    pixels = draw(seed, tile)
    return encode_png(pixels) if format == "png" else encode(pixels, ENCODINGS[format, 1])


class RangeHandler(http.server.BaseHTTPRequestHandler):
    """Answers range requests for the files of a folder, in a way that tests may change.

    status, headers: what is answered instead of what is right. asked: the ranges so far.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: ClassVar[Path]
    asked: ClassVar[list[str]]
    status: ClassVar[int] = 0
    headers_instead: ClassVar[dict[str, str]] = {}
    broken: ClassVar[bool] = False

    def do_GET(self) -> None:
        data = (self.folder / self.path.partition("?")[0].strip("/")).read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"])
        assert found is not None
        type(self).asked.append(self.headers["range"])
        first, last = int(found[1]), min(int(found[2]), len(data) - 1)
        body = b"" if self.status else data[first : last + 1]
        headers = {
            "content-range": f"bytes {first}-{last}/{len(data)}",
            "etag": f'"{hash(data)}"',
            "last-modified": "Sun, 06 Nov 1994 08:49:37 GMT",
            "content-length": str(len(body)),
            **self.headers_instead,
        }
        self.send_response(self.status or 206)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.broken else body)
        self.close_connection = self.broken

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class QuietServer(http.server.ThreadingHTTPServer):
    """Says nothing of clients that leave."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing."""


@contextmanager
def file_server(folder: Path) -> Iterator[tuple[str, type[RangeHandler]]]:
    """Serve a folder; give its URL and the handler, to be changed by the test."""
    handler = type("Handler", (RangeHandler,), {"folder": folder, "asked": []})
    with QuietServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", handler
        finally:
            server.shutdown()
