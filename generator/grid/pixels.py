"""The type of an array of pixels, without importing numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pixels: TypeAlias = "NDArray[np.uint8]"
"""Pixels as uint8 [height, width, 3], RGB, north up, unless a docstring says otherwise."""
