"""Descriptors: 32 small whole numbers that say what kind of ground a window of 24 x 24 pixels is.

| numbers | what | scale |
|---|---|---|
| 0-2 | mean luminance, R - G, B - G on the tone curve | 5/4, 5/2, 5/2 |
| 3-16 | lowest cosine waves of the luminance of 8 x 8 cells | 3/2 of their rms |
| 17-22 | lowest cosine waves of R - G and B - G | 3/4 of their rms |
| 23-27 | texture of the quadrants, and of the cells among each other | 10 an octave |
| 28-30 | water: share, south less north, east less west | 100, 50, 50 |
| 31 | latitude, poleward positive | 1 for 2 degrees |

Differences that a person would call another kind of ground are about 20 in any of these groups.
Sums stay below 2**24, so that float32 products are exact in any order.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from generator.grid.integral import integral
from generator.memory.config import STEP, WINDOW
from generator.memory.features import (
    CELL,
    CELLS,
    LOG_UNIT,
    chroma_waves,
    latitude_feature,
    logarithm,
    luminance_waves,
    planes,
    quadrants,
)

SIZE = 32
"""Numbers of a descriptor."""

GATES = 5
"""Water share, texture, mean R, G, B."""

Descriptors = NDArray[np.int8]
Gates = NDArray[np.uint8]

WATER = 28
"""Number of a descriptor that holds the share of water, 100 for all."""

_WAVES, _TEXTURES = slice(3, 23), slice(23, 28)
_CELLS = CELLS * CELLS
_PIXELS = WINDOW * WINDOW
_AT_ONCE = 512


def describe(
    pixels: NDArray[np.uint8],
    ys: NDArray[np.int64],
    xs: NDArray[np.int64],
    latitude: float | NDArray[np.int64] | None = None,
) -> tuple[Descriptors, Gates]:
    """Describe the windows of 24 x 24 pixels whose upper left corners are at (ys, xs).

    pixels: uint8 [H, W, 3]; ys, xs: int64 [n], the windows inside the picture; latitude: of all of
    the picture in degrees, or of each window in whole degrees, or None where unknown. Returns int8
    [n, 32] and uint8 [n, 5]: water share (255 = all), texture (16 an octave), mean R, G, B on the
    tone curve round(255 sqrt(v / 255)). Raises ValueError for a window outside the picture.
    """
    degrees: NDArray[np.int64] | None
    if isinstance(latitude, np.ndarray) or latitude is None:
        degrees = latitude
    else:
        degrees = np.full(len(ys), int(abs(latitude) + 0.5), np.int64)
    return DescribedPicture(pixels).describe(ys, xs, degrees)


class DescribedPicture:
    """A picture, uint8 [H, W, 3], of which windows are described more than once."""

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self._sums = planes(pixels)

    def describe(
        self, ys: NDArray[np.int64], xs: NDArray[np.int64], degrees: NDArray[np.int64] | None
    ) -> tuple[Descriptors, Gates]:
        """Describe windows: as `describe`, with |latitude| in whole degrees, int64 [n], or None."""
        if not len(ys):
            return np.empty((0, SIZE), np.int8), np.empty((0, GATES), np.uint8)
        lowest, rightmost = self.height - WINDOW, self.width - WINDOW
        if min(ys.min(), xs.min()) < 0 or ys.max() > lowest or xs.max() > rightmost:
            raise ValueError(
                f"a window lies outside the picture of {self.width} x {self.height} pixels"
            )
        # Flat indices of the 8 x 8 cells of every window.
        stride = self._sums.shape[2]
        steps = CELL * np.arange(CELLS)
        inside = (steps[:, None] * stride + steps).ravel()
        flat, corners = self._sums.reshape(len(self._sums), -1), ys * stride + xs
        latitude = latitude_feature(degrees, len(ys))
        # A few windows at a time, so that their sums stay in the processor's cache.
        parts = [
            _numbers(flat.take(corners[some, None] + inside, axis=1), latitude[some])
            for some in (slice(at, at + _AT_ONCE) for at in range(0, len(ys), _AT_ONCE))
        ]
        descriptors, gates = zip(*parts, strict=True)
        return np.concatenate(descriptors), np.concatenate(gates)


def describe_scene(
    pixels: NDArray[np.uint8],
    mask: NDArray[np.bool_] | None = None,
    latitude: float | None = None,
) -> tuple[Descriptors, Gates, NDArray[np.bool_]]:
    """Describe the windows of a scene, one each STEP pixels, as `Scene` holds them.

    pixels: uint8 [H, W, 3] of the choosing grid, at least 24 x 24; mask: bool [H, W], true where
    the picture is good; latitude: in degrees. Returns int8 [hd, wd, 32], uint8 [hd, wd, 5] and
    bool [hd, wd], true where a whole window is good. Raises ValueError for a smaller picture.
    """
    height, width = pixels.shape[:2]
    if min(height, width) < WINDOW:
        raise ValueError(f"a scene of {width} x {height} pixels, expected at least 24 x 24")
    rows, columns = grid_shape(height, width)
    # All windows of the grid, and those that hold no bad pixel.
    ys, xs = (axis.ravel() for axis in np.mgrid[0:rows, 0:columns] * STEP)
    descriptors, gates = describe(pixels, ys, xs, latitude)
    valid = np.ones((rows, columns), bool)
    if mask is not None:
        valid = _whole(mask, ys, xs).reshape(rows, columns)
    return descriptors.reshape(rows, columns, SIZE), gates.reshape(rows, columns, GATES), valid


def amplified(descriptors: Descriptors, gates: Gates, gain: int) -> tuple[Descriptors, Gates]:
    """Describe windows [n] as if their contrast were 2 ** (gain / 16) times as strong.

    Waves are multiplied, textures raised; mean colour, water and latitude stay. Windows that are
    mostly water stay as they are: calm seas are calm.
    """
    land = gates[:, 0] < 128
    wide = descriptors.astype(np.int32)
    # The factor in 1/64, rounded; 2 ** (gain / 16) is never near a rounding boundary.
    factor = math.floor(64 * 2 ** (gain / 16) + 0.5)
    wide[:, _WAVES] = (wide[:, _WAVES] * factor + 32) >> 6
    wide[:, _TEXTURES] += 10 * gain // LOG_UNIT
    louder = np.where(land[:, None], np.clip(wide, -127, 127).astype(np.int8), descriptors)
    raised = gates.copy()
    raised[:, 1] = np.minimum(raised[:, 1].astype(np.int32) + gain * land, 255)
    return louder, raised


def textured_as_land(
    descriptors: Descriptors, gates: Gates, water: NDArray[np.int64]
) -> tuple[Descriptors, Gates]:
    """Give windows [n] the texture of their land alone, where water was drawn as even land.

    water: 255ths of each window that are such, int64 [n]; beyond seven eighths it counts as that.
    """
    octaves = _dilution()[water]
    wide = descriptors.astype(np.int32)
    wide[:, _TEXTURES] += (10 * octaves // LOG_UNIT)[:, None]
    raised = gates.copy()
    raised[:, 1] = np.minimum(raised[:, 1] + octaves, 255)
    return np.clip(wide, -127, 127).astype(np.int8), raised


@cache
def _dilution() -> NDArray[np.int32]:
    """Return floor(LOG_UNIT log2(255 / (255 - w))) of water w in 255ths: int32 [256], 0 to 48."""
    land = (max(255 - w, 255 // 8) for w in range(256))
    # floor(16 log2 v) is that of v**16, told from its digits.
    table = [(255**LOG_UNIT // share**LOG_UNIT).bit_length() - 1 for share in land]
    return np.array(table, np.int32)


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return rows and columns of the windows of a scene of `height` x `width` pixels."""
    return (height - WINDOW) // STEP + 1, (width - WINDOW) // STEP + 1


def _whole(
    mask: NDArray[np.bool_], ys: NDArray[np.int64], xs: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say which windows hold no bad pixel, by an integral image of the bad ones."""
    bad = integral(~mask)
    below, right = ys + WINDOW, xs + WINDOW
    count = bad[below, right] - bad[ys, right] - bad[below, xs] + bad[ys, xs]
    none: NDArray[np.bool_] = count == 0
    return none


def _numbers(cells: NDArray[np.int16], latitude: NDArray[np.int32]) -> tuple[Descriptors, Gates]:
    """Turn cell sums int16 [6, n, 64] into descriptors and gates."""
    red, green, blue, luminance, texture, water = cells
    wide = np.empty((len(latitude), SIZE), np.int32)
    # Mean colour: sums over the window at twice their scale, luminance about 115.
    totals = cells[:4].sum(2, dtype=np.int32)
    r, g, b, y = totals
    wide[:, 0] = _divide(5 * y, 4 * _PIXELS) - 144
    wide[:, 1] = _divide(5 * (r - g), 2 * _PIXELS)
    wide[:, 2] = _divide(5 * (b - g), 2 * _PIXELS)
    # Layout: cosine waves, which do not see the mean.
    wide[:, 3:17] = _shift(luminance.astype(np.float32) @ luminance_waves())
    wide[:, 17:20] = _shift((red - green).astype(np.float32) @ chroma_waves())
    wide[:, 20:23] = _shift((blue - green).astype(np.float32) @ chroma_waves())
    # Texture: of pixels in the quadrants, then of cells.
    parts = (texture.astype(np.float32) @ quadrants()).astype(np.int32)
    wide[:, 23:27] = _divide(5 * (logarithm(parts >> 2) - 72), 8)
    wide[:, 27] = _divide(5 * (logarithm(_roughness(luminance)) - 72), 8)
    # Water, at most 144 pixels a quadrant.
    wet = (water.astype(np.float32) @ quadrants()).astype(np.int32)
    share = wet.sum(1)
    wide[:, 28] = _divide(100 * share, _PIXELS)
    wide[:, 29] = _divide(50 * (wet[:, 2] + wet[:, 3] - wet[:, 0] - wet[:, 1]), _PIXELS // 2)
    wide[:, 30] = _divide(50 * (wet[:, 1] + wet[:, 3] - wet[:, 0] - wet[:, 2]), _PIXELS // 2)
    wide[:, 31] = latitude
    gates = np.empty((len(latitude), GATES), np.uint8)
    gates[:, 0] = _divide(255 * share, _PIXELS)
    gates[:, 1] = logarithm(parts.sum(1) >> 4)
    gates[:, 2:] = _divide(totals[:3].T, _PIXELS)
    return np.clip(wide, -127, 127).astype(np.int8), gates


def _roughness(luminance: NDArray[np.int16]) -> NDArray[np.int32]:
    """Sums of the differences between neighbouring cells, int16 [n, 64] to int32 [n]."""
    grid = luminance.reshape(-1, CELLS, CELLS)
    across = np.abs(grid[:, :, 1:] - grid[:, :, :-1]).sum((1, 2), dtype=np.int32)
    down = np.abs(grid[:, 1:] - grid[:, :-1]).sum((1, 2), dtype=np.int32)
    # 112 differences of sums over 9 pixels: on the scale of one quadrant's texture.
    total: NDArray[np.int32] = np.minimum((across + down) >> 3, 65535)
    return total


def _divide(values: NDArray[np.int32], divisor: int) -> NDArray[np.int32]:
    """Divide and round half up."""
    quotient: NDArray[np.int32] = (2 * values + divisor) // (2 * divisor)
    return quotient


def _shift(values: NDArray[np.float32]) -> NDArray[np.int32]:
    """Divide whole numbers by 2**14 and round half up."""
    return (values.astype(np.int32) + 8192) >> 14
