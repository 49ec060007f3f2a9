"""Degradation of the condition, with its strength told to the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from training.highorder import high_order

KINDS = ("mild", "high-order")
"""One blur and one noise; or Real-ESRGAN's two rounds of blur, resizing, noise and JPEG."""
MAX_BLUR = 1.2
"""Standard deviation of the mild blur, in parent pixels, at strength 1."""
MAX_NOISE = 5.0
"""Standard deviation of the mild noise, in grey levels, at strength 1."""


def degrade(
    parent: NDArray[np.float32], strength: float, random: np.random.Generator, kind: str = "mild"
) -> NDArray[np.float32]:
    """Degrade a parent, then round it to 8 bits as a stored tile is.

    parent: [H, W, 3] in [0, 255]; strength in [0, 1], 0 = only rounded. Returns the same shape and
    range. kind: one of KINDS.
    """
    assert kind in KINDS, kind
    if strength > 0:
        chosen = _mild if kind == "mild" else high_order
        parent = chosen(parent, strength, random)
    return np.clip(np.rint(parent), 0, 255).astype(np.float32)


def _mild(
    parent: NDArray[np.float32], strength: float, random: np.random.Generator
) -> NDArray[np.float32]:
    sigma = MAX_BLUR * strength
    blurred = gaussian_filter(parent, (sigma, sigma, 0), truncate=3.0)
    noise = random.standard_normal(parent.shape, np.float32)
    noisy: NDArray[np.float32] = blurred + noise * (MAX_NOISE * strength * random.random())
    return noisy
