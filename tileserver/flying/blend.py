"""Fades one picture into another of the same place without the blur of a double exposure.

Where two zooms hold different detail, their plain average has less contrast than either; so the
average's local contrast is raised to what lies between theirs. Equal detail stays as it is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels

Floats = NDArray[np.float64]

_RADIUS = 8
"""Pixels to either side that count as local."""

_MOST_GAIN = math.sqrt(2.0)
"""What the contrast of two unrelated pictures, averaged in equal parts, has lost."""

_CALM = 1.0
"""Variance below which there is nothing to raise."""


def fade(under: Pixels, over: Pixels, weight: float) -> Pixels:
    """Return two pictures mixed, uint8 [height, width, 3]; weight: of `over`, from 0 to 1.

    All sums are of whole numbers or correctly rounded, so every machine gives the same pixels.
    """
    part = round(weight * 256) / 256
    mixed = under * (1 - part) + over * part
    mean, variance = _local(mixed)
    wanted = (1 - part) * _local(under.astype(float))[1] + part * _local(over.astype(float))[1]
    gain = np.sqrt((wanted + _CALM) / (variance + _CALM)).clip(1.0, _MOST_GAIN)
    raised = mean + (mixed - mean) * gain[..., None]
    found: Pixels = np.rint(raised).clip(0, 255).astype(np.uint8)
    return found


def _local(values: Floats) -> tuple[Floats, Floats]:
    """Return the mean round each pixel, [H, W, 3], and the variance of all channels, [H, W]."""
    mean = _box(values)
    squares = _box(np.sum(values**2, axis=-1, keepdims=True))[..., 0]
    return mean, np.maximum(squares - np.sum(mean**2, axis=-1), 0.0)


def _box(values: Floats) -> Floats:
    """Return averages over squares of 2 _RADIUS + 1 pixels, [H, W, C]; edges are repeated."""
    side = 2 * _RADIUS + 1
    padded = np.pad(values, ((_RADIUS + 1, _RADIUS), (_RADIUS + 1, _RADIUS), (0, 0)), mode="edge")
    down = np.cumsum(padded, axis=0)
    down = down[side:] - down[:-side]
    across = np.cumsum(down, axis=1)
    found: Floats = (across[:, side:] - across[:, :-side]) / side**2
    return found
