"""Integral images: how many pixels of a mask lie in any rectangle, by four look-ups."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def integral(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count what is true above and left of each pixel corner: [H, W] -> int64 [H + 1, W + 1]."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int64)
    sums[1:, 1:] = mask.cumsum(0).cumsum(1)
    return sums
