"""The part of a base map beyond zoom 5: a large picture at its own resolution.

A picture that is at least half as wide as the world at a stage's zoom replaces that stage: one of
21,600 x 10,800 pixels serves zooms 6 and 7. It is kept as it is, 3 bytes per pixel, and
interpolated where it is asked for, in integers.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from generator.grid import mercator
from generator.grid.pixels import Pixels
from generator.grid.tile import BASE_ZOOM, STAGE_ZOOMS, TILE_SIZE

_COARSE = 8
"""Bits of the fraction that sums over rows lose before they are summed over columns."""


def deepest_zoom(width: int) -> int:
    """Return the deepest zoom that a picture `width` pixels wide serves: 5 or a stage's."""
    fits = [zoom for zoom in STAGE_ZOOMS if TILE_SIZE << zoom <= 2 * width]
    return max(fits, default=BASE_ZOOM)


class DeepMap:
    """A picture as the world's pixels of zooms 6 to `zoom`, which is a stage's."""

    def __init__(self, picture: Pixels) -> None:
        """Prepare an equirectangular picture, uint8 [h, 2h, 3], west edge at 180 degrees W."""
        height, width = picture.shape[:2]
        self.zoom = deepest_zoom(width)
        self._picture = picture
        self._rows = mercator.rows(height, TILE_SIZE << self.zoom)
        self._columns = mercator.columns(width, TILE_SIZE << self.zoom)

    @property
    def digest(self) -> bytes:
        """Digest of all that decides the pixels."""
        digest = hashlib.sha256(b"deep map 1")
        for part in (self._picture, *self._rows, *self._columns):
            digest.update(np.ascontiguousarray(part).data)
        return digest.digest()

    def pixels(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Pixels:
        """Return the world pixels of `zoom` where rows and columns cross, uint8 [h, w, 3].

        rows [h], columns [w]: int64, inside the map.
        """
        # Sums over rows, of only the source columns that are read, each once.
        taps, places = np.unique(self._columns.taps[columns], return_inverse=True)
        places = places.reshape(len(columns), 4)
        tall = np.full((len(rows), len(taps), 3), 1 << (_COARSE - 1), np.int32)
        for tap in range(4):
            source = self._picture[self._rows.taps[rows, tap][:, None], taps]
            tall += source * self._rows.weights[rows, tap, None, None]
        tall >>= _COARSE
        # Sums over columns.
        rest = 2 * mercator.BITS - _COARSE
        total = np.full((len(rows), len(columns), 3), 1 << (rest - 1), np.int32)
        for tap in range(4):
            total += tall[:, places[:, tap]] * self._columns.weights[columns, tap, None]
        pixels: Pixels = np.clip(total >> rest, 0, 255).astype(np.uint8)
        return pixels
