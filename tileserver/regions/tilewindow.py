"""A rectangle of a zoom's tiles, laid out as a picture and resampled to the part that is shown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.grid.tile import TILE_SIZE, Tile


@dataclass(frozen=True, slots=True)
class TileWindow:
    """A rectangle of a zoom's tiles and the part of it that fills a picture.

    columns: may lie beyond the map's sides, where it repeats. rows: may lie above and below the
    map, where there is nothing. box: left, top, right, lower edge in pixels from the rectangle's
    north-western corner.
    """

    zoom: int
    columns: range
    rows: range
    box: tuple[float, float, float, float]

    @classmethod
    def around(cls, zoom: int, box: tuple[float, float, float, float]) -> TileWindow:
        """Return the tiles that a box meets; box: its edges in pixels of the zoom's map."""
        left, top, right, low = box
        columns, rows = _cells(left, right), _cells(top, low)
        x, y = columns.start * TILE_SIZE, rows.start * TILE_SIZE
        return cls(zoom, columns, rows, (left - x, top - y, right - x, low - y))

    @property
    def off_map(self) -> bool:
        """Whether it reaches above or below the map."""
        return self.rows.start < 0 or self.rows.stop > 1 << self.zoom

    def cells(self) -> Iterator[tuple[int, int, Tile]]:
        """Yield each place on the map, column and row counted in the rectangle, with its tile."""
        across = 1 << self.zoom
        for row, y in enumerate(self.rows):
            if 0 <= y < across:
                for column, x in enumerate(self.columns):
                    yield column, row, Tile(self.zoom, x % across, y)

    def tiles(self) -> tuple[Tile, ...]:
        """Return the tiles on the map, each once."""
        return tuple(dict.fromkeys(tile for _, _, tile in self.cells()))

    def mosaic(self, read: Callable[[Tile], NDArray[np.uint8]]) -> NDArray[np.uint8]:
        """Return the whole rectangle, uint8 [rows 256, columns 256, 3], black off the map.

        read: returns a tile's pixels, uint8 [256, 256, 3].
        """
        shape = len(self.rows) * TILE_SIZE, len(self.columns) * TILE_SIZE, 3
        mosaic = np.zeros(shape, np.uint8)
        for column, row, tile in self.cells():
            top, left = row * TILE_SIZE, column * TILE_SIZE
            mosaic[top : top + TILE_SIZE, left : left + TILE_SIZE] = read(tile)
        return mosaic

    def picture(
        self, size: tuple[int, int], read: Callable[[Tile], NDArray[np.uint8]]
    ) -> NDArray[np.uint8]:
        """Return the box as uint8 [height, width, 3]; Keys' cubic, widened where it reduces.

        size: width and height. A box of whole pixels in its own size keeps the tiles' own pixels.
        """
        mosaic = self.mosaic(read)
        left, top, right, bottom = self.box
        own_size = right - left == size[0] and bottom - top == size[1]
        if own_size and left % 1 == top % 1 == 0:
            return mosaic[int(top) : int(bottom), int(left) : int(right)]
        shown = Image.fromarray(mosaic).resize(size, Image.Resampling.BICUBIC, box=self.box)
        return np.asarray(shown)


def _cells(low: float, high: float) -> range:
    return range(math.floor(low / TILE_SIZE), math.ceil(high / TILE_SIZE))
