"""Towns: places with the radius of their built-up ground, sorted so that neighbours lie together.

A file of towns is the 16 bytes of every layer's file and then, compressed by LZMA, counts of the
cells and four planes of bytes: x and y in their cell, high bytes then low ones, and the radius.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layerfile import LayerFile, to_layer

KIND = "towns"

RADII_PER_OCTAVE = 8
"""A town's class is this many times the binary logarithm of its radius in units, rounded."""

CELL_BITS = 22
"""Towns are sorted by squares of 2**CELL_BITS units, some 157 km at the equator."""

CELLS = 1 << (30 - CELL_BITS)
"""Squares along the world."""

_STEP_BITS = 10
"""Positions are multiples of 2**_STEP_BITS units, 38 m at the equator."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TownTable:
    """Towns, square by square in rows and by x in each: int32 [n] positions in 2**-30 of the world.

    classes: uint8 [n], of radii; first: int64 [CELLS**2 + 1], the first town of each square.
    """

    x: NDArray[np.int32]
    y: NDArray[np.int32]
    classes: NDArray[np.uint8]
    first: Integers

    @classmethod
    def of(cls, x: Integers, y: Integers, classes: NDArray[np.uint8]) -> TownTable:
        """Sort towns of any order; positions lose what is finer than 38 m."""
        x, y = (at >> _STEP_BITS << _STEP_BITS for at in (x, y))
        square = (y >> CELL_BITS) * CELLS + (x >> CELL_BITS)
        order = np.lexsort((classes, y, x, square))
        counts = np.bincount(square, minlength=CELLS**2)
        first = np.concatenate([[0], counts.cumsum()])
        return cls(x[order].astype(np.int32), y[order].astype(np.int32), classes[order], first)

    @classmethod
    def open(cls, file: LayerFile) -> TownTable:
        """Unpack a file of towns; raises GeographyError for any other."""
        body = file.body(KIND)
        with file.damage():
            raw = np.frombuffer(lzma.decompress(body), np.uint8)
            counts = raw[: 2 * CELLS**2].view("<u2").astype(np.int64)
            first = np.concatenate([[0], counts.cumsum()])
            planes = raw[2 * CELLS**2 :].reshape(5, int(first[-1])).astype(np.int64)
        # Positions in a square, x as differences from the town before.
        square = np.repeat(np.arange(CELLS**2), counts)
        steps = (planes[0] << 8 | planes[1]).cumsum()
        inside = steps - np.concatenate([[0], steps])[first[:-1]][square]
        x = (square % CELLS << CELL_BITS) + (inside << _STEP_BITS)
        y = (square // CELLS << CELL_BITS) + ((planes[2] << 8 | planes[3]) << _STEP_BITS)
        return cls(x.astype(np.int32), y.astype(np.int32), planes[4].astype(np.uint8), first)

    def to_bytes(self) -> bytes:
        """Return the bytes of a file of these towns."""
        counts = np.diff(self.first)
        mask = (1 << CELL_BITS) - 1
        inside = (self.x.astype(np.int64) & mask) >> _STEP_BITS
        # Within a square x grows: only the differences are written.
        starts = self.first[:-1][counts > 0]
        steps = np.diff(inside, prepend=0)
        steps[starts] = inside[starts]
        down = (self.y.astype(np.int64) & mask) >> _STEP_BITS
        planes = [steps >> 8, steps & 255, down >> 8, down & 255, self.classes]
        raw = counts.astype("<u2").tobytes()
        raw += b"".join(plane.astype(np.uint8).tobytes() for plane in planes)
        return to_layer(KIND, lzma.compress(raw, preset=9 | lzma.PRESET_EXTREME))

    def within(self, columns: range, rows: range) -> Integers:
        """Return the towns in squares, whose columns wrap: int64 [n]."""
        parts = [np.zeros(0, np.int64)]
        for row in rows:
            if not 0 <= row < CELLS:
                continue
            for column in columns:
                at = row * CELLS + column % CELLS
                parts.append(np.arange(self.first[at], self.first[at + 1]))
        return np.concatenate(parts)
