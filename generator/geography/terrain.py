"""A map of eroded terrain: valleys with streams, ridges and gullies, of no place on the Earth.

`generator.geography.derive.terrain` makes it. It goes on at its other side.
"""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Self, TypeVar

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

SCALES, _FINE_SCALES = 6, 4
"""Maps of which each has cells twice as long as the one before, and of which heights are told
without what is coarser than 4.5 km."""

MOST = 127
"""What the steepest slope is, and the highest ridge."""

STREAMS = 0, 45, 70, 92, 110, 127, 127, 127
"""How much streams of each class count, by the land above them: a class each from 32 cells, 128,
512 ... on."""

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

Number = TypeVar("Number", bound=np.generic)
Integers = NDArray[np.int32]
Short = NDArray[np.int16]


@dataclass(frozen=True, eq=False)
class Terrain:
    """Slopes and heights at SCALES, int8 [n, n, 4] each, in [-MOST, MOST].

    Of each cell: how much it rises down and along the map, how far it lies over its surroundings
    of 1.4 km, and over the mean of all, all but the third without what is coarser than 4.5 km, but
    for heights from _FINE_SCALES on.
    streams: how much of one flows through each cell, up to MOST, int8 [n, n] at each scale.
    """

    slopes: tuple[NDArray[np.int8], ...]
    streams: tuple[NDArray[np.int8], ...] = ()
    digest: str = ""

    @classmethod
    def of(cls, heights: NDArray[np.int16], classes: NDArray[np.uint8], digest: str = "") -> Self:
        """Derive it from heights in metres and classes of streams, each [SIDE, SIDE]."""
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
        found, streams = [], []
        for scale in range(SCALES):
            parts = fine[0], fine[1], ridge, fine[2] if scale < _FINE_SCALES else high
            side = SIDE >> scale
            cells = np.stack(parts, -1).reshape(side, 1 << scale, side, 1 << scale, 4)
            found.append((cells.sum((1, 3), np.int32) >> 2 * scale).astype(np.int8))
            # The coarser it is, the larger are those that are seen.
            largest = classes.reshape(side, 1 << scale, side, 1 << scale).max((1, 3))
            streams.append(_softened(np.array(STREAMS).take(largest * (largest > scale))))
        return cls(tuple(found), tuple(streams), digest)

    def ranks(self, scale: int) -> NDArray[np.int16]:
        """Return 256ths of cells whose ridge and height add up to less: int16 [4 MOST + 1].

        The first is of -2 MOST.
        """
        return self._ranks[scale]

    @cached_property
    def _ranks(self) -> tuple[NDArray[np.int16], ...]:
        sums = (one[..., 2].astype(np.int64) + one[..., 3] + 2 * MOST for one in self.slopes)
        below = (np.bincount(one.ravel(), minlength=4 * MOST + 1).cumsum() for one in sums)
        return tuple((256 * one // one[-1]).astype(np.int16) for one in below)

    @classmethod
    def open(cls, file: LayerFile) -> Self:
        """Unpack a file; raises GeographyError for one of another kind and for a damaged one."""
        body = file.body(_KIND)
        with file.damage():
            raw = lzma.decompress(body, lzma.FORMAT_XZ)
            steps = np.frombuffer(raw[: 2 * SIDE * SIDE], np.int16).reshape(SIDE, SIDE)
            classes = np.frombuffer(raw[2 * SIDE * SIDE :], np.uint8).reshape(SIDE, SIDE)
            classes = classes.clip(0, len(STREAMS) - 1)
        # Sums along both axes undo the differences.
        return cls.of(steps.cumsum(0, np.int16).cumsum(1, np.int16), classes, file.digest)

    def at(self, scale: int, at: MapPositions, smooth: bool) -> Short:
        """Return what positions in cells of the first map have at one of SCALES: int16 [4, h, w].

        smooth: interpolated linearly between the middles of cells, and not that of the cell.
        """
        flat = self.slopes[scale].view(np.int32).reshape(-1)

        def unpacked(packed: NDArray[np.int32]) -> Short:
            parts = packed.view(np.int8).reshape(*packed.shape, 4)
            found = np.empty((4, *packed.shape), np.int16)
            for k, plane in enumerate(found):
                plane[:] = parts[..., k]
            return found

        return _looked_up(flat, unpacked, scale, at, smooth)

    def streams_at(self, scale: int, at: MapPositions, smooth: bool) -> Short:
        """Return how much of a stream positions have, up to MOST, as `at` does: int16 [h, w]."""

        def wide(found: NDArray[np.int8]) -> Short:
            return found.astype(np.int16)

        return _looked_up(self.streams[scale].reshape(-1), wide, scale, at, smooth)


def _looked_up(
    flat: NDArray[Number],
    unpacked: Callable[[NDArray[Number]], Short],
    scale: int,
    at: MapPositions,
    smooth: bool,
) -> Short:
    """Return what cells of one of SCALES have at positions, or between them what is smooth."""
    bits, last = FINE_BITS + scale, (SIDE >> scale) - 1

    def cells(down: NDArray[np.int32], along: NDArray[np.int32]) -> Short:
        return unpacked(flat.take((down & last) << SIDE_BITS - scale | along & last))

    if not smooth:
        return cells(at.down >> bits, at.along >> bits)
    half = 1 << bits - 1
    down, along = at.down - half, at.along - half
    row, column = down >> bits, along >> bits
    # 64ths of the way to the next cell.
    low, right = (((part & (1 << bits) - 1) >> bits - 6).astype(np.int16) for part in (down, along))
    above, below = (
        (cells(row + k, column) * (64 - right) + cells(row + k, column + 1) * right) >> 6
        for k in (0, 1)
    )
    found: Short = (above * (64 - low) + below * low) >> 6
    return found


def to_bytes(heights: NDArray[np.int16], classes: NDArray[np.uint8]) -> bytes:
    """Return the bytes of a file of heights in metres and classes of streams, each [SIDE, SIDE]."""
    steps = np.diff(np.diff(heights, axis=1, prepend=np.int16(0)), axis=0, prepend=np.int16(0))
    parts = steps.astype(np.int16).tobytes(), np.ascontiguousarray(classes).tobytes()
    packed = (lzma.compress(part, lzma.FORMAT_XZ, filters=_FILTERS) for part in parts)
    return to_layer(_KIND, b"".join(packed))


@cache
def terrain() -> Terrain:
    """Return the map that is part of the product, 7.0 MiB."""
    return Terrain.open(LayerFile.read(FILE))


def _softened(lines: NDArray[np.int64]) -> NDArray[np.int8]:
    """Return lines, one cell wide, with half of what they are on both sides."""
    for axis in (0, 1):
        lines = np.roll(lines, 1, axis) + 2 * lines + np.roll(lines, -1, axis)
    return (lines >> 3).clip(0, MOST).astype(np.int8)


def _means(values: Integers, side: int) -> Integers:
    """Return means over squares of cells round each, which go on at the other side."""
    around = np.pad(values, side // 2, "wrap")
    return (squares(around, side) // side**2).astype(np.int32)
