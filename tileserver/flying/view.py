"""What a camera that looks straight down sees: which zooms, which tiles, which part of them.

The camera shows Web Mercator with north up, as the map page does; its frame's longer side spans as
many metres of ground as the camera is high (a 36 mm lens on 36 mm film).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from generator.grid.tile import MAX_ZOOM, TILE_SIZE
from tileserver.regions.tilewindow import TileWindow

FADE = 0.5
"""Octaves of altitude over which one zoom gives way to the next."""

_SUPPORT = 2.0
"""Pixels that the cubic filter reaches to either side, of the coarser picture."""

Size = tuple[int, int]
"""Width and height of a frame in pixels."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Where a frame lies: column and row of its centre and how large the world is in it.

    x, y: shares of the Web Mercator map from its north-western corner; x goes on beyond 0 and 1.
    scale: frame pixels that the whole map would be wide.
    """

    x: float
    y: float
    scale: float

    @property
    def level(self) -> float:
        """Return the zoom, a fraction, whose tiles have pixels as large as the frame's."""
        return math.log2(self.scale / TILE_SIZE)


def layers(level: float, max_zoom: int = MAX_ZOOM) -> tuple[tuple[int, float], ...]:
    """Return the zooms that a frame is drawn from with their weights, which add up to 1.

    No tile's pixel is larger than the frame's, as far as there are zooms: the next one fades in
    while the camera sinks towards where it would be, and is there alone when that is reached.
    max_zoom: the finest that there is.
    """
    zoom = min(max(math.ceil(level), 0), max_zoom)
    share = min(max((level - zoom + FADE) / FADE, 0.0), 1.0)
    share = share * share * (3 - 2 * share)
    if zoom == max_zoom or share == 0.0:
        return ((zoom, 1.0),)
    if share == 1.0:
        return ((zoom + 1, 1.0),)
    return (zoom, 1.0 - share), (zoom + 1, share)


def window(camera: Camera, zoom: int, size: Size) -> TileWindow:
    """Return the tiles of a zoom that a frame of `size` is resampled from."""
    world = TILE_SIZE << zoom
    ratio = world / camera.scale
    margin = math.ceil(_SUPPORT * max(1.0, ratio)) + 1
    spans, edges = [], []
    for centre, length in ((camera.x, size[0]), (camera.y, size[1])):
        low, high = centre * world - length * ratio / 2, centre * world + length * ratio / 2
        first, last = (low - margin) // TILE_SIZE, (high + margin) // TILE_SIZE
        spans.append(range(int(first), int(last) + 1))
        edges.append((low, high))
    columns, rows = spans[0], spans[1][:]
    rows = range(max(rows.start, 0), min(rows.stop, 1 << zoom))
    left, top = columns.start * TILE_SIZE, rows.start * TILE_SIZE
    height = len(rows) * TILE_SIZE
    upper, lower = max(edges[1][0] - top, 0.0), min(edges[1][1] - top, float(height))
    box = edges[0][0] - left, upper, edges[0][1] - left, lower
    return TileWindow(zoom, columns, rows, box)
