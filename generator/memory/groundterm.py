"""The term of the choice that geography gives: what ground a cell is, and what a patch shows.

Its figures are further numbers behind the 32 of a descriptor, so that search, phases and labels
weigh them as they weigh colour and texture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from math import isqrt

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import FIGURES, GroundLayer
from generator.memory.bank import Scene
from generator.memory.config import CHOICES, WINDOW
from generator.memory.groundprobe import GroundProbe

VERSION = 7
"""Raised whenever the same layer and probe would give another field."""

STRENGTHS = {"built-up": 126, "crop": 120, "forest": 80, "bare": 60, "sea": 100, "relief": 126}
"""Number of a descriptor where a figure is 255; where it is 0 it is 0.

That of built-up rises as the root does: a few houses weigh much where there are to be none.
"""

SLACK = 48
"""By how much more than elsewhere a patch may be rougher, or of another tone, in a town."""

_BUILT_UP = FIGURES.index("built-up")
_STRENGTHS = np.array([STRENGTHS[name] for name in FIGURES], np.int32)
_ROOTS = np.array(
    [isqrt(STRENGTHS["built-up"] ** 2 * degree // 255) for degree in range(256)], np.int8
)

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class GroundTerm:
    """What is known of the ground of cells, and a probe of the patches of one encoder."""

    layer: GroundLayer
    probe: GroundProbe

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides the term."""
        parts = f"{VERSION} {self.layer.digest} {self.probe.digest}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def serves(self, zoom: int, encoder: str) -> bool:
        """Say whether patches chosen at a zoom, of an encoder's codes, can be told."""
        return encoder == self.probe.encoder and bool(self.probe.tells(zoom).any())

    def tells_towns(self, zoom: int) -> bool:
        """Say whether towns are told of patches chosen at a zoom."""
        return bool(self.probe.tells(zoom)[_BUILT_UP])

    def of_scene(self, scene: Scene) -> NDArray[np.int8]:
        """Return the further numbers of a scene's descriptors, int8 [rows, columns, figures]."""
        return scaled(self.probe.figures(scene))

    def at(self, chosen: int, ys: Integers, xs: Integers) -> NDArray[np.int8]:
        """Return the further numbers of windows centred at pixel corners: int8 [n, figures].

        chosen: zoom of the stage that chooses; pixels are those of its parent, two zooms above.
        Figures that the probe does not tell are 0, as they are of scenes. Where it tells towns, the
        more built-up a window is, the less the others count, which are those of the land around.
        """
        # Where cells lie nearer together than their windows are wide, a town is that of a cell.
        side = min(CHOICES[chosen].spacing, WINDOW)
        told = self.layer.figures(chosen - 2, ys, xs, side) * self.probe.tells(chosen)
        figures = told.astype(np.int32)
        around = np.arange(figures.shape[1]) != _BUILT_UP
        figures[:, around] = figures[:, around] * (255 - figures[:, _BUILT_UP, None]) // 255
        return scaled(figures.astype(np.uint8))


def scaled(figures: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return figures in 255ths, uint8 [..., figures], as numbers of a descriptor."""
    wide = figures.astype(np.int32) * _STRENGTHS
    numbers: NDArray[np.int8] = ((wide + 127) // 255).astype(np.int8)
    numbers[..., _BUILT_UP] = _ROOTS[figures[..., _BUILT_UP]]
    return numbers


def built_up(numbers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return the numbers for built-up ground, uint8 [n], of all numbers, int8 [n, figures]."""
    return numbers[:, _BUILT_UP].astype(np.uint8)


def slack(numbers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return by how much the gates of cells with these numbers, int8 [n, figures], are wider."""
    built, most = numbers[:, _BUILT_UP].astype(np.int32), STRENGTHS["built-up"]
    wider: NDArray[np.uint8] = (built * built * SLACK // (most * most)).astype(np.uint8)
    return wider
