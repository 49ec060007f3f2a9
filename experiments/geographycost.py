"""What geography costs: milliseconds for a tile, by layer and drawn, and memory that it holds.

Layers are timed as a tile asks for them, 256 x 256 pixels, once when nothing of the place has been
read, and again. Drawing is timed as the cascade draws, a block of four tiles at once. Times are the
processor's for this thread, so that what else the machine does counts little.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from experiments.geographyplaces import WorldPair, coasts, square_of
from generator.base.basemap import BaseMap
from generator.cascade.cascade import Cascade
from generator.geography.geography import Geography
from generator.geography.opening import open_geography
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import BASE_ZOOM, SCALE, TILE_SIZE, Tile, tile_at
from generator.memory.config import WINDOW
from training.measure.report import markdown
from training.progress import track

ZOOMS = tuple(range(7, 16))
KINDS = ("land", "coast", "city")
MEMORY_TILES = 2000
ASKED_MS, ASKED_MIB = 3.0, 60.0

Ask = Callable[[int, Rectangle], object]

_AGAIN = 3
"""How often a layer is asked for a tile again; the median is taken."""

_CORE = 2 * TILE_SIZE // SCALE
"""Parent pixels along a block's core."""

_CITIES = (
    (2.35, 48.86), (-0.12, 51.5), (139.75, 35.68), (-74.0, 40.71), (-118.2, 34.05), (77.2, 28.61),
    (121.47, 31.23), (-46.63, -23.55), (31.24, 30.04), (37.62, 55.75), (28.04, -26.2), (3.38, 6.52),
    (-99.13, 19.43), (151.2, -33.87), (100.5, 13.75), (106.85, -6.2), (-58.4, -34.6), (13.4, 52.52),
)  # fmt: skip
"""Longitude and latitude."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Milliseconds of one tile at one zoom, by what they go to; kind: land, coast or city.

    cold: of all layers, where nothing of the place was read before; warm: by layer, again; drawing:
    by step, a quarter of a block's; empty where the zoom has no stage.
    """

    kind: str
    zoom: int
    cold: float
    warm: dict[str, float]
    drawing: dict[str, float]


@dataclass(frozen=True, slots=True)
class Held:
    """MiB that layers hold, opened and after tiles were asked for."""

    tiles: int
    opened: float
    used: float
    peak: float


def measure(worlds: WorldPair, count: int, seed: int) -> list[LayerCost]:
    """Time `count` tiles of land, coasts and cities, each at a zoom from 7 to 15 in turn."""
    cascade = worlds.cascades["geography"]
    places = list(_places(worlds, cascade.basemap, count, seed))
    # Each tile is a place of its own, in layers that were just opened.
    fresh = open_geography(None, None) or worlds.geography
    return [_timed(cascade, fresh, kind, tile) for kind, tile in track(places, "tiles")]


def layers_of(geography: Geography) -> dict[str, Ask]:
    """Return what gives shares, or figures, of a rectangle of a zoom, by name."""
    found: dict[str, Ask] = {}
    for name, layer in (("water", geography.water), ("rivers", geography.rivers)):
        if layer is not None:
            found[name] = layer.shares
    for number, road in enumerate(geography.roads):
        found[("roads", "rail")[number] if number < 2 else f"roads {number}"] = road.shares
    if geography.ground is not None:
        figures = geography.ground.figures

        def ground(zoom: int, area: Rectangle) -> object:
            # As the layout memory asks: sites 4 pixels apart.
            ys, xs = (np.arange(at, at + TILE_SIZE, 4) for at in (area.y0, area.x0))
            rows, columns = np.meshgrid(ys, xs, indexing="ij")
            return figures(zoom, rows.ravel(), columns.ravel(), WINDOW)

        found["ground"] = ground
    if geography.parcels is not None:
        found["fields"] = geography.parcels.overlay
    if geography.streets is not None:
        found["streets"] = geography.streets.shares
    if geography.blocks is not None:
        found["blocks"] = geography.blocks.overlay
    return found


def memory(seed: int, tiles: int = MEMORY_TILES) -> Held:
    """Open the Earth's layers and ask for tiles of all zooms, all over the Earth."""
    rng = np.random.default_rng([seed, 19])
    tracemalloc.start()
    geography = open_geography(None, None)
    assert geography is not None
    opened = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for number in track(range(tiles), "memory: tiles"):
        zoom = ZOOMS[number % len(ZOOMS)]
        longitude, latitude = _CITIES[number % len(_CITIES)]
        if number % 2:
            longitude, latitude = rng.uniform(-180, 180), rng.uniform(-55, 70)
        tile = tile_at(longitude + rng.normal(), latitude + rng.normal(), zoom)
        for ask in layers_of(geography).values():
            ask(zoom, square_of(tile))
    used, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Held(tiles, *(number / (1 << 20) for number in (opened, used, peak)))


def _places(
    worlds: WorldPair, basemap: BaseMap, count: int, seed: int
) -> Iterator[tuple[str, Tile]]:
    """Yield kinds and tiles, kinds and zooms taking turns."""
    rng = np.random.default_rng([seed, 20])
    shores = coasts(worlds.water, basemap, min(count, 30), seed)
    for number in range(count):
        kind = KINDS[number % 3]
        zoom = ZOOMS[number // 3 % len(ZOOMS)]
        if kind == "coast":
            yield kind, _within(shores[number % len(shores)], zoom, rng)
        elif kind == "city":
            longitude, latitude = _CITIES[number // 3 % len(_CITIES)]
            yield kind, tile_at(longitude + rng.normal() / 20, latitude, zoom)
        else:
            yield kind, _land(worlds, zoom, rng)


def _land(worlds: WorldPair, zoom: int, rng: np.random.Generator) -> Tile:
    """Return a tile of a place without any water in zoom 9's tile."""
    while True:
        tile = tile_at(rng.uniform(-180, 180), rng.uniform(-50, 65), 15)
        if worlds.water.shares(9, square_of(tile.parent(6))) is None:
            return tile.parent(15 - zoom)


def _within(shore: Tile, zoom: int, rng: np.random.Generator) -> Tile:
    if zoom <= shore.z:
        return shore.parent(shore.z - zoom)
    parts = 1 << (zoom - shore.z)
    x, y = (int(part) for part in rng.integers(0, parts, 2))
    return Tile(zoom, shore.x * parts + x, shore.y * parts + y)


def _timed(cascade: Cascade, geography: Geography, kind: str, tile: Tile) -> LayerCost:
    """Time one tile."""
    area, layers = square_of(tile), layers_of(geography)
    cold = sum(_milliseconds(ask, tile.z, area) for ask in layers.values())
    warm = {
        name: median([_milliseconds(ask, tile.z, area) for _ in range(_AGAIN)])
        for name, ask in layers.items()
    }
    drawing = {}
    if tile.kind == "stage":
        runs = [_drawn(cascade, geography, tile) for _ in range(_AGAIN)]
        drawing = {name: median(run[name] for run in runs) / 4 for name in runs[0]}
    return LayerCost(kind, tile.z, cold, warm, drawing)


def _drawn(cascade: Cascade, geography: Geography, tile: Tile) -> dict[str, float]:
    """Time what the cascade does for the block of a tile, in milliseconds."""
    zoom = tile.z - 2
    core = Rectangle(tile.x // 2 * _CORE, tile.y // 2 * _CORE, _CORE, _CORE)
    area = core.grown(cascade.margin)
    # The choice of layouts looks at the same zoom's ground, but at 13, and further.
    seen = area
    if cascade.memory is not None and cascade.memory.chosen_at(tile.z) == tile.z:
        seen = cascade.memory.reads(tile.z, cascade.drawn_from(Block.of(tile)))
    around = seen.grown(geography.reach)
    pixels = _sea_and_land(geography, zoom, around)
    child = np.full((2 * TILE_SIZE, 2 * TILE_SIZE, 3), 90, np.uint8)

    def read(part: Rectangle) -> Pixels:
        y, x = part.y0 - around.y0, part.x0 - around.x0
        return pixels[y : y + part.height, x : x + part.width]

    start = time.thread_time()
    ground = geography.parent_ground(zoom, seen, read, zoom <= BASE_ZOOM).part(area)
    between = time.thread_time()
    overlay = geography.overlay(tile.z, core.finer(SCALE))
    geography.completed(tile.z, core, child, ground, overlay)
    end = time.thread_time()
    return {"taken apart": 1000 * (between - start), "laid over": 1000 * (end - between)}


def _sea_and_land(geography: Geography, zoom: int, area: Rectangle) -> Pixels:
    """Return a parent whose water is blue and whose land is not."""
    shares = None if geography.water is None else geography.water.shares(zoom, area)
    pixels = np.full((area.height, area.width, 3), (90, 85, 60), np.uint8)
    if shares is not None:
        pixels[shares >= 128] = (10, 30, 70)
    return pixels


def _milliseconds(ask: Ask, zoom: int, area: Rectangle) -> float:
    start = time.thread_time()
    ask(zoom, area)
    return 1000 * (time.thread_time() - start)


def table(rows: list[LayerCost], held: Held) -> str:
    """Return medians and 95th percentiles by zoom and by kind of place, and a line on memory."""
    names = list(rows[0].warm)
    steps = ("taken apart", "laid over")
    groups = [(f"zoom {zoom}", [row for row in rows if row.zoom == zoom]) for zoom in ZOOMS]
    groups += [
        (kind, [row for row in rows if row.kind == kind]) for kind in ("land", "coast", "city")
    ]
    groups.append(("all", rows))
    lines = []
    for name, some in groups:
        if not some:
            continue
        totals = [sum(row.warm.values()) for row in some]
        line = [name, str(len(some)), *(_spread([row.warm[one] for row in some]) for one in names)]
        line += [_spread(totals), _spread([row.cold for row in some])]
        staged = [row for row in some if row.drawing]
        line += [_spread([row.drawing[step] for row in staged]) if staged else "" for step in steps]
        lines.append(line)
    columns = ["ms per tile", "tiles", *names, "all layers", "all, first time", *steps]
    return (
        f"{markdown(columns, lines)}\n\n"
        f"Median (95th percentile) of the processor's time; {ASKED_MS:.0f} ms are asked of all "
        f"layers. They hold {held.opened:.1f} MiB when opened, {held.used:.1f} after {held.tiles} "
        f"tiles and {held.peak:.1f} at most; {ASKED_MIB:.0f} MiB are asked."
    )


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.2f} ({np.percentile(values, 95):.2f})"
