"""Measures first views over HTTP, asked for as the map page asks: middle first, six at a time.

Every view is of a world that nobody has seen, so nothing of it is stored. Busy processes, where
wanted, are in sessions of their own, as other people's work on the machine is.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from generator.grid.tile import BASE_ZOOM, Tile, tile_at
from tileserver.commands.coldbench import PAGE, PLACES, rectangle
from tileserver.errors import StartError

Report = dict[str, Any]

ZOOMS = (6, 10, 13)
ROUNDS = 5
AT_ONCE = 6
"""Requests that the page has under way, as many as browsers open connections to a host."""

FIRST_SEED = 1 << 32


class ViewTimes(NamedTuple):
    """Seconds until the middle tile's parent, that tile, and all tiles of a view were there."""

    parent: float
    middle: float
    whole: float


def viewbench(address: str, rounds: int = ROUNDS, busy: int = 0) -> Report:
    """Measure a running server; return the medians by zoom, in seconds.

    address: its URL without "/" at the end. busy: how many processes compute beside it. Raises
    StartError when a tile cannot be had.
    """
    seeds = itertools.count(FIRST_SEED)
    taken: dict[int, list[ViewTimes]] = {zoom: [] for zoom in ZOOMS}
    with busy_processes(busy):
        first_view(address, next(seeds), BASE_ZOOM)  # to warm up
        load = []
        for _, zoom in itertools.product(range(rounds), ZOOMS):
            taken[zoom].append(first_view(address, next(seeds), zoom))
            load.append(os.getloadavg()[0])
    return {
        "busy": busy,
        "rounds": rounds,
        "cores": os.cpu_count(),
        "load_average": statistics.median(load),
        "views": {zoom: medians(views) for zoom, views in taken.items()},
    }


def table(report: Report) -> str:
    """Return the report as lines for a person."""
    rows = [
        ("cores; processes kept busy beside", f"{report['cores']}; {report['busy']}"),
        ("load average", f"{report['load_average']:.1f}"),
    ]
    width, height = PAGE
    for zoom, view in report["views"].items():
        what = f"zoom {zoom}, {width * height} tiles: "
        rows += [
            (what + "parent of the middle", f"{view['parent']:.2f} s"),
            (what + "middle tile", f"{view['middle']:.2f} s"),
            (what + "whole view", f"{view['whole']:.2f} s"),
        ]
    return "\n".join(f"{name:<48}{value:>18}" for name, value in rows)


def medians(views: list[ViewTimes]) -> dict[str, float]:
    """Return the median of each time."""
    return {
        name: statistics.median(getattr(view, name) for view in views) for name in ViewTimes._fields
    }


def first_view(address: str, seed: int, zoom: int) -> ViewTimes:
    """Ask for a view of a world as the page does. Raises StartError when a tile cannot be had."""
    tiles = middle_first(rectangle(tile_at(*PLACES["Paris"], zoom), *PAGE))
    came = fetch(address, seed, with_parents(tiles))
    nearest = (made_from(tiles[0]) or tiles[:1])[-1]
    middle = came[tiles[0]]
    return ViewTimes(min(came[nearest], middle), middle, max(came[tile] for tile in tiles))


def middle_first(tiles: list[Tile]) -> list[Tile]:
    """Sort the tiles of a view by their distance from its middle."""
    x, y = (statistics.mean(getattr(tile, name) for tile in tiles) for name in "xy")
    return sorted(tiles, key=lambda tile: (tile.x - x) ** 2 + (tile.y - y) ** 2)


def made_from(tile: Tile) -> list[Tile]:
    """Return the tiles over a tile that it is made from, as the page asks for them."""
    return [tile.parent(tile.z - zoom) for zoom in range(BASE_ZOOM, tile.z, 2)]


def with_parents(tiles: list[Tile]) -> list[Tile]:
    """Put before every tile what it is made from, each once."""
    return list(dict.fromkeys(each for tile in tiles for each in (*made_from(tile), tile)))


def fetch(address: str, seed: int, tiles: list[Tile]) -> dict[Tile, float]:
    """Ask for tiles in order, AT_ONCE at a time; return the seconds after which each came."""
    queue, came, failed = iter(tiles), dict[Tile, float](), list[Exception]()
    lock, started = threading.Lock(), time.perf_counter()

    def work() -> None:
        try:
            with contextlib.closing(http.client.HTTPConnection(urlsplit(address).netloc)) as to:
                while not failed:
                    with lock:
                        tile = next(queue, None)
                    if tile is None:
                        return
                    _get(to, f"/{seed}/{tile}.webp")
                    came[tile] = time.perf_counter() - started
        except (OSError, http.client.HTTPException, StartError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise StartError(f"a view of world {seed} could not be had: {failed[0]}")
    return came


def _get(connection: http.client.HTTPConnection, path: str) -> None:
    """Get a tile, again while the server is busy. Raises StartError."""
    while True:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            return
        if answer.status != 503:
            raise StartError(f"{path} was answered with status {answer.status}, expected 200")
        time.sleep(float(answer.headers.get("Retry-After", "1")))


@contextlib.contextmanager
def busy_processes(number: int) -> Iterator[None]:
    """Keep so many processes busy meanwhile; they end with this one, however it ends."""
    code = (
        "import os\nparent = os.getppid()\n"
        "while os.getppid() == parent:\n  for _ in range(10**6): pass"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
        for _ in range(number)
    ]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
