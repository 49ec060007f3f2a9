"""Muting the colours of pictures whose ground is gaudier than what most of the world shows."""

from __future__ import annotations

import numpy as np

from generator.imagery.sources import Decoded

_LUMINANCE = np.array([77, 150, 29])
_UNIT = 256


def muted(decoded: Decoded, share: float) -> Decoded:
    """Return a picture with a share of its colour contrast, 0 to 1: 0 leaves brightness alone.

    Differences from grey move towards the picture's mean difference; brightness stays.
    """
    wide = decoded.pixels.astype(np.int32)
    grey = (wide @ _LUMINANCE + _UNIT // 2 >> 8)[..., None]
    # Towards the mean colour, in whole numbers.
    colour = wide - grey
    middle = np.rint(colour.mean((0, 1))).astype(np.int32)
    kept = (round(_UNIT * share) * (colour - middle) + _UNIT // 2) >> 8
    pixels = np.clip(grey + middle + kept, 0, 255).astype(np.uint8)
    return Decoded(pixels, decoded.mask, decoded.failed)
