"""Relief at 0.1 degrees: how much heights differ round a place, on a scale like a root.

0 are plains, 90 hills, 255 high mountains. `generator.geography.derive.relief` says how heights
become levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.cellgrid import CellGrid

LEVELS = 15
"""The highest level of a cell."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Relief(CellGrid):
    """Levels of relief, 0 to 15."""

    KIND: ClassVar[str] = "relief"
    WIDTH: ClassVar[int] = 3600
    HEIGHT: ClassVar[int] = 1800

    def degrees(self, ys: Integers, xs: Integers) -> NDArray[np.uint8]:
        """Return relief at places, 0 to 255, bilinear between cells: uint8 [n].

        ys, xs: int64 [n], in units of 2**-30 of the world's width, y within the map.
        """
        levels, weight = self.around(ys, xs)
        total = (levels * weight).sum(axis=0, dtype=np.int32)
        found: NDArray[np.uint8] = ((total * (255 // LEVELS) + (1 << 15)) >> 16).astype(np.uint8)
        return found

    def grid_degrees(self, ys: Integers, xs: Integers) -> Integers:
        """Return as `degrees` those at all of rows ys and columns xs: int64 [rows, columns]."""
        rows, columns = np.broadcast_arrays(ys[:, None], xs)
        return self.degrees(rows.ravel(), columns.ravel()).reshape(rows.shape).astype(np.int64)
