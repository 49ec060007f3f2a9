"""Degradation of the condition, with its strength told to the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

MAX_BLUR = 1.2
"""Standard deviation of the blur, in parent pixels, at strength 1."""
MAX_NOISE = 5.0
"""Standard deviation of the noise, in grey levels, at strength 1."""


def degrade(
    parent: NDArray[np.float32], strength: float, random: np.random.Generator
) -> NDArray[np.float32]:
    """Blur and noise a parent, then round it to 8 bits as a stored tile is.

    parent: [H, W, 3] in [0, 255]; strength in [0, 1]. Returns the same shape and range.
    """
    if strength > 0:
        sigma = MAX_BLUR * strength
        parent = gaussian_filter(parent, (sigma, sigma, 0), truncate=3.0)
        noise = random.standard_normal(parent.shape, np.float32)
        parent = parent + noise * (MAX_NOISE * strength * random.random())
    return np.clip(np.rint(parent), 0, 255).astype(np.float32)
