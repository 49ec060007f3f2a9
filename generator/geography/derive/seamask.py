"""The sea mask of zstarview, sampled at 3 x 3 points of each pixel of zoom 9.

It has 16 x 32 tiles of 11.25 degrees in 960ths of a degree, made from OpenStreetMap's water
polygons; an empty file ending in .0 or .1 is a tile without or full of sea. Antarctica's ice
shelves are land in it, as they are white in pictures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE, latitude_of

ZOOM = 9
SIDE = TILE_SIZE << ZOOM
SAMPLES = 3
"""Sample points along each side of a pixel; an odd number, so that no vote is a tie."""

_DEGREE = 960
_TILE = 45 * _DEGREE // 4
_COLUMNS = 32

Mask = NDArray[np.uint8]


class SeaMask:
    """Tiles of the sea mask in a folder. Raises GeographyError where one is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def votes(self, area: Rectangle) -> Mask:
        """Return how many sample points of each pixel of zoom 9 are sea, uint8 0 to 9.

        area: no wider than a tile of the mask and beside no other, so 4096 pixels from a multiple.
        """
        points = area.finer(SAMPLES)
        column = area.x0 * _COLUMNS // SIDE
        # The column of the mask under each sample, within its tile.
        xs = 2 * np.arange(points.x0, points.x0 + points.width) + 1
        xs = xs * (_COLUMNS * _TILE) // (2 * SIDE * SAMPLES) - column * _TILE
        # Its rows, counted on through the tiles from the north pole.
        rows = np.arange(points.y0, points.y0 + points.height) + 0.5
        south = np.array([90 - latitude_of(float(row), SIDE * SAMPLES) for row in rows])
        ys = (south * _DEGREE).astype(int)
        out = np.zeros((area.height, area.width), np.uint8)
        across = np.zeros((points.height, area.width), np.uint8)
        for tile in np.unique(ys // _TILE):
            here = ys // _TILE == tile
            first, last = int(ys[here][0]) % _TILE, int(ys[here][-1]) % _TILE
            mask = self._rows(f"tile_y{tile}_x{column}", first, last)
            if mask.any():
                votes = np.take(mask, xs[0::SAMPLES], 1, mode="clip")
                for k in range(1, SAMPLES):
                    votes += np.take(mask, xs[k::SAMPLES], 1, mode="clip")
                across[here] = votes[ys[here] % _TILE - first]
        for k in range(SAMPLES):
            out += across[k::SAMPLES]
        return out

    def _rows(self, name: str, first: int, last: int) -> Mask:
        """Return rows of one tile, the last included; those below the tile's end are land."""
        for value in (0, 1):
            if (self._folder / f"{name}.{value}").exists():
                return np.full((last - first + 1, _TILE), value, np.uint8)
        path = self._folder / f"{name}.tif"
        if not path.exists():
            raise GeographyError(f"{path} does not exist, expected the sea mask of zstarview")
        import rasterio
        from rasterio.windows import Window

        read = np.zeros((last - first + 1, _TILE), np.uint8)
        with rasterio.open(path) as data:
            count = min(last + 1, data.height) - first
            if count > 0:
                window = Window(0, first, _TILE, count)
                read[:count] = data.read(1, window=window)
        return np.minimum(read, 1)
