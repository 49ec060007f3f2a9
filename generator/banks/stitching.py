"""Where two swaths meet: a straight step in brightness across most of a picture.

Over smooth ground, the sea above all, nothing else is both so straight and so long. A beach has
rough land on one side, and fields are not looked at: they are for stages finer than a swath.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.banks.lines import on_line

Mask = NDArray[np.bool_]
Levels = NDArray[np.int64]

_SIDE = 4
"""Pixels on either side of a step that are compared, one apart."""
_STEP, _TIMES = 12, 4
"""Grey levels of a step at least, and how often it holds the steps of calm ground beside it."""
_LONG = 0.6
"""Share of all rows that a join crosses."""
_OFF = 1.5
"""Pixels that it is off a straight line at most."""


def stitching_lines(parent: NDArray[np.uint8]) -> Mask:
    """Return the joins of swaths, five pixels wide.

    parent: uint8 [H, W, 3], means of 4 x 4 child pixels. Returns bool [H, W].
    """
    grey = parent.sum(2, dtype=np.int64)
    return _across_rows(grey) | _across_rows(grey.T).T


def _across_rows(grey: Levels) -> Mask:
    """Return joins that cross rows, of three times the grey levels [H, W]."""
    found = np.zeros(grey.shape, bool)
    steps = _steps(grey)
    if steps.shape[1] < 8 * _SIDE:
        return found
    # The strongest step of each row must be far above most others of it.
    at, most = steps.argmax(1), steps.max(1)
    strong = most >= 3 * _SIDE * _STEP
    strong &= most >= _TIMES * np.sort(steps, 1)[:, steps.shape[1] // 2]
    rows = np.flatnonzero(strong)
    if len(rows) < _LONG * len(grey):
        return found
    # It must be alone, and lie on one line with those of most rows.
    rows = rows[[_is_alone(steps[row], at[row]) for row in rows]]
    if len(rows) < _LONG * len(grey):
        return found
    rows = rows[on_line(rows, at[rows], _OFF)]
    if len(rows) >= _LONG * len(grey):
        for beside in range(-2, 3):
            found[rows, at[rows] + _SIDE + beside] = True
    return found


def _steps(grey: Levels) -> Levels:
    """Return differences of sums over _SIDE pixels left and right of a pixel between them."""
    sums = np.zeros((grey.shape[0], grey.shape[1] + 1), np.int64)
    np.cumsum(grey, axis=1, out=sums[:, 1:])
    part = sums[:, _SIDE:] - sums[:, :-_SIDE]
    steps: Levels = np.abs(part[:, _SIDE + 1 :] - part[:, : -_SIDE - 1])
    return steps


def _is_alone(steps: NDArray[np.int64], at: np.int64) -> bool:
    """Say whether three in four steps on either side of one are far smaller."""
    for beside in (steps[: max(0, at - _SIDE - 1)], steps[at + _SIDE + 2 :]):
        if len(beside) <= 2 * _SIDE:
            return False
        calm = np.sort(beside)[len(beside) * 3 // 4]
        if steps[at] < _TIMES * calm:
            return False
    return True
