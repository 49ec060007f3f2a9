"""What of a picture is described, in whole numbers: tone curve, water, texture, cosines, latitude.

Every table is rounded once from values that lie far from rounding boundaries, so that no
difference between mathematics libraries can change it.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

CELLS = 8
"""Cells of 3 x 3 pixels along a window of 24."""

CELL = 3

LOG_UNIT = 16
"""Texture is measured in 1 / LOG_UNIT octaves."""

LUMINANCE_WAVES = (
    (0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1),
    (2, 2), (0, 3), (3, 0), (1, 3), (3, 1), (2, 3), (3, 2),
)  # fmt: skip
CHROMA_WAVES = ((0, 1), (1, 0), (1, 1))
_NEUTRAL_LATITUDE = 40


def _root_table() -> NDArray[np.int16]:
    """Return round(255 * sqrt(v / 255)) for v = 0 to 255, by whole numbers alone."""
    # 2 r - 1 <= 2 sqrt(255 v) < 2 r + 1 for the rounded root r.
    return np.array([(math.isqrt(4 * 255 * v) + 1) // 2 for v in range(256)], np.int16)


TONE = _root_table()
"""The tone curve in which pictures are compared, int16 [256]."""


def planes(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Return sums over 3 x 3 pixels at every place of uint8 [H, W, 3]: int16 [6, H - 2, W - 2].

    Planes: R, G, B and luminance on the tone curve (each at most 2,295), texture (the 12
    differences of neighbours inside the 3 x 3, at most 3,060), water (0 to 9 pixels).
    """
    height, width = pixels.shape[:2]
    out = np.empty((6, height - 2, width - 2), np.int16)
    # Each plane on the tone curve; luminance has its own sums.
    red, green, blue = (np.ascontiguousarray(pixels[..., k]) for k in range(3))
    r, g, b = (TONE[plane] for plane in (red, green, blue))
    luminance = (r + 2 * g + b) >> 2
    for plane, sums in zip((r, g, b, luminance), out, strict=False):
        _box(plane, sums)
    out[4] = _texture(luminance)
    _box(_water(red.astype(np.int16), green.astype(np.int16), blue.astype(np.int16)), out[5])
    return out


def logarithm(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return floor(LOG_UNIT * log2(v + 32)) - 5 * LOG_UNIT of v in [0, 65535]: 0 to 176."""
    return _logarithms()[values]


@cache
def _logarithms() -> NDArray[np.int32]:
    # floor(16 log2 v) is the number of bits of v**16, less one.
    thresholds = [(v + 32) ** LOG_UNIT for v in range(65536)]
    table = np.array([v.bit_length() - 1 - 5 * LOG_UNIT for v in thresholds], np.int32)
    table.setflags(write=False)
    return table


@cache
def luminance_waves() -> NDArray[np.float32]:
    """Whole weights of 14 cosine waves over 8 x 8 cells, float32 [64, 14], at most 86."""
    return _waves(LUMINANCE_WAVES, 16384 / 48)


@cache
def chroma_waves() -> NDArray[np.float32]:
    """Whole weights of 3 cosine waves over 8 x 8 cells, float32 [64, 3], at most 43."""
    return _waves(CHROMA_WAVES, 16384 / 96)


@cache
def quadrants() -> NDArray[np.float32]:
    """Membership of 8 x 8 cells in the quadrants NW, NE, SW, SE: float32 [64, 4], 0 or 1."""
    row, column = np.divmod(np.arange(CELLS * CELLS), CELLS)
    quadrant = row // (CELLS // 2) * 2 + column // (CELLS // 2)
    table = np.zeros((CELLS * CELLS, 4), np.float32)
    table[np.arange(CELLS * CELLS), quadrant] = 1
    table.setflags(write=False)
    return table


def latitude_feature(degrees: NDArray[np.int64] | None, count: int) -> NDArray[np.int32]:
    """Return int32 [count] of |latitude| in whole degrees; None is taken for 40 degrees."""
    if degrees is None:
        return np.zeros(count, np.int32)
    return ((np.abs(degrees) - _NEUTRAL_LATITUDE) >> 1).astype(np.int32)


def latitudes(rows: NDArray[np.int64], height: int) -> NDArray[np.int64]:
    """Return |latitude| in whole degrees of pixel corners `rows` of a Mercator map's `height`.

    Rows beyond the map count as those at its edge.
    """
    distance = np.minimum(np.abs(2 * rows - height), height)
    found = np.searchsorted(_latitude_edges(), (distance << 30) // height, side="right")
    degrees: NDArray[np.int64] = found.astype(np.int64)
    return degrees


@cache
def _latitude_edges() -> NDArray[np.int64]:
    """Where |latitude| passes 0.5, 1.5 ... 84.5 degrees, in 2**-30 from the equator to the edge."""
    edges = (math.asinh(math.tan(math.radians(d + 0.5))) / math.pi for d in range(85))
    table = np.array([math.floor(edge * (1 << 30) + 0.5) for edge in edges], np.int64)
    table.setflags(write=False)
    return table


def _waves(waves: tuple[tuple[int, int], ...], scale: float) -> NDArray[np.float32]:
    """Products of orthonormal cosines times `scale`, each rounded to a whole number."""
    # Orthonormal cosines, as in the discrete cosine transform.
    wave = [
        [math.cos((2 * i + 1) * u * math.pi / 16) * math.sqrt((1 if u == 0 else 2) / CELLS)
         for i in range(CELLS)]
        for u in range(4)
    ]  # fmt: skip
    rounded = [
        [math.floor(scale * wave[u][i] * wave[v][j] + 0.5) for u, v in waves]
        for i in range(CELLS)
        for j in range(CELLS)
    ]
    table = np.array(rounded, np.float32)
    table.setflags(write=False)
    return table


def _box(plane: NDArray[np.int16], out: NDArray[np.int16]) -> None:
    """Write the sums over 3 x 3 of int16 [H, W] to [H - 2, W - 2]."""
    rows = plane[:-2] + plane[1:-1]
    rows += plane[2:]
    np.add(rows[:, :-2], rows[:, 1:-1], out=out)
    out += rows[:, 2:]


def _texture(plane: NDArray[np.int16]) -> NDArray[np.int16]:
    """Sums of the 6 horizontal and 6 vertical differences inside every 3 x 3."""
    # Differences along rows, then down columns, summed over 3 x 3 pixels.
    across = np.abs(plane[:, 1:] - plane[:, :-1])
    across = across[:, :-1] + across[:, 1:]
    down = np.abs(plane[1:] - plane[:-1])
    down = down[:-1] + down[1:]
    total: NDArray[np.int16] = across[:-2] + across[1:-1]
    total += across[2:]
    total += down[:, :-2]
    total += down[:, 1:-1]
    total += down[:, 2:]
    return total


def _water(r: NDArray[np.int16], g: NDArray[np.int16], b: NDArray[np.int16]) -> NDArray[np.int16]:
    """Say where a pixel may be water: bluer than red, hardly greener than blue, and dark."""
    # 25 b > 27 r is "bluer than red by 8 %"; 20 g < 23 b "greener than blue by less than 15 %".
    bluer = b * np.int16(25) > r * np.int16(27)
    bluer &= g * np.int16(20) < b * np.int16(23)
    bluer &= r + g + b < 344
    return bluer.astype(np.int16)
