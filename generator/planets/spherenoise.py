"""Gradient noise on a sphere: sums of octaves in three dimensions, so without seams or poles.

An octave is Perlin's gradient noise on a lattice that is turned at random. Everything is done by
sums, products, roundings and tables in a fixed order, and sines are rounded to 2**-30, so that
equal arguments give equal numbers on every machine.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_PRIMES = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_MIX = (0x2C1B3C6D, 0x297A2D39)
_STRETCH = 1.6
"""Brings an octave's values to about -1 to 1."""


def points(width: int, rows: NDArray[np.int64], columns: NDArray[np.int64] | None = None) -> Floats:
    """Return where pixels of an equirectangular map lie on the unit sphere: [3, rows, columns].

    z points north; rows may lie beyond the poles, where the map goes on along the far meridian.
    columns: in [0, width), None for all.
    """
    across_all = np.arange(width) if columns is None else columns
    longitude = (across_all + 0.5) * (2 * math.pi / width)
    latitude = math.pi / 2 - (rows + 0.5) * (2 * math.pi / width)
    across, up = _exact(np.cos(latitude)), _exact(np.sin(latitude))
    east, north = _exact(np.cos(longitude)), _exact(np.sin(longitude))
    flat = [across[:, None] * east, across[:, None] * north, np.repeat(up[:, None], len(east), 1)]
    return np.stack(flat).astype(np.float32)


def uniform(key: tuple[int, int], count: int) -> NDArray[np.float64]:
    """Return `count` numbers in [0, 1) that belong to a key, two integers in [0, 2**64)."""
    raw = np.random.Philox(key=np.array(key, np.uint64)).random_raw(count)
    return (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53


def directions(key: tuple[int, int], count: int) -> NDArray[np.float64]:
    """Return `count` unit vectors that belong to a key, evenly spread by chance: [count, 3]."""
    cube = 2 * uniform(key, 24 * count + 96).reshape(-1, 3) - 1
    square = cube[:, 0] ** 2 + cube[:, 1] ** 2 + cube[:, 2] ** 2
    inside = (square < 1) & (square > 0.01)
    return (cube[inside] / np.sqrt(square[inside])[:, None])[:count]


def fractal(
    seed: int, stream: int, place: Floats, spread: tuple[float, float], octaves: range
) -> Floats:
    """Return the sum of some octaves, octave k being gain**k of noise with frequency * 2**k.

    stream: 0 to 255, which of the seed's fields; place: [3, ...]; spread: (frequency, gain), the
    frequency in lattice cells per radius of the sphere.
    """
    frequency, gain = spread
    total = np.zeros(place.shape[1:], np.float32)
    for k in octaves:
        total += np.float32(gain**k) * octave((seed, stream << 8 | k), place, frequency * 2**k)
    return total


def ridged(
    seed: int, stream: int, place: Floats, spread: tuple[float, float], octaves: range
) -> Floats:
    """Return like `fractal` the sum of octaves of sharp crests and broad valleys, each 0 to 1."""
    frequency, gain = spread
    total = np.zeros(place.shape[1:], np.float32)
    for k in octaves:
        crest = 1 - np.abs(octave((seed, stream << 8 | k), place, frequency * 2**k))
        total += np.float32(gain**k) * np.maximum(crest, 0) ** 2
    return total


def octave(key: tuple[int, int], place: Floats, frequency: float) -> Floats:
    """Return gradient noise of one frequency at points [3, ...], about -1 to 1."""
    axes, offset = _lattice(key)
    # The cell of the lattice that each point lies in, and where in it.
    cells, inside = [], []
    for axis, shift in zip(axes * np.float32(frequency), offset, strict=True):
        along = place[0] * axis[0] + place[1] * axis[1] + place[2] * axis[2] + shift
        floor = np.floor(along)
        cells.append(floor.astype(np.int32).astype(np.uint32))
        inside.append(along - floor)
    # A hash for the lower and the upper side of the cell along each axis.
    hashes = [
        (cell * np.uint32(prime), (cell + np.uint32(1)) * np.uint32(prime))
        for cell, prime in zip(cells, _PRIMES, strict=True)
    ]
    # The ramps of the eight corners, blended along x, y and z.
    fades = [t * t * t * (t * (t * 6 - 15) + 10) for t in inside]
    planes = []
    for dz in (0, 1):
        lines = []
        for dy in (0, 1):
            pair = [
                _corner(hashes[0][dx] ^ hashes[1][dy] ^ hashes[2][dz], inside, (dx, dy, dz), key[1])
                for dx in (0, 1)
            ]
            lines.append(pair[0] + fades[0] * (pair[1] - pair[0]))
        planes.append(lines[0] + fades[1] * (lines[1] - lines[0]))
    noise: Floats = np.float32(_STRETCH) * (planes[0] + fades[2] * (planes[1] - planes[0]))
    return noise


def smooth_step(start: float, end: float, values: Floats) -> Floats:
    """Return 0 before `start`, 1 after `end` (which may be the smaller), smooth between them."""
    t = np.clip((values - np.float32(start)) / np.float32(end - start), 0, 1)
    step: Floats = t * t * (3 - 2 * t)
    return step


def _corner(
    cell: NDArray[np.uint32], inside: list[Floats], corner: tuple[int, int, int], salt: int
) -> Floats:
    """Return the ramp that a lattice point adds: its gradient times the way from it."""
    cell = cell ^ np.uint32(salt * 0x27D4EB2F & 0xFFFFFFFF)
    for factor in _MIX:
        cell = (cell ^ (cell >> np.uint32(15))) * np.uint32(factor)
    index = (cell >> np.uint32(24)).astype(np.intp)
    table = _gradients()
    ramp: Floats = np.take(table[0], index) * (inside[0] - np.float32(corner[0]))
    ramp += np.take(table[1], index) * (inside[1] - np.float32(corner[1]))
    ramp += np.take(table[2], index) * (inside[2] - np.float32(corner[2]))
    return ramp


@lru_cache(maxsize=512)
def _lattice(key: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return a key's three orthogonal axes, [3, 3], and the lattice's offset from the centre."""
    first, second = directions(key, 2)
    second = second - first * (first * second).sum()
    second /= math.sqrt((second * second).sum())
    third = np.stack([
        first[1] * second[2] - first[2] * second[1],
        first[2] * second[0] - first[0] * second[2],
        first[0] * second[1] - first[1] * second[0],
    ])  # fmt: skip
    axes = np.stack([first, second, third]).astype(np.float32)
    return axes, (uniform((key[0], key[1] | 1 << 32), 3) * 256).astype(np.float32)


@lru_cache(maxsize=1)
def _gradients() -> Floats:
    """Return 256 unit vectors, evenly spread, [3, 256]."""
    return np.ascontiguousarray(directions((0, 1 << 40), 256).T.astype(np.float32))


def _exact(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to 2**-30, so that the last bits of a mathematics library do not matter."""
    rounded: NDArray[np.float64] = np.round(values * 2.0**30) * 2.0**-30
    return rounded
