"""What layers of geography are asked for: shares of pixels, and figures of the ground at places.

Rectangles are world pixels of a zoom; x wraps at the dateline, y is mirrored at the map's upper and
lower edge (`generator.grid.window`). Shares are 255ths of a pixel, uint8 [height, width].
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generator.grid.rectangle import Rectangle

Shares = NDArray[np.uint8]
"""255ths of each pixel that something covers, uint8 [height, width]."""

Integers = NDArray[np.int64]


FIGURES = ("built-up", "crop", "forest", "bare", "sea", "relief")
"""What figures of the ground are, in their order, each in 255ths.

Relief is 0 in plains, 90 in hills, 255 in high mountains. The choice sees ground without water, so
no ground has any sea; patches may.
"""


class CoverageLayer(Protocol):
    """Something that covers parts of pixels: water, rivers, roads."""

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides shares."""
        ...

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of each world pixel of `zoom` in a rectangle, None where all are 0."""
        ...


class GroundLayer(Protocol):
    """Figures of the ground at places, such as how built-up it is."""

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides figures."""
        ...

    def figures(self, zoom: int, ys: Integers, xs: Integers, side: int) -> NDArray[np.uint8]:
        """Return FIGURES at pixel corners of `zoom`, uint8 [n, 6]; of land where there is water.

        side: pixels along the square round a corner whose mean built-up degree is told; even.
        """
        ...

    def built_up(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return how built-up each world pixel of `zoom` is, None where none is at all."""
        ...
