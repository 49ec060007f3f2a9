"""The types of pixels and of what returns them, without importing numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from generator.grid.rectangle import Rectangle
    from generator.grid.tile import Tile

Pixels: TypeAlias = "NDArray[np.uint8]"
"""Pixels as uint8 [height, width, 3], RGB, north up, unless a docstring says otherwise."""

Read: TypeAlias = "Callable[[Tile], Pixels]"
"""Returns the pixels of a tile, uint8 [256, 256, 3]."""

ReadArea: TypeAlias = "Callable[[Rectangle, int], Pixels]"
"""Returns the pixels of a rectangle of world pixels of a zoom, x wrapped and y mirrored."""
