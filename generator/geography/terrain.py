"""A map of eroded terrain for hillshading: valleys, ridges and gullies, of no place on the Earth.

`generator.geography.derive.terrain` makes it. It goes on at its other side.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from generator.geography.layerfile import LayerFile, to_layer
from generator.geography.regiongrid import FINE_BITS, MapPositions
from generator.grid.integral import squares

FILE = Path(__file__).parent / "terrain.bin"

SIDE_BITS = 10
SIDE = 1 << SIDE_BITS
"""Cells along the map."""

METRES = 35
"""Of a cell, on a map that is not scaled."""

SCALES = 4
"""Maps of which each has cells twice as long as the one before."""

MOST = 127
"""What the steepest slope is, and the highest ridge."""

_KIND = "terrain"
_HALF_SLOPE = 55
"""Metres between two cells beside each other of a slope that counts half of MOST."""
_AROUND = 41
"""Cells along the square of surroundings."""
_COARSE = 129
"""Cells along the square over which there is as much light as shadow, 4.5 km."""
_HALF_RIDGE, _HALF_HEIGHT = 160, 400
"""Metres over its surroundings and over the map's mean of what counts half of MOST."""
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 1}]

Integers = NDArray[np.int32]
Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Terrain:
    """Slopes and heights at SCALES, int8 [n, n, 4] each, in [-MOST, MOST].

    Of each cell: how much it rises down and along the map, how far it lies over its surroundings
    of 1.4 km, and over the mean of all, all but the third without what is coarser than 4.5 km.
    """

    slopes: tuple[NDArray[np.int8], ...]
    digest: str = ""

    @classmethod
    def of(cls, heights: NDArray[np.int16], digest: str = "") -> Self:
        """Derive it from heights in metres, int16 [SIDE, SIDE]."""
        whole = heights.astype(np.int32)
        along, down = (np.roll(whole, -1, axis) - np.roll(whole, 1, axis) for axis in (1, 0))
        # The length of a slope to some percent, without a root.
        longer, shorter = np.maximum(abs(along), abs(down)), np.minimum(abs(along), abs(down))
        steep = 2 * _HALF_SLOPE + longer + (3 * shorter >> 3)
        over = whole - _means(whole, _AROUND)
        ridge = over * MOST // (_HALF_RIDGE + abs(over))
        high = whole - int(whole.mean())
        high = high * MOST // (_HALF_HEIGHT + abs(high))
        # Without what is coarse, so that ground keeps its colour on the whole.
        coarse = (down * MOST // steep, along * MOST // steep, high)
        fine = [(part - _means(part, _COARSE)).clip(-MOST, MOST) for part in coarse]
        parts = fine[0], fine[1], ridge, fine[2]
        found = [np.stack(parts, -1)]
        for _ in range(1, SCALES):
            side = len(found[-1]) // 2
            found.append(found[-1].reshape(side, 2, side, 2, 4).sum((1, 3), np.int32) >> 2)
        return cls(tuple(np.ascontiguousarray(one.astype(np.int8)) for one in found), digest)

    @classmethod
    def open(cls, file: LayerFile) -> Self:
        """Unpack a file; raises GeographyError for one of another kind and for a damaged one."""
        body = file.body(_KIND)
        with file.damage():
            raw = np.frombuffer(lzma.decompress(body, lzma.FORMAT_XZ), np.int16)
            steps = raw.reshape(SIDE, SIDE)
        # Sums along both axes undo the differences.
        return cls.of(steps.cumsum(0, np.int16).cumsum(1, np.int16), file.digest)

    def at(self, scale: int, at: MapPositions, smooth: bool) -> Short:
        """Return what positions in cells of the first map have at one of SCALES: int16 [4, h, w].

        smooth: interpolated linearly between the middles of cells, and not that of the cell.
        """
        slopes, bits = self.slopes[scale], FINE_BITS + scale
        flat, last = slopes.view(np.int32).reshape(-1), len(slopes) - 1

        def cells(down: NDArray[np.int32], along: NDArray[np.int32]) -> Short:
            packed = flat.take((down & last) << SIDE_BITS - scale | along & last)
            parts = packed.view(np.int8).reshape(*packed.shape, 4)
            found = np.empty((4, *packed.shape), np.int16)
            for k, plane in enumerate(found):
                plane[:] = parts[..., k]
            return found

        if not smooth:
            return cells(at.down >> bits, at.along >> bits)
        half = 1 << bits - 1
        down, along = at.down - half, at.along - half
        row, column = down >> bits, along >> bits
        # 64ths of the way to the next cell.
        low, right = (
            ((part & (1 << bits) - 1) >> bits - 6).astype(np.int16) for part in (down, along)
        )
        above, below = (
            (cells(row + k, column) * (64 - right) + cells(row + k, column + 1) * right) >> 6
            for k in (0, 1)
        )
        found: Short = (above * (64 - low) + below * low) >> 6
        return found


def to_bytes(heights: NDArray[np.int16]) -> bytes:
    """Return the bytes of a file of heights in metres, int16 [SIDE, SIDE]."""
    steps = np.diff(np.diff(heights, axis=1, prepend=np.int16(0)), axis=0, prepend=np.int16(0))
    raw = steps.astype(np.int16).tobytes()
    return to_layer(_KIND, lzma.compress(raw, lzma.FORMAT_XZ, filters=_FILTERS))


@cache
def terrain() -> Terrain:
    """Return the map that is part of the product, 5.6 MiB."""
    return Terrain.open(LayerFile.read(FILE))


def _means(values: Integers, side: int) -> Integers:
    """Return means over squares of cells round each, which go on at the other side."""
    around = np.pad(values, side // 2, "wrap")
    return (squares(around, side) // side**2).astype(np.int32)
