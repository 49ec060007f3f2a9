"""Quilting of layout codes: every second square of a scene becomes another part of it.

Pictures are quilted before they are encoded (`generator.banks.quilt`). Entries that were trained
have no picture any more: of them the codes themselves are laid elsewhere. That part of the scene
is laid whose codes are most like those round the square, and whose coarser codes, which the parent
is drawn from, are most like those under it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from generator.grid.tile import SCALE
from generator.memory.bank import Bank, Codes, Scene
from training.errors import TrainingError
from training.run.joining import matches

_RING = 3
"""Codes round a square that are compared."""

_STEP = 4
"""Codes from one part that may be laid to the next: one of the coarser codes."""

_LEAST = 3
"""Squares along the shorter side of a scene, at least."""

_USED = 0.5
"""By how much a part costs more for each time that it was laid."""

_ALIKE = 0.9
"""Share of a square's detail that a part has at least, calm parts going with every ring; and the
share of a part's that the square has, so that no village is laid into calm ground."""

_CALM = 0.01
"""Detail, in levels of a code, that is as good as none."""

Floats = NDArray[np.float32]


def quilted(bank: Bank, sides: Mapping[str, Mapping[str, int]]) -> Bank:
    """Return a bank with quilted scenes: sides of squares in child pixels, by zoom and glob.

    sides: by the zoom of the choice as text, and globs on names of scenes or sources, of which the
    first counts that matches. Only the codes of a scene's finest zoom are laid elsewhere. Raises
    TrainingError for a glob that matches nothing, and for a side that is no multiple of 16.
    """
    scenes = list(bank.scenes)
    for zoom, table in sides.items():
        left = dict.fromkeys(range(len(scenes)))
        for glob, side in table.items():
            if side <= 0 or side % (SCALE * _STEP):
                raise TrainingError(
                    f"quilt_codes of {glob!r} is {side}, expected a multiple of {SCALE * _STEP}"
                )
            found = [n for n in left if matches(scenes[n], zoom, glob)]
            if not found:
                raise TrainingError(
                    f"quilt_codes names {glob!r} of zoom {zoom}, expected globs that match a scene "
                    "of the bank or its source, and none that one before matches"
                )
            for number in found:
                del left[number]
                scenes[number] = quilted_scene(scenes[number], side // SCALE)
    return dataclasses.replace(bank, scenes=tuple(scenes))


def quilted_scene(scene: Scene, square: int) -> Scene:
    """Return a scene of whose finest codes every second square is another part.

    square: side in codes, a multiple of 4. A scene of less than three squares a side stays as it
    is.
    """
    finest = max(scene.codes)
    codes = scene.codes[finest]
    if min(codes.shape[:2]) < _LEAST * square:
        return scene
    coarse = scene.codes[min(scene.codes)] if len(scene.codes) > 1 else None
    made = _Squares(codes, coarse, square).laid()
    return dataclasses.replace(scene, codes={**scene.codes, finest: made})


class _Squares:
    """The squares of a scene and the parts that may be laid into them.

    codes: int8 [h, w, D]; coarse: those of a quarter of the size, or None.
    """

    def __init__(self, codes: Codes, coarse: Codes | None, square: int) -> None:
        self.square, self.codes = square, codes
        self.around = square + 2 * _RING
        height, width = codes.shape[:2]
        self.rows, self.columns = (
            np.arange(_STEP, side - square - _RING, _STEP) for side in (height, width)
        )
        ring = np.ones((self.around, self.around), np.bool_)
        ring[_RING:-_RING, _RING:-_RING] = False
        self.ring = ring
        # What lies round each part, and what it is made of.
        numbers = codes.astype(np.float32)
        windows = sliding_window_view(numbers, ring.shape, axis=(0, 1))
        self.rings = windows[self.rows - _RING][:, self.columns - _RING][..., ring]
        self.traits = self._means(numbers, 1)
        self.detail = self.traits[..., codes.shape[2] :].mean(2)
        if coarse is not None:
            coarser = self._means(coarse.astype(np.float32), _STEP)
            self.traits = np.concatenate([self.traits, coarser], 2)
        self.used = np.zeros((height, width), np.float32)

    def laid(self) -> Codes:
        """Return the codes with every second square laid."""
        made, side = self.codes.copy(), self.square
        for y in range(0, len(made), side):
            for x in range(side * (1 - y // side % 2), made.shape[1], 2 * side):
                part = self._best(made, y, x)
                if part is not None:
                    hole = made[y : y + side, x : x + side]
                    high, wide = hole.shape[:2]
                    hole[:] = self.codes[part[0] : part[0] + high, part[1] : part[1] + wide]
        return made

    def _best(self, made: Codes, y: int, x: int) -> tuple[int, int] | None:
        """Return where the part lies that is laid at a place, None where all are too near."""
        # The nearest place that has a whole ring.
        i, j = (
            int(np.abs(at - place).argmin()) for at, place in ((self.rows, y), (self.columns, x))
        )
        top, left = self.rows[i], self.columns[j]
        seen = made[top - _RING :, left - _RING :][: self.around, : self.around]
        here = seen.astype(np.float32).transpose(2, 0, 1)[:, self.ring]
        costs = ((self.rings - here) ** 2).mean((2, 3))
        costs += ((self.traits - self.traits[i, j]) ** 2).mean(2)
        costs *= 1 + _USED * self.used[np.ix_(self.rows, self.columns)]
        # Not from where the square itself, or a part of it, was.
        near = np.abs(self.rows - y)[:, None] < self.square
        costs[near & (np.abs(self.columns - x) < self.square)] = np.inf
        apart = np.isfinite(costs)
        if not apart.any():
            return None
        # As detailed as the square, or as near to that as there are parts.
        gaps = np.abs(np.log2((self.detail + _CALM) / (self.detail[i, j] + _CALM)))
        costs[gaps > max(-np.log2(_ALIKE), gaps[apart].min())] = np.inf
        at = np.unravel_index(int(costs.argmin()), costs.shape)
        found = int(self.rows[at[0]]), int(self.columns[at[1]])
        half = self.square // 2
        lows = [max(0, place - half) for place in found]
        self.used[lows[0] : found[0] + half, lows[1] : found[1] + half] += 1
        return found

    def _means(self, numbers: Floats, scale: int) -> Floats:
        """Return means of codes and of their sizes over the parts, [rows, columns, 2 D].

        numbers: codes of which `scale` of the finest lie along one.
        """
        both = np.concatenate([numbers, np.abs(numbers)], 2)
        side = self.square // scale
        windows = sliding_window_view(both, (side, side), axis=(0, 1))
        some = windows[self.rows // scale][:, self.columns // scale]
        means: Floats = some.mean((3, 4), dtype=np.float32)
        return means
