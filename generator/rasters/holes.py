"""Holes of a picture, where it has no valid pixel: filled before a network sees them.

A hole's pixel becomes the mean of the valid ones in the smallest square round it that holds any,
so that nothing next to a hole is darkened. The filling depends on the picture alone, not on the
window that is read.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from generator.rasters.picture import OpenedPicture

REACH = 64
"""Pixels from a hole's pixel to the farthest that can fill it; beyond them it is grey."""
_GREY = 128


class Filled:
    """A picture with its holes filled; see `generator.rasters.Picture`."""

    def __init__(self, picture: OpenedPicture) -> None:
        self._picture = picture
        self.width, self.height, self.place = picture.width, picture.height, picture.place

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture, uint8 [height, width, 3]. Raises ImageError."""
        mask = self._picture.mask(x0, y0, width, height)
        if mask is None or mask.all():
            return self._picture.read(x0, y0, width, height)
        left, top = max(0, x0 - REACH), max(0, y0 - REACH)
        right, bottom = (
            min(end + REACH, side)
            for end, side in ((x0 + width, self.width), (y0 + height, self.height))
        )
        box = (left, top, right - left, bottom - top)
        around = self._picture.mask(*box)
        assert around is not None
        whole = filled(self._picture.read(*box), around)
        return whole[y0 - top : y0 - top + height, x0 - left : x0 - left + width]


def filled(pixels: Pixels, mask: Pixels | None) -> Pixels:
    """Return uint8 [h, w, 3] with the pixels replaced whose mask, uint8 [h, w], is 0."""
    if mask is None or mask.all():
        return pixels
    out = pixels.copy()
    holes = mask == 0
    out[holes] = _GREY
    rows, columns = np.nonzero(holes)
    # Sums over all pixels above and left of each, of colours and of how many are valid.
    weighted = np.where(holes[..., None], 0, pixels).astype(np.int64)
    sums = _summed(np.concatenate([weighted, ~holes[..., None]], axis=2))
    radius = 1
    while radius <= REACH and len(rows):
        total = _squares(sums, rows, columns, radius)
        found = total[:, 3] > 0
        count = total[found, 3:]
        out[rows[found], columns[found]] = (total[found, :3] + count // 2) // count
        rows, columns = rows[~found], columns[~found]
        radius *= 2
    return out


def _summed(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return [h + 1, w + 1, n]: sums over all rows and columns before each."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1, values.shape[2]), np.int64)
    sums[1:, 1:] = values.cumsum(0).cumsum(1)
    return sums


def _squares(
    sums: NDArray[np.int64], rows: NDArray[np.int64], columns: NDArray[np.int64], radius: int
) -> NDArray[np.int64]:
    """Return sums over the squares round some pixels, cut off at the edges: [pixels, n]."""
    high, wide = sums.shape[0] - 1, sums.shape[1] - 1
    top, bottom = np.maximum(rows - radius, 0), np.minimum(rows + radius + 1, high)
    left, right = np.maximum(columns - radius, 0), np.minimum(columns + radius + 1, wide)
    total: NDArray[np.int64] = (
        sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    )
    return total
