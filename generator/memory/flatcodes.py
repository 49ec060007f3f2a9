"""Codes of many scenes as one array, from which any picture of cells is gathered at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.memory.bank import Codes
from generator.memory.config import choosing_scale
from generator.memory.labels import LabelWindow, PlacedPatches
from generator.memory.orientation import ORIENTATIONS, PLAIN, centres
from generator.memory.patches import Patches
from generator.memory.reorientation import Reorientation

Integers = NDArray[np.int64]


class FlatCodes:
    """Codes of the scenes of one zoom, in all orientations in which they are shown.

    zoom: of the stage that shows them; scenes: int8 [h, w, D] each, as they are; patches: how they
    are shown; reorientation: tells the codes of turned scenes, which are computed when they are
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
        self._scenes, self._reorientation = scenes, reorientation
        flat = [codes.reshape(-1, codes.shape[2]) for codes in scenes]
        sizes = np.array([len(codes) for codes in flat], np.int64)
        self._starts, self._size = sizes.cumsum() - sizes, int(sizes.sum())
        turned = [k for k in range(len(ORIENTATIONS)) if (patches.orientation == k).any()]
        self._codes = np.zeros((len(turned) * self._size + 1, scenes[0].shape[2]), np.int8)
        self._codes[: self._size] = np.concatenate(flat)
        # Which places of this array hold a scene as it is shown, and which are filled in.
        layer = np.searchsorted(turned, patches.orientation)
        self._first = self._starts[patches.home] + layer * self._size
        self._known = patches.orientation == PLAIN
        # Its first code, and the way to the next row and column, on the codes' own grid.
        scale = choosing_scale(zoom)
        widths = np.array([codes.shape[1] for codes in scenes], np.int64)[patches.home]
        tall, wide = scale * patches.heights, scale * patches.widths
        self._corner, self._down, self._across = (
            _place(patches.orientation, tall, wide, at, widths) for at in ((0, 0), (1, 0), (0, 1))
        )
        self._down -= self._corner
        self._across -= self._corner
        self._home, self._orientation = patches.home, patches.orientation
        self._widths = widths

    def gather(self, shown: PlacedPatches, labels: Integers, window: LabelWindow) -> Codes:
        """Return the codes that the ruling cells show, int8 [height, width, D]."""
        ruling = np.unique(labels)
        self._fill(np.unique(shown.scene[ruling[ruling >= 0]]))
        at = self._places(shown, labels, window) + np.append(self._first[shown.scene], 0)[labels]
        return self._codes[np.where(labels < 0, -1, at)]

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

    def _fill(self, scenes: Integers) -> None:
        """Compute the codes of turned scenes that are not there; twice the same does no harm."""
        for number in scenes[~self._known[scenes]].tolist():
            assert self._reorientation is not None
            codes = self._scenes[self._home[number]]
            made = self._reorientation.codes(codes, int(self._orientation[number]))
            first = self._first[number]
            self._codes[first : first + codes.shape[0] * codes.shape[1]] = made.reshape(
                -1, codes.shape[2]
            )
            self._known[number] = True


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
