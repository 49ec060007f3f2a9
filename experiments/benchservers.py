"""What the benchmark loads: this program's server with one stored tile, and nginx with a file."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from generator.grid.tile import TILE_SIZE, Tile
from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.pmtilesfile import PmtilesFile
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png
from tileserver.errors import StartError
from tileserver.processes.supervisor import READY_LINE
from tileserver.regions.tileid import tile_id

TILE = Tile(7, 64, 43)
TILE_BYTES = 20_000
MANY = 2048
"""Tiles that are asked for in turn: more than a web process remembers (`HOT_BYTES`)."""

_NGINX = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  types {{ image/png png; }} {paths}
  server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""
_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


@contextlib.contextmanager
def server(command: list[str], cache: Path, patience: float = 120.0) -> Iterator[str]:
    """Start a server on a cache and a free port; give its address, without "/" at the end."""
    command = [*command, "--port", "0", "--host", "127.0.0.1", "--cache", str(cache)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        # In a group of its own: Ctrl-C is for this program, which then ends the server.
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, process_group=0
        ) as process,
    ):
        stop = threading.Timer(patience, process.kill)
        stop.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith(READY_LINE):
                errors.seek(0)
                last = (errors.read() or line).strip().rpartition("\n")[2]
                raise StartError(f"the server did not start within {patience:g} s: {last}")
            address = line.removeprefix(READY_LINE).strip().rstrip("/")
            wait(lambda: status(f"{address}/readyz") == 200, patience)
            stop.cancel()
            yield address
        finally:
            stop.cancel()
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextlib.contextmanager
def fresh(command: list[str]) -> Iterator[tuple[str, Path]]:
    """Start a server on an empty cache; give its address and the cache, which goes afterwards."""
    with tempfile.TemporaryDirectory(prefix="elsewhere-bench-") as folder:
        cache = Path(folder) / "cache"
        with server(command, cache) as address:
            yield address, cache


def store(address: str, path: Path, tiles: Mapping[Tile, bytes]) -> None:
    """Put tiles into the cache of a running server."""
    wait(lambda: status(f"{address}/0/0/0.png") == 200, 30)
    cache = TileCache.open(path)
    try:
        wait(lambda: bool(cache.worlds.about()), 30)
        (world,) = cache.worlds.about()
        cache.put_many(world, tiles.items())
    finally:
        cache.close()


def many(payload: bytes) -> dict[Tile, bytes]:
    """Return MANY tiles with bytes of their own: a PNG with each tile's name in it."""
    found = {}
    for number in range(MANY):
        tile = Tile(9, 256 + number % 64, 160 + number // 64)
        named = b"tEXtTitle\0" + str(tile).encode()
        chunk = struct.pack(">I", len(named) - 4) + named + struct.pack(">I", zlib.crc32(named))
        found[tile] = payload[:-12] + chunk + payload[-12:]  # before the last chunk
    return found


def write_archive(path: Path, tiles: Mapping[Tile, bytes], seed: int) -> None:
    """Write tiles of a world that nobody makes to a PMTiles archive."""
    about = ArchiveMetadata("", "", "", "png", (-180, -85, 180, 85), (9,), seed, bytes(16))
    with contextlib.closing(PmtilesFile(path, about)) as file:
        for tile in sorted(tiles, key=tile_id):
            file.add(tile, tiles[tile])
        file.finish()


def sample(size: int = TILE_BYTES) -> bytes:
    """Return a tile's PNG of about `size` bytes: land in steps with as much noise as that takes."""
    random = np.random.default_rng(0)
    wave = np.sin(np.linspace(0, 3, TILE_SIZE))
    land = (96 + 48 * wave[:, None] * wave[None]) // 12 * 12
    noise = random.standard_normal((TILE_SIZE, TILE_SIZE, 1))
    low, high, png = 0.0, 32.0, b""
    for _ in range(12):
        middle = (low + high) / 2
        pixels = (land[..., None] + middle * noise) * (0.8, 1.0, 0.7)
        png = encode_png(np.clip(pixels, 0, 255).round().astype(np.uint8))
        low, high = (middle, high) if len(png) < size else (low, middle)
    return png


@contextlib.contextmanager
def static(folder: Path, payload: bytes) -> Iterator[str | None]:
    """Start nginx on a file, and give its URL; None where it is not installed.

    It has one worker and the settings that Debian packages it with, less the access log. With
    open_file_cache, which those leave off, it was 1.1 to 1.5 times as fast in rough rounds.
    """
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        yield None
        return
    (folder / "files").mkdir(parents=True)
    (folder / "files" / "tile.png").write_bytes(payload)
    os.chmod(folder, 0o755)
    os.chmod(folder.parent, 0o755)  # its worker may run as another user
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    paths = " ".join(f"{name}_temp_path {folder}/{name};" for name in _PATHS)
    (folder / "conf").write_text(_NGINX.format(folder=folder, port=port, paths=paths))
    command = [program, "-p", str(folder), "-c", str(folder / "conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            url = f"http://127.0.0.1:{port}/tile.png"
            wait(lambda: status(url) == 200, 10)
            yield url
        finally:
            process.terminate()


def etag(url: str) -> str:
    """Return the tag of what is at a URL."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return str(answer.headers["ETag"])


def status(url: str) -> int:
    """Return the HTTP status of a URL, 0 when there is no answer."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            answer.read()
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    except OSError:
        return 0


def wait(met: Callable[[], bool], patience: float) -> None:
    """Wait until something is so. Raises StartError when it takes too long."""
    end = time.monotonic() + patience
    while not met():
        if time.monotonic() > end:
            raise StartError(f"the benchmark waited for {patience:g} s in vain")
        time.sleep(0.02)
