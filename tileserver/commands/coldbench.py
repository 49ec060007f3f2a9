"""Measures what a user feels on this machine: cold tiles, a page view, warm tiles, and why."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator.grid.block import Block
from generator.grid.tile import COMMON_STAGE_ZOOMS, Tile, tile_at
from tileserver.cache.tilecache import TileCache
from tileserver.rendering.batch import BatchRenderer
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.results import ResultStore
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade
    from generator.cascade.renderer import Renderer

PLACES = {
    "Paris": (2.35, 48.86),
    "Nile delta": (31.0, 30.9),
    "Iowa": (-93.6, 42.0),
    "Congo": (22.0, 0.5),
    "Andes": (-70.0, -32.6),
}
"""Longitude and latitude of where cold tiles are made."""

DEEPEST = COMMON_STAGE_ZOOMS[-1]
"""Zoom of the tiles that are timed: all weights serve it, so that figures compare."""

PAGE = (6, 4)
PAGE_ZOOMS = (13, 6)
BLOCK = 8
RUNS = 3
"""Squares of neighbours, each from an empty cache, of which the median counts."""
CACHE_BYTES = 1 << 28

Report = dict[str, Any]


def bench(cascade: Cascade, seed: int = 0, quick: bool = False) -> Report:
    """Measure everything, from empty caches of its own; return plain numbers by name.

    quick: one place and a smaller block, for a first idea within seconds.
    """
    places = list(PLACES.values())[: 1 if quick else None]
    with cold(cascade, seed) as maker:  # the first tile also pays for what is made only once
        maker.make([tile_at(0.0, 0.0, DEEPEST)])
    report: Report = {"model": cascade.describe(), "machine": machine()}
    report["cold_tile_s"] = statistics.median(cold_tile(cascade, seed, *at) for at in places)
    # The first of these runs computes turned layouts that a server keeps from then on.
    report["neighbours_per_s"] = statistics.median(
        neighbours(cascade, seed, 4 if quick else BLOCK) for _ in range(1 if quick else RUNS)
    )
    report["page_view_s"] = {
        zoom: page_view(cascade, seed, zoom) for zoom in PAGE_ZOOMS[: 1 if quick else None]
    }
    report["warm_tile_ms"] = warm_tile(cascade, seed)
    report |= network_rate(cascade, seed, *places[0])
    report["peak_memory_mib"] = peak_memory()
    return report


class Requests:
    """Requests of one world to a server's engine, all of a list at once, as a map makes them."""

    def __init__(self, engine: RenderEngine, cache: TileCache, seed: int) -> None:
        self.engine, self.cache, self.seed = engine, cache, seed

    def make(self, tiles: list[Tile]) -> None:
        """Have tiles made, and wait for the bytes of all."""
        options = RequestOptions(free=True)
        answers = [self.engine.request((self.seed, tile), options) for tile in tiles]
        for answer in answers:
            answer.result()


@contextmanager
def cold(renderer: Renderer, seed: int) -> Iterator[Requests]:
    """Give an engine with an empty cache on disk, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="elsewhere-bench-") as folder:
        cache, metrics = TileCache.open(Path(folder), CACHE_BYTES), Metrics()
        engine = RenderEngine(renderer, ResultStore(cache, metrics, renderer), metrics)
        try:
            yield Requests(engine, cache, seed)
        finally:
            engine.close()
            cache.close()


def cold_tile(renderer: Renderer, seed: int, longitude: float, latitude: float) -> float:
    """Return the seconds from an empty cache to the bytes of a zoom-15 tile."""
    with cold(renderer, seed) as maker:
        return timed(maker, [tile_at(longitude, latitude, DEEPEST)])


def neighbours(renderer: Renderer, seed: int, size: int) -> float:
    """Return the tiles per second of a square around a zoom-15 tile that is there already."""
    with cold(renderer, seed) as maker:
        first = tile_at(*PLACES["Paris"], DEEPEST)
        timed(maker, [first])
        block = rectangle(first, size, size)
        return (len(block) - 1) / timed(maker, block)


def page_view(renderer: Renderer, seed: int, zoom: int) -> float:
    """Return the seconds from an empty cache until all tiles of a first view are there."""
    with cold(renderer, seed) as maker:
        return timed(maker, rectangle(tile_at(*PLACES["Paris"], zoom), *PAGE))


def warm_tile(renderer: Renderer, seed: int, repeats: int = 300) -> float:
    """Return the median milliseconds to read one stored tile and check its digest."""
    with cold(renderer, seed) as maker:
        tile = tile_at(*PLACES["Paris"], 7)
        timed(maker, [tile])
        # Closed, it has stored what it answered.
        maker.engine.close()
        world, spent = renderer.fingerprint(seed), []
        for _ in range(repeats):
            started = time.perf_counter()
            maker.cache.get(world, tile)
            spent.append(time.perf_counter() - started)
    return statistics.median(spent) * 1e3


def network_rate(cascade: Cascade, seed: int, longitude: float, latitude: float) -> Report:
    """Return milliseconds per network tile, its GFLOP/s, and the share of a matrix product's.

    Where layouts are chosen, their milliseconds too, beside the network's and not among them.
    """
    from generator.cascade.probe import gflop_per_tile, matrix_rate

    maker = BatchRenderer(cascade, seed)
    around = rectangle(tile_at(longitude, latitude, DEEPEST), 2, 2)
    for tile in around:
        maker.make(tile)
    stages = [maker.cost[zoom] for zoom in COMMON_STAGE_ZOOMS]
    seconds = sum(cost.compute for cost in stages) / sum(cost.tiles for cost in stages)
    report: Report = {"layouts_tile_ms": None}
    if getattr(cascade, "memory", None) is not None:
        choosing = layout_choice(cascade, maker, around[0])
        seconds -= choosing
        report["layouts_tile_ms"] = choosing * 1e3
    report["network_tile_ms"] = seconds * 1e3
    model = cascade.describe()
    precision = str(model.get("precision", "float32"))
    report["gflop_per_tile"] = gflop_per_tile(cascade)
    report["network_gflops"] = report["gflop_per_tile"] / seconds
    report["matrix_gflops"] = matrix_rate(precision, str(model.get("device", "cpu")))
    report["share_of_matrix"] = report["network_gflops"] / report["matrix_gflops"]
    return report


def layout_choice(cascade: Cascade, maker: BatchRenderer, tile: Tile) -> float:
    """Return the seconds per tile that the choice of layouts takes, the mean over the stages.

    tile: a zoom-15 tile that `maker` has made with its ancestors.
    """
    spent = []
    for zoom in COMMON_STAGE_ZOOMS:
        block = Block.of(tile.parent(tile.z - zoom) if zoom < tile.z else tile)
        started = time.perf_counter()
        cascade.chosen(maker.seed, block, maker.pixels)
        spent.append((time.perf_counter() - started) / len(block.top.children()))
    return statistics.mean(spent)


def timed(maker: Requests, tiles: list[Tile]) -> float:
    """Have the tiles made; return the seconds."""
    started = time.perf_counter()
    maker.make(tiles)
    return time.perf_counter() - started


def rectangle(tile: Tile, width: int, height: int) -> list[Tile]:
    """Return the tiles of a rectangle that holds `tile` near its middle, inside the map."""
    last = 1 << tile.z
    left = max(0, min(tile.x - width // 2, last - width))
    top = max(0, min(tile.y - height // 2, last - height))
    return [Tile(tile.z, left + x, top + y) for y in range(height) for x in range(width)]


def machine() -> Report:
    """Return what the numbers were measured on."""
    return {"cores": os.cpu_count(), "processor": platform.machine(), "system": platform.system()}


def peak_memory() -> float:
    """Return the most memory this process ever held, in MiB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def table(report: Report) -> str:
    """Return the report as lines for people."""
    model, on = report["model"], report["machine"]
    rows = [
        ("machine", f"{on['cores']} cores, {on['processor']}"),
        ("device, precision", f"{model.get('device')}, {model.get('precision')}"),
        ("zoom-15 tile, empty cache, with what it needs", f"{report['cold_tile_s']:.2f} s"),
        ("its neighbours", f"{report['neighbours_per_s']:.1f} tiles/s"),
        *(
            (f"first view of {PAGE[0] * PAGE[1]} tiles, zoom {zoom}", f"{seconds:.2f} s")
            for zoom, seconds in report["page_view_s"].items()
        ),
        ("stored tile, read and checked", f"{report['warm_tile_ms']:.3f} ms"),
        *(
            [("layouts chosen, one tile", f"{report['layouts_tile_ms']:.1f} ms")]
            if report["layouts_tile_ms"] is not None
            else []
        ),
        ("network, one tile", f"{report['network_tile_ms']:.0f} ms"),
        ("network, work per tile", f"{report['gflop_per_tile']:.1f} GFLOP"),
        ("network, rate", f"{report['network_gflops']:.0f} GFLOP/s"),
        ("plain matrix product", f"{report['matrix_gflops']:.0f} GFLOP/s"),
        ("share of the matrix product's rate", f"{report['share_of_matrix']:.0%}"),
        ("peak resident memory", f"{report['peak_memory_mib']:.0f} MiB"),
    ]
    return "\n".join(f"{name:<48}{value:>18}" for name, value in rows)
