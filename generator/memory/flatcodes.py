"""Codes of many scenes as one array, from which any picture of cells is gathered at once."""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.memory.bank import Codes
from generator.memory.config import choosing_scale
from generator.memory.labels import LabelWindow, PlacedPatches
from generator.memory.orientation import centres
from generator.memory.patches import Patches
from generator.memory.reorientation import REACH, Reorientation

Integers = NDArray[np.int64]


class FlatCodes:
    """Codes of the scenes of one zoom, in all orientations in which they are shown.

    zoom: of the stage that shows them; scenes: int8 [h, w, D] each, as they are; patches: how they
    are shown; reorientation: tells the codes of turned scenes, each of which is computed when it is
    first shown and then kept; None where none is turned.
    """

    def __init__(
        self,
        zoom: int,
        scenes: Sequence[Codes],
        patches: Patches,
        reorientation: Reorientation | None,
    ) -> None:
        # Scene after scene, row after row, and one zero code for pixels without.
        flat = [codes.reshape(-1, codes.shape[2]) for codes in scenes]
        sizes = np.array([len(codes) for codes in flat], np.int64)
        self._starts, self._size = sizes.cumsum() - sizes, int(sizes.sum())
        self._shapes = np.array([codes.shape[:2] for codes in scenes], np.int64)
        # The same for each other orientation, filled in bit by bit.
        self._reorientation, self._turned = reorientation, np.unique(patches.orientation)
        count, dimensions = len(self._turned) * self._size + 1, flat[0].shape[1]
        self._codes = _sparse_zeros(count * dimensions).view(np.int8).reshape(count, dimensions)
        self._codes[: self._size] = np.concatenate(flat)
        self._known = _sparse_zeros(count).view(np.bool_)
        self._known[: self._size] = self._known[-1] = True
        layer = np.searchsorted(self._turned, patches.orientation)
        self._first = self._starts[patches.home] + layer * self._size
        # A turned scene's first code, and the way to the next row and column, on the codes' grid.
        scale = choosing_scale(zoom)
        self._home, self._widths = patches.home, self._shapes[patches.home, 1]
        tall, wide = scale * patches.heights, scale * patches.widths
        self._corner, self._down, self._across = (
            _place(patches.orientation, tall, wide, at, self._widths)
            for at in ((0, 0), (1, 0), (0, 1))
        )
        self._down -= self._corner
        self._across -= self._corner

    def gather(self, shown: PlacedPatches, labels: Integers, window: LabelWindow) -> Codes:
        """Return the codes that the ruling cells show, int8 [height, width, D]."""
        at = self._places(shown, labels, window) + np.append(self._first[shown.scene], 0)[labels]
        at = np.where(labels < 0, -1, at)
        self._fill(np.unique(at[~self._known[at]]))
        return self._codes[at]

    def origins(self, shown: PlacedPatches, labels: Integers, window: LabelWindow) -> Integers:
        """Return scene, row and column of what is shown, in scenes as they are: int64 [3, h, w].

        -1 where nothing is.
        """
        at = self._places(shown, labels, window)
        width = np.append(self._widths[shown.scene], 1)[labels]
        scene = np.append(self._home[shown.scene], -1)[labels]
        return np.where(labels < 0, -1, np.stack([scene, *np.divmod(at, width)]))

    def _places(self, shown: PlacedPatches, labels: Integers, window: LabelWindow) -> Integers:
        """Return which code of its scene as it is each pixel shows: int64 [height, width]."""
        # At (y, x) of the window, a cell's code is at first + y * down + x * across.
        down, across = self._down[shown.scene], self._across[shown.scene]
        y = window.y0 + window.scale * shown.top
        x = window.x0 + window.scale * shown.left
        first = self._corner[shown.scene] + y * down + x * across
        rows, columns = np.arange(window.height)[:, None], np.arange(window.width)[None, :]
        first, down, across = (np.append(values, 0)[labels] for values in (first, down, across))
        places: Integers = first + rows * down + columns * across
        return places

    def _fill(self, missing: Integers) -> None:
        """Compute codes of turned scenes that are not there; twice the same does no harm."""
        if self._reorientation is None or not len(missing):
            return
        layer, place = np.divmod(missing, self._size)
        scene = np.searchsorted(self._starts, place, side="right") - 1
        height, width = self._shapes[scene].T
        first = self._starts[scene]
        row, column = np.divmod(place - first, width)
        # The codes round each; beyond the edges they are repeated.
        steps = np.arange(-REACH, REACH + 1)[:, None]
        rows = np.minimum(np.maximum(row + steps, 0), height - 1) * width + first
        columns = np.minimum(np.maximum(column + steps, 0), width - 1)
        around = (rows[:, None] + columns).reshape(-1, len(missing)).T
        seen = self._codes.take(around, axis=0).reshape(len(missing), -1)
        for number in np.unique(layer):
            own = layer == number
            told = self._reorientation.told(seen[own], int(self._turned[number]))
            self._codes[missing[own]] = told
        self._known[missing] = True


def _sparse_zeros(size: int) -> NDArray[np.uint8]:
    """Return bytes that take memory page by page, as they are written.

    numpy asks for large pages, so that its zeros soon take all of theirs.
    """
    return np.frombuffer(mmap.mmap(-1, size, access=mmap.ACCESS_COPY), np.uint8)


def _place(
    orientation: Integers, height: Integers, width: Integers, at: tuple[int, int], row: Integers
) -> Integers:
    """Return the number of the code at (y, x) of turned scenes, in scenes as they are.

    height, width: of the turned scenes, in codes; row: codes in a row of the scenes as they are.
    """
    # The middle of a code, in half codes.
    y, x = (np.full(len(orientation), 2 * k + 1, np.int64) for k in at)
    down, across = centres(orientation, 2 * height, 2 * width, y, x)
    return (down // 2) * row + across // 2
