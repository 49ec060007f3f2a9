"""Calm grounds: windows flattened towards a plain colour, such as few images show.

Ice, sand and open sea cover most of the globe, and hardly any of the imagery. From parents as calm
and as bright as these the network has to learn to stay calm.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARE = 0.16
"""Share of the samples that become calm."""
FAINTEST = 0.04
"""Least contrast of a calm window beside the image's own."""
COLOURS = (
    (243.0, 247.0, 250.0),  # ice
    (214.0, 186.0, 142.0),  # sand
    (176.0, 140.0, 96.0),  # rock of deserts
    (16.0, 54.0, 108.0),  # sea
    (24.0, 88.0, 132.0),  # shallow sea
    (16.0, 42.0, 14.0),  # rain forest
)
"""Means, in grey levels, as the base map has them."""
_SPREAD = 8.0

Floats = NDArray[np.float64]


def draw(count: int, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Contrast [B] and colour [B, 3] in grey levels of `count` windows.

    Those that stay as they are have contrast 1 and colour NaN.
    """
    calm = random.random(count) < SHARE
    contrast = np.exp(random.uniform(np.log(FAINTEST), np.log(0.8), count))
    colour = np.array(COLOURS)[random.integers(len(COLOURS), size=count)]
    colour = colour + random.normal(0, _SPREAD, (count, 3))
    return np.where(calm, contrast, 1.0), np.where(calm[:, None], colour, np.nan)


def apply(child: NDArray[np.float32], contrast: float, colour: Floats) -> NDArray[np.float32]:
    """Flatten a window [H, W, 3] in [0, 255] towards a colour; as it is where that is NaN."""
    if np.isnan(colour).any():
        return child
    flattened = colour + contrast * (child - child.mean((0, 1)))
    calm: NDArray[np.float32] = np.clip(flattened, 0, 255).astype(np.float32)
    return calm
