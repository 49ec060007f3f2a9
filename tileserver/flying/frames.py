"""Draws frames: cut out of the mosaic of a zoom's tiles, resampled in one step, zooms blended."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from generator.cascade.renderer import PixelCache
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile, latitude_of
from tileserver.flying.blend import fade
from tileserver.flying.flight import Flight
from tileserver.flying.view import window
from tileserver.regions.hilbert import Numbers, places_of
from tileserver.regions.region import ACROSS, INSIDE, OUTSIDE, Box, Kinds, Region

_KEPT_TILES = 1024
"""Tiles kept from frame to frame: 192 MiB."""


class FrameRenderer:
    """Draws the frames of a flight. read: returns a tile's pixels, uint8 [256, 256, 3]."""

    def __init__(self, flight: Flight, read: Callable[[Tile], Pixels]) -> None:
        self._flight = flight
        self._read = read
        self._kept = PixelCache(_KEPT_TILES)

    def frame(self, number: int) -> Pixels:
        """Return a frame, uint8 [height, width, 3]; it depends on the flight and the tiles only."""
        camera, size = self._flight.camera(number), self._flight.plan.size
        pictures = [
            (window(camera, zoom, size).picture(size, self._pixels), weight)
            for zoom, weight in self._flight.layers(number)
        ]
        if len(pictures) == 1:
            return pictures[0][0]
        (under, _), (over, weight) = pictures
        return fade(under, over, weight)

    def _pixels(self, tile: Tile) -> Pixels:
        if tile not in self._kept:
            self._kept.put(tile, self._read(tile))
        return self._kept[tile]


class FlightShape:
    """The tiles that a flight sees, as a shape to cut a region from.

    zooms: those that are seen. bbox: round the whole flight, west > east across the dateline.
    """

    def __init__(self, flight: Flight) -> None:
        seen: dict[int, set[tuple[int, int]]] = {}
        for zoom, columns, rows in _rectangles(flight):
            across = 1 << zoom
            wrapped = {x % across for x in columns}
            seen.setdefault(zoom, set()).update((x, y) for x in wrapped for y in rows)
        self.name = f"a flight of {flight.frames:,} frames"
        self.bbox = _bounds(flight)
        self._places = {zoom: _sorted(zoom, found) for zoom, found in sorted(seen.items())}

    @property
    def zooms(self) -> tuple[int, ...]:
        """Return the zooms that are seen, rising."""
        return tuple(self._places)

    def relate(self, zoom: int, cells: int, x: Numbers, y: Numbers) -> Kinds:
        """Return how cells of a zoom lie to the flight."""
        first = places_of(zoom - cells, x, y) << 2 * cells
        stop = first + (1 << 2 * cells)
        places = self._places[zoom]
        count = np.searchsorted(places, stop) - np.searchsorted(places, first)
        kinds = np.where(count == 0, OUTSIDE, np.where(count == stop - first, INSIDE, ACROSS))
        return kinds.astype(np.int8)


def region(flight: Flight) -> Region:
    """Return all tiles that a flight is drawn from."""
    shape = FlightShape(flight)
    return Region(shape, shape.zooms)


def _rectangles(flight: Flight) -> Iterator[tuple[int, range, range]]:
    """Yield zoom, columns and rows of what each frame sees, but for repetitions."""
    last: set[tuple[int, range, range]] = set()
    for number, camera in enumerate(flight):
        views = [window(camera, zoom, flight.plan.size) for zoom, _ in flight.layers(number)]
        now = {(view.zoom, view.columns, view.rows) for view in views}
        yield from now - last
        last = now


def _sorted(zoom: int, tiles: Iterable[tuple[int, int]]) -> Numbers:
    x, y = np.array(sorted(tiles), np.int64).T
    return np.unique(places_of(zoom, x, y))


def _bounds(flight: Flight) -> Box:
    """Return the box round all that the frames show, in degrees."""
    width, height = flight.plan.size
    edges = np.array(
        [
            (c.x - width / c.scale / 2, c.y + height / c.scale / 2,
             c.x + width / c.scale / 2, c.y - height / c.scale / 2)
            for c in flight
        ]
    )  # fmt: skip
    west, east = float(edges[:, 0].min()), float(edges[:, 2].max())
    south, north = float(edges[:, 1].max()), float(edges[:, 3].min())
    low, high = latitude_of(south, 1), latitude_of(north, 1)
    if east - west >= 1:
        return -180.0, low, 180.0, high
    return (west % 1) * 360 - 180, low, (east % 1) * 360 - 180, high
