"""Straight lines through points that were found one a row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def on_line(
    rows: NDArray[np.intp], columns: NDArray[np.intp], off: float = 1.0
) -> NDArray[np.bool_]:
    """Say which points lie on the line that most of them lie on, bool [n].

    rows: int [n], ascending, two at least; columns: int [n]; off: pixels from the line at most.
    """
    half = len(rows) // 2
    slopes = (columns[half : 2 * half] - columns[:half]) / (rows[half : 2 * half] - rows[:half])
    slope = np.median(slopes)
    rest = columns - slope * rows
    near: NDArray[np.bool_] = np.abs(rest - np.median(rest)) <= off + abs(slope) / 2
    return near
