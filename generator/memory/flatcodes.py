"""Codes of many scenes as one array, from which any picture of cells is gathered at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.memory.bank import Codes
from generator.memory.labels import LabelWindow, PlacedPatches

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FlatCodes:
    """Codes of all scenes of one zoom: int8 [T, D]; first and width: int64 [S], of each scene."""

    codes: Codes
    first: Integers
    widths: Integers

    @classmethod
    def of(cls, scenes: Sequence[Codes]) -> FlatCodes:
        """Lay the codes of scenes out flat; the last of all is 0."""
        dimensions = scenes[0].shape[2]
        # Scene after scene, row after row, and one zero code for pixels without.
        flat = [codes.reshape(-1, dimensions) for codes in scenes]
        sizes = np.array([len(codes) for codes in flat], np.int64)
        nothing = np.zeros((1, dimensions), np.int8)
        widths = np.array([codes.shape[1] for codes in scenes], np.int64)
        return cls(np.concatenate([*flat, nothing]), sizes.cumsum() - sizes, widths)

    def gather(self, shown: PlacedPatches, labels: Integers, window: LabelWindow) -> Codes:
        """Return the codes that the ruling cells show, int8 [height, width, D]."""
        # Each cell's code at (y, x) of the window is at first + y * width + x.
        width = self.widths[shown.scene]
        y = window.y0 + window.scale * shown.top
        x = window.x0 + window.scale * shown.left
        first = self.first[shown.scene] + y * width + x
        rows, columns = np.arange(window.height)[:, None], np.arange(window.width)[None, :]
        at = np.append(first, 0)[labels] + rows * np.append(width, 0)[labels] + columns
        return self.codes[np.where(labels < 0, -1, at)]
