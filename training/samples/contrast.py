"""Contrast augmentation: windows of less contrast than the image's own, some in a plain colour.

Ice, sand and open sea cover most of the globe, and hardly any of the imagery. From parents as
smooth and as bright as these the network has to learn to stay smooth. And scenes of 100 to 300 m
per pixel were stretched, each by itself, to two or three times the base map's contrast: from such
alone the network learns how much detail a resolution has, not how much its parent lets expect.
Measured on zoom 9 of whole cascades: 5 dB too much in the finest octave.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.base import tone

PLAIN = 0.16
"""Share of the windows that are moved to a plain colour at low contrast."""
LEAST_PLAIN = 0.04
"""Least contrast of these beside the image's own."""
LEAST_LOWERED = 0.3
"""Least contrast of the windows that keep their colour, beside the image's own."""
COLOURS = (
    (243.0, 247.0, 250.0),  # ice
    (214.0, 186.0, 142.0),  # sand
    (176.0, 140.0, 96.0),  # rock of deserts
    (16.0, 54.0, 108.0),  # sea
    (24.0, 88.0, 132.0),  # shallow sea
    (16.0, 42.0, 14.0),  # rain forest
)
"""Means, in grey levels, as the Blue Marble has them before it is toned."""
_SPREAD = 8.0

Floats = NDArray[np.float64]


def draw(lowered: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Contrast [B] and colour [B, 3] in grey levels of windows, of which some lose contrast.

    lowered: probability of a lower contrast in the own colour, [B]. The colour is NaN where a
    window keeps its own mean; the contrast of untouched ones is 1.
    """
    count = len(lowered)
    kind = random.random(count)
    plain, fainter = kind < PLAIN, kind >= 1 - lowered
    place = random.random(count)
    contrast = np.where(
        plain,
        LEAST_PLAIN * (0.8 / LEAST_PLAIN) ** place,
        np.where(fainter, LEAST_LOWERED**place, 1.0),
    )
    means = tone.apply(np.array(COLOURS, np.uint8))
    colour = means[random.integers(len(COLOURS), size=count)] + random.normal(
        0, _SPREAD, (count, 3)
    )
    return contrast, np.where(plain[:, None], colour, np.nan)


def apply(child: NDArray[np.float32], contrast: float, colour: Floats) -> NDArray[np.float32]:
    """Flatten a window [H, W, 3] in [0, 255] towards a colour; NaN stands for its own mean."""
    if contrast == 1.0:
        return child
    mean = child.mean((0, 1))
    flattened = np.where(np.isnan(colour), mean, colour) + contrast * (child - mean)
    flat: NDArray[np.float32] = np.clip(flattened, 0, 255).astype(np.float32)
    return flat
