"""Random numbers with an address, in whole numbers: keys of 64 bits, and a table of Gumbel numbers.

`keys` mixes whole numbers as the SplitMix64 generator does. `spread` turns one key of a cell and
one word of each candidate into indices of `gumbel`, cheap enough for millions of pairs.
"""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]

GUMBEL_UNIT = 1 << 10
"""`gumbel` holds multiples of 1 / GUMBEL_UNIT."""

_GOLDEN = np.array([0x9E3779B97F4A7C15], np.uint64)
_FIRST = np.array([0xBF58476D1CE4E5B9], np.uint64)
_SECOND = np.array([0x94D049BB133111EB], np.uint64)
_SHORT = np.array([0x85EBCA6B], np.uint32)


def keys(*parts: int | Integers | Words, after: Words | None = None) -> Words:
    """Return one well-mixed key for each combination of whole numbers in [-2**63, 2**64).

    parts: numbers or arrays that broadcast together. Returns uint64 of their common shape, at
    least one dimension. The order of the parts matters. after: keys of the parts before, so that
    many combinations need not mix these again.
    """
    key = np.zeros(1, np.uint64) if after is None else after
    for part in parts:
        key = _mix((key ^ _words(part)) + _GOLDEN)
    return key


def spread(cells: NDArray[np.uint32], candidates: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return a number in [0, 65536) for each pair; the arrays broadcast together."""
    mixed = (cells ^ candidates) * _SHORT
    mixed ^= mixed >> np.uint32(15)
    mixed *= _SHORT
    mixed >>= np.uint32(16)
    return mixed


@cache
def gumbel() -> NDArray[np.int32]:
    """Return the Gumbel quantiles of the middles of 65536 equal slices, in 1 / GUMBEL_UNIT.

    int32 [65536], from -2,526 to 12,066. No quantile lies within 1e-6 of a rounding boundary, so
    that no difference between mathematics libraries can change a value.
    """
    values = (-math.log(-math.log((i + 0.5) / 65536)) for i in range(65536))
    table = np.array([math.floor(value * GUMBEL_UNIT + 0.5) for value in values], np.int32)
    table.setflags(write=False)
    return table


def _words(part: int | Integers | Words) -> Words:
    if isinstance(part, int):
        return np.array([part % (1 << 64)], np.uint64)
    return np.atleast_1d(part).astype(np.uint64)


def _mix(key: Words) -> Words:
    """Mix keys in place."""
    # The finalizer of SplitMix64.
    key ^= key >> np.uint64(30)
    key *= _FIRST
    key ^= key >> np.uint64(27)
    key *= _SECOND
    key ^= key >> np.uint64(31)
    return key
