"""Measures how fast a server process hands out stored tiles: against nginx, and while it is busy.

The server is this program's own, `serve` on a cache of its own; nginx, where it is installed,
serves the same bytes as a file with one worker. Rounds alternate, so that what else the machine
does falls on both; ratios are of the medians.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from generator.tile import TILE_SIZE, Tile
from tileserver.cache import TileCache
from tileserver.encode import encode_png
from tileserver.errors import StartError
from tileserver.webload import Load, client, load

Report = dict[str, Any]

TILE = Tile(7, 64, 43)
TILE_BYTES = 20_000
ASKERS = 8
"""Clients that keep asking for tiles that are not made yet, to saturate the generator."""

_NGINX = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000;
  open_file_cache max=100; types {{ image/png png; }} {paths}
  server {{ listen 127.0.0.1:{port}; root {folder}/files; }}
}}
"""
_PATHS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def webbench(serve: list[str] | None = None, quick: bool = False) -> Report:
    """Measure everything; return plain numbers by name.

    serve: the command that starts the server, to which --port and --cache are added. quick: fewer
    and shorter rounds. Raises StartError when the server does not start.
    """
    rounds, seconds = (1, 1.0) if quick else (5, 4.0)
    command = serve or [sys.executable, "-m", "tileserver", "serve"]
    with (
        tempfile.TemporaryDirectory(prefix="elsewhere-bench-") as folder,
        server(command, Path(folder) / "cache") as address,
        contextlib.ExitStack() as stack,
    ):
        payload = sample()
        url = store(address, Path(folder) / "cache", payload)
        sites = {"server": url}
        nginx = stack.enter_context(static(Path(folder) / "nginx", payload))
        if nginx is not None:
            sites["nginx"] = nginx
        found = alternate({name: loader(at, seconds) for name, at in sites.items()}, rounds)
        report: Report = {"client": client(), "tile_bytes": len(payload)} | found
        if nginx is not None:
            report["share_of_nginx"] = found["server"]["rate"] / found["nginx"]["rate"]
        tag = etag(url)
        report["unchanged"] = asdict(load(url, seconds, headers={"If-None-Match": tag}))
        report["busy"] = saturated(address, url, rounds, seconds)
    return report


def table(report: Report) -> str:
    """Return the report as lines for a person."""
    rows = [("load from", report["client"]), ("tile", f"{report['tile_bytes'] / 1e3:.1f} kB")]
    busy = report["busy"]
    for name, what in (
        ("stored tile", report["server"]),
        ("the same file from nginx", report.get("nginx")),
        ("stored tile, unchanged (304)", report["unchanged"]),
        ("stored tile, generator idle", busy["idle"]),
        ("stored tile, generator saturated", busy["saturated"]),
    ):
        if what is not None:
            rows.append((f"{name}, rate", f"{what['rate']:.0f}/s"))
            rows.append((f"{name}, p50 / p99", f"{what['p50_ms']:.2f} / {what['p99_ms']:.2f} ms"))
            if what["failures"]:
                rows.append((f"{name}, failures", str(what["failures"])))
    if "share_of_nginx" in report:
        rows.append(("rate, share of nginx's", f"{report['share_of_nginx']:.2f}"))
    rows.append(("rate, saturated against idle", f"{busy['rate_ratio']:.2f}"))
    rows.append(("p99, saturated against idle", f"{busy['p99_ratio']:.2f}"))
    rows.append(("tiles made while saturated", f"{busy['made']}"))
    return "\n".join(f"{name:<48}{value:>18}" for name, value in rows)


@contextlib.contextmanager
def server(command: list[str], cache: Path, patience: float = 120.0) -> Iterator[str]:
    """Start a server on a cache and a free port; give its address, without "/" at the end."""
    command = [*command, "--port", "0", "--host", "127.0.0.1", "--cache", str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        stop = threading.Timer(patience, process.kill)
        stop.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("Elsewhere is at "):
                raise StartError(f"the server did not start within {patience:g} s: {line.strip()}")
            address = line.split()[3].rstrip("/").replace("localhost", "127.0.0.1")
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


def store(address: str, path: Path, payload: bytes) -> str:
    """Put a tile into the cache of a running server, and return its URL."""
    wait(lambda: status(f"{address}/0/0/0.png") == 200, 30)
    cache = TileCache.open(path)
    try:
        wait(lambda: bool(cache.worlds()), 30)
        (world,) = cache.worlds()
        cache.put_many(world, [(TILE, payload)])
    finally:
        cache.close()
    return f"{address}/{TILE}.png"


def sample(size: int = TILE_BYTES) -> bytes:
    """Return a tile's PNG of about `size` bytes: smooth land with as much noise as that takes."""
    random = np.random.default_rng(0)
    wave = np.sin(np.linspace(0, 3, TILE_SIZE))
    land = (96 + 48 * wave[:, None] * wave[None])[..., None] * (0.8, 1.0, 0.7)
    noise = random.standard_normal((TILE_SIZE, TILE_SIZE, 1))
    low, high, png = 0.0, 32.0, b""
    for _ in range(12):
        middle = (low + high) / 2
        png = encode_png(np.clip(land + middle * noise, 0, 255).astype(np.uint8))
        low, high = (middle, high) if len(png) < size else (low, middle)
    return png


@contextlib.contextmanager
def static(folder: Path, payload: bytes) -> Iterator[str | None]:
    """Start nginx on a file, and give its URL; None where it is not installed."""
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


def loader(url: str, seconds: float) -> Callable[[], Load]:
    """Return a measurement of a URL."""
    return lambda: load(url, seconds)


def alternate(measures: dict[str, Callable[[], Load]], rounds: int) -> dict[str, dict[str, float]]:
    """Take all measurements in turn, several times; return the medians by name."""
    taken: dict[str, list[Load]] = {name: [] for name in measures}
    for measure in measures.values():
        measure()  # to warm up
    for _ in range(rounds):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: median(loads) for name, loads in taken.items()}


def median(loads: list[Load]) -> dict[str, float]:
    """Return the medians of several measurements, and the sum of their failures."""
    rows = [asdict(item) for item in loads]
    found = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    return found | {"failures": sum(row["failures"] for row in rows)}


def saturated(address: str, url: str, rounds: int, seconds: float) -> Report:
    """Measure a stored tile while nothing is made and while as much as possible is, in turn."""
    seekers = Seekers(address)

    def busy() -> Load:
        with seekers:
            return load(url, seconds)

    measures = {"idle": loader(url, seconds), "saturated": busy}
    found: Report = dict(alternate(measures, rounds))
    idle, full = found["idle"], found["saturated"]
    return found | {
        "rate_ratio": full["rate"] / idle["rate"] if idle["rate"] else 0.0,
        "p99_ratio": full["p99_ms"] / idle["p99_ms"] if idle["p99_ms"] else 0.0,
        "made": seekers.made,
    }


class Seekers:
    """Clients that ask for one tile after the other that nobody has seen, while it is entered."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.made = 0
        self._next = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> None:
        """Start them, and wait until the first tile is made."""
        self._stop.clear()
        before = self.made
        self._threads = [threading.Thread(target=self._seek, daemon=True) for _ in range(ASKERS)]
        for thread in self._threads:
            thread.start()
        wait(lambda: self.made > before, 60)

    def __exit__(self, *error: object) -> None:
        """Stop them, and wait until the generator has nothing left to do for them."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _seek(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                number, self._next = self._next, self._next + 1
            column, row = 8192 + 64 * (number % 128), 8192 + 64 * (number // 128)
            if status(f"{self.address}/15/{column}/{row}.png") == 200:
                with self._lock:
                    self.made += 1
            else:
                self._stop.wait(0.1)


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


if __name__ == "__main__":
    print(json.dumps(webbench(quick="--quick" in sys.argv), indent=2))
