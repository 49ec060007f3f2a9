"""How a stored picture is turned to be upright: the eight orientations of TIFF and EXIF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.rasters.georeference import Georeference

TAG = 274
"""Of the orientation, in TIFF and EXIF."""

Rectangle = tuple[int, int, int, int]
"""Column, row, width and height."""
Sample = TypeVar("Sample", bound=np.generic)


@dataclass(frozen=True, slots=True)
class Turn:
    """A stored picture of `width` x `height` pixels made upright: transposed, then flipped."""

    width: int
    height: int
    transposed: bool = False
    rows_flipped: bool = False
    columns_flipped: bool = False

    @classmethod
    def of(cls, orientation: object, width: int, height: int) -> Turn:
        """Return the turn of an orientation, 1 to 8; any other value turns nothing."""
        flips = {2: (0, 0, 1), 3: (0, 1, 1), 4: (0, 1, 0), 5: (1, 0, 0),
                 6: (1, 0, 1), 7: (1, 1, 1), 8: (1, 1, 0)}  # fmt: skip
        found = flips.get(orientation, (0, 0, 0)) if isinstance(orientation, int) else (0, 0, 0)
        return cls(width, height, *map(bool, found))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        return (self.height, self.width) if self.transposed else (self.width, self.height)

    def stored(self, box: Rectangle) -> Rectangle:
        """Return where a rectangle of the upright picture is stored."""
        x, y, width, height = box
        if self.columns_flipped:
            x = self.size[0] - x - width
        if self.rows_flipped:
            y = self.size[1] - y - height
        return (y, x, height, width) if self.transposed else (x, y, width, height)

    def upright(self, pixels: NDArray[Sample]) -> NDArray[Sample]:
        """Turn a stored rectangle [h, w, ...]."""
        if self.transposed:
            pixels = pixels.swapaxes(0, 1)
        if self.rows_flipped:
            pixels = pixels[::-1]
        return pixels[:, ::-1] if self.columns_flipped else pixels

    def place(self, place: Georeference) -> Georeference:
        """Return the place of the upright picture from that of the stored one."""
        a, b, c, d, e, f = place.transform
        if self.transposed:
            a, b, d, e = b, a, e, d
        width, height = self.size
        if self.columns_flipped:
            a, c, d, f = -a, c + width * a, -d, f + width * d
        if self.rows_flipped:
            b, c, e, f = -b, c + height * b, -e, f + height * e
        points = tuple((*self._point(p[0], p[1]), *p[2:]) for p in place.points)
        return Georeference(place.crs, (a, b, c, d, e, f), points)

    def _point(self, column: float, row: float) -> tuple[float, float]:
        if self.transposed:
            column, row = row, column
        width, height = self.size
        return (
            width - column if self.columns_flipped else column,
            height - row if self.rows_flipped else row,
        )
