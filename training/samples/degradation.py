"""Degradation of the condition, at a level that the network is told (conditioning augmentation)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

MAX_BLUR = 1.2
"""Standard deviation of the blur, in parent pixels, at level 1."""
MAX_NOISE = 5.0
"""Standard deviation of the noise, in grey levels, at level 1 at most."""


def degrade(
    parent: NDArray[np.float32], level: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Blur a parent, add noise, then round it to 8 bits as a stored tile is.

    parent: [H, W, 3] in [0, 255]; level in [0, 1], 0 = only rounded. Returns the same shape and
    range.
    """
    if level > 0:
        sigma = MAX_BLUR * level
        blurred = gaussian_filter(parent, (sigma, sigma, 0), truncate=3.0)
        noise = random.standard_normal(parent.shape, np.float32)
        parent = blurred + noise * (MAX_NOISE * level * random.random())
    return np.clip(np.rint(parent), 0, 255).astype(np.float32)
