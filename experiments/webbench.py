"""Measures how fast a server process hands out stored tiles: against nginx, and while it is busy.

The server is this program's own, `serve` on a cache of its own; nginx, where it is installed,
serves the same bytes as a file with one worker. Rounds alternate, so that what else the machine
does falls on both; ratios are of the medians.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from experiments.benchservers import (
    MANY,
    TILE,
    etag,
    fresh,
    many,
    sample,
    server,
    static,
    status,
    store,
    wait,
    write_archive,
)
from experiments.webload import Load, client, load
from generator.grid.tile import Tile

Report = dict[str, Any]

ASKERS = 8
"""Clients that keep asking for tiles that are not made yet, to saturate the generator."""


def webbench(serve: list[str] | None = None, quick: bool = False, seed: int = 0) -> Report:
    """Measure everything; return plain numbers by name.

    serve: the command that starts the server, to which --port and --cache are added. quick: fewer
    and shorter rounds. seed: of the server's world. Raises StartError when a server does not start.
    """
    rounds, seconds = (1, 1.0) if quick else (5, 4.0)
    command = serve or [sys.executable, "-m", "tileserver", "serve"]
    with fresh(command) as (address, cache), contextlib.ExitStack() as stack:
        payload, url = sample(), f"{address}/{TILE}.png"
        tiles = many(payload)
        store(address, cache, {TILE: payload, **tiles})
        sites = {"server": url}
        nginx = stack.enter_context(static(cache.parent / "nginx", payload))
        if nginx is not None:
            sites["nginx"] = nginx
        found = alternate({name: loader(at, seconds) for name, at in sites.items()}, rounds)
        report: Report = {"client": client(), "tile_bytes": len(payload)} | found
        if nginx is not None:
            report["share_of_nginx"] = found["server"]["rate"] / found["nginx"]["rate"]
        tag = etag(url)
        report["unchanged"] = asdict(load(url, seconds, headers={"If-None-Match": tag}))
        write_archive(cache.parent / "many.pmtiles", tiles, seed)
        archived = [*command, "--archive", str(cache.parent / "many.pmtiles"), "--archive-only"]
        with server(archived, cache.parent / "other") as other:
            sites = {"stored": address, "archived": other}
            report["many"] = alternate(
                {name: loader(at, seconds, tiles) for name, at in sites.items()}, rounds
            )
        report["busy"] = saturated(address, url, rounds, seconds)
    return report


def table(report: Report) -> str:
    """Return the report as lines for a person."""
    rows = [("load from", report["client"]), ("tile", f"{report['tile_bytes'] / 1e3:.1f} kB")]
    busy, many = report["busy"], report["many"]
    for name, what in (
        ("stored tile", report["server"]),
        ("the same file from nginx", report.get("nginx")),
        ("stored tile, unchanged (304)", report["unchanged"]),
        (f"{MANY} stored tiles in turn", many["stored"]),
        (f"{MANY} tiles of an archive in turn", many["archived"]),
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


def loader(url: str, seconds: float, tiles: Iterable[Tile] = ()) -> Callable[[], Load]:
    """Return a measurement of a URL, or of tiles there in turn."""
    paths = [f"/{tile}.png" for tile in tiles]
    return lambda: load(url, seconds, paths=paths)


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
    requesters = TileRequesters(address)

    def busy() -> Load:
        with requesters:
            return load(url, seconds)

    measures = {"idle": loader(url, seconds), "saturated": busy}
    found: Report = dict(alternate(measures, rounds))
    idle, full = found["idle"], found["saturated"]
    return found | {
        "rate_ratio": full["rate"] / idle["rate"] if idle["rate"] else 0.0,
        "p99_ratio": full["p99_ms"] / idle["p99_ms"] if idle["p99_ms"] else 0.0,
        "made": requesters.made,
    }


class TileRequesters:
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
