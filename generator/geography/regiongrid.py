"""A grid of regions with bent borders, each of which lays a map over the ground in its own way.

Positions are in units of 2**-30 of the world's width. All of it is whole numbers: what a pixel
shows depends on nothing but its address.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import NamedTuple, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from generator.geography.valuenoise import TILE_BITS, WORLD_BITS, middles, noise
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE

UNITS_PER_METRE = 27
"""At the equator, rounded."""

FINE_BITS = 8
"""Positions on a map are in 2**-8 cells."""

ANGLES = 32
"""Angles that a map may have, from 0 to 180 degrees."""

BANDS = 512
"""Bands of rows, from the map's upper to its lower edge, that have one scale each."""

_ODD, _WORD = 0x9E3779B97F4A7C15, (1 << 64) - 1
_SIZE_BITS, _TURN_BITS = 22, 10
_SCALE = 64

_SINES = (0, 100, 200, 297, 392, 483, 569, 650, 724, 792, 851, 903, 946, 980, 1004, 1019, 1024)
"""1024 times the sine of sixteenths of a right angle."""

Integers = NDArray[np.int64]
Cells = NDArray[np.int32]
Octaves = tuple[tuple[int, int], ...]
"""Wave lengths in bits of units, and 256 times their amplitudes in units."""

Number = TypeVar("Number", bound=np.generic)


class MapPositions(NamedTuple):
    """Where pixels lie on a map, in 2**-8 cells: down and along, int32 [h, w]."""

    down: Cells
    along: Cells


@dataclass(frozen=True, slots=True)
class Placement:
    """How a map lies on the ground.

    origin: its row and column, units; turn: cosine and sine in 1024ths; size: in 2**-22 cells a
    unit.
    """

    origin: tuple[int, int]
    turn: tuple[int, int]
    size: int

    @classmethod
    def of(cls, origin: tuple[int, int], angle: int, metres: int, scale: int) -> Placement:
        """Place a map as `Placements.of` does."""
        at = np.array([origin[0]]), np.array([origin[1]])
        return Placements.of(at, np.array([angle]), metres, np.array([scale])).one(0)

    def positions(
        self, ys: Integers, xs: Integers, bends: tuple[Integers, Integers]
    ) -> MapPositions:
        """Return where the pixels of rows ys and columns xs lie.

        bends: by how many units columns are moved down, int64 as xs, and rows across, as ys.
        """
        cosine, sine = (part * self.size for part in self.turn)
        y, x = ys - self.origin[0], xs - self.origin[1]
        moved_down, moved_across = bends
        # Both are sums of a part for each row and one for each column.
        along = _fine(y * sine + moved_across * cosine)[:, None]
        along = along + _fine(x * cosine + moved_down * sine)
        down = _fine(y * cosine - moved_across * sine)[:, None]
        down = down - _fine(x * sine - moved_down * cosine)
        return MapPositions(down, along)


class Placements(NamedTuple):
    """How several maps lie: as of `Placement`, each int64 [n]."""

    origin: tuple[Integers, Integers]
    turn: tuple[Integers, Integers]
    size: Integers

    @classmethod
    def of(
        cls, origin: tuple[Integers, Integers], angles: Integers, metres: int, scales: Integers
    ) -> Placements:
        """Place maps: cells are metres x scale / 64 long, angles are some of ANGLES."""
        bands, each = np.unique(origin[0] * BANDS >> WORLD_BITS, return_inverse=True)
        stretched = np.array([stretch(band) for band in bands.tolist()], np.int64)[each]
        cosine, sine = turns()[:, angles % ANGLES]
        long = metres * UNITS_PER_METRE * stretched * scales
        return cls(origin, (cosine, sine), (_SCALE * _SCALE << _SIZE_BITS) // long)

    def one(self, number: int) -> Placement:
        """Return how one of them lies."""
        (y, x), (cosine, sine) = self.origin, self.turn
        return Placement(
            (int(y[number]), int(x[number])),
            (int(cosine[number]), int(sine[number])),
            int(self.size[number]),
        )

    def positions(
        self,
        ys: Integers,
        xs: Integers,
        bends: tuple[Integers, Integers],
        which: NDArray[np.intp],
    ) -> MapPositions:
        """Return where the pixels of rows ys and columns xs lie on maps `which`, [h, w]."""
        if len(self.size) == 1:
            return self.one(0).positions(ys, xs, bends)
        (y, x), (cosine, sine) = self.origin, (part * self.size for part in self.turn)
        moved_down, moved_across = bends
        if len(self.size) * (len(ys) + len(xs)) > which.size:
            # More regions than pixels are long: each pixel for itself.
            y, x, cosine, sine = (each.take(which) for each in (y, x, cosine, sine))
            rows, columns, moved_across = ys[:, None] - y, xs - x, moved_across[:, None]
            along = _fine(rows * sine + moved_across * cosine)
            along += _fine(columns * cosine + moved_down * sine)
            down = _fine(rows * cosine - moved_across * sine)
            down -= _fine(columns * sine - moved_down * cosine)
            return MapPositions(down, along)
        y, x, cosine, sine = (each[:, None] for each in (y, x, cosine, sine))
        rows, columns = ys - y, xs - x
        # Of each map a part for each row and one for each column, of which pixels take theirs.
        at_row = which * len(ys) + np.arange(len(ys))[:, None]
        at_column = which * len(xs) + np.arange(len(xs))
        along = _fine(rows * sine + moved_across * cosine).take(at_row)
        along += _fine(columns * cosine + moved_down * sine).take(at_column)
        down = _fine(rows * cosine - moved_across * sine).take(at_row)
        down -= _fine(columns * sine - moved_down * cosine).take(at_column)
        return MapPositions(down, along)


class RegionPixels(NamedTuple):
    """The pixels of a rectangle and the regions that they lie in.

    rows, columns: of n regions, int64 [n]; turns: how far round the world each lies, in units,
    int64 [n]; which: number of each pixel's region, intp [h, w]; ys, xs, bends: of the pixels, as
    of `Placement.positions`.
    """

    rows: Integers
    columns: Integers
    turns: Integers
    which: NDArray[np.intp]
    ys: Integers
    xs: Integers
    bends: tuple[Integers, Integers]

    def positions(self, placed: Placements) -> MapPositions:
        """Return where each pixel lies on the map of its region; placed: maps of the n regions."""
        y, x = placed.origin
        # Columns beyond the map's edge go on.
        placed = placed._replace(origin=(y, x + self.turns))
        return placed.positions(self.ys, self.xs, self.bends, self.which)


class Placed(Protocol):
    """What has a map."""

    @property
    def placement(self) -> Placement:
        """Return how its map lies."""
        ...


Region = TypeVar("Region", bound=Placed)


@dataclass(frozen=True, slots=True)
class RegionGrid:
    """A grid of regions.

    bits: of a region's side in units; borders: octaves that bend them; bends: those that bend what
    lies in them; key: of both.
    """

    bits: int
    borders: Octaves
    bends: Octaves
    key: int

    def painted(
        self,
        zoom: int,
        area: Rectangle,
        region_at: Callable[[int, int], Region],
        draw: Callable[[Region, MapPositions], NDArray[np.uint32]],
    ) -> tuple[NDArray[np.uint32], list[Region]]:
        """Draw a rectangle of world pixels, region by region; returns uint32 [h, w], and these.

        region_at: returns the region of a row and a column; draw: a region's numbers of pixels, of
        which the bits from 8 to 23 are free: they become its place among those that are returned.
        """
        (ys, xs), (down, across), bends = self._bent(zoom, area)
        (rows, top), (columns, left) = self._parts(ys, down), self._parts(xs, across)
        alone = len(rows) == len(columns) == 1
        if not alone:
            row, column = self._numbered(ys[:, None], down), self._numbered(xs, across[:, None])
        numbers = np.zeros((len(ys), len(xs)), np.uint32)
        regions: list[Region] = []
        count = 1 << WORLD_BITS - self.bits
        for i, j in product(range(len(rows)), range(len(columns))):
            # The pixels that may lie in a region, then those that do.
            box = rows[i], columns[j]
            region = region_at(top + i, (left + j) % count)
            turns = (left + j) // count << WORLD_BITS
            inside = bends[0][box[1]], bends[1][box[0]]
            found = draw(region, region.placement.positions(ys[box[0]], xs[box[1]] - turns, inside))
            found |= np.uint32(len(regions) << 8)
            np.copyto(numbers[box], found, where=alone or (row[box] == i) & (column[box] == j))
            regions.append(region)
        return numbers, regions

    def pixels(self, zoom: int, area: Rectangle) -> RegionPixels:
        """Return a rectangle of world pixels with the regions that it may touch."""
        (ys, xs), (down, across), bends = self._bent(zoom, area)
        (rows, top), (columns, left) = self._parts(ys, down), self._parts(xs, across)
        row, column = np.divmod(np.arange(len(rows) * len(columns)), len(columns))
        turn, column = np.divmod(column + left, 1 << WORLD_BITS - self.bits)
        which = self._numbered(ys[:, None], down) * np.intp(len(columns))
        which = which + self._numbered(xs, across[:, None])
        return RegionPixels(row + top, column, turn << WORLD_BITS, which, ys, xs, bends)

    def _bent(self, zoom: int, area: Rectangle) -> tuple[tuple[Integers, Integers], ...]:
        """Return rows and columns, by how much they move borders, and what lies between them.

        The latter two: of columns, then of rows.
        """
        bits, (ys, xs) = WORLD_BITS - TILE_BITS - zoom, middles(zoom, area)
        start = np.zeros(1, np.int64)

        def waves(number: int, octaves: Octaves) -> tuple[Integers, Integers]:
            down = noise(self.key + number, octaves, start, xs, bits)[0]
            return down, noise(self.key + number + 1, octaves, ys, start, bits)[:, 0]

        return (ys, xs), waves(0, self.borders), waves(2, self.bends)

    def _numbered(self, at: Integers, bends: Integers) -> NDArray[np.int32]:
        """Return the regions' numbers along an axis, from the first on: int32 [h, w]."""
        start = int(at.flat[0] + bends.min()) >> self.bits << self.bits
        numbers = (at - start).astype(np.int32) + bends.astype(np.int32)
        numbers >>= self.bits
        return numbers

    def _parts(self, at: Integers, bends: Integers) -> tuple[list[slice], int]:
        """Return the parts of an axis in which each region may lie, and the first one's number.

        at: positions, int64 [n], in ascending order; bends: by how much borders are moved.
        """
        least, most = int(bends.min()), int(bends.max())
        first, last = int(at[0]) + least >> self.bits, int(at[-1]) + most >> self.bits
        starts = np.arange(first, last + 1, dtype=np.int64) << self.bits
        begin = np.searchsorted(at, starts - most)
        end = np.searchsorted(at, starts + (1 << self.bits) - least)
        return [slice(int(a), int(b)) for a, b in zip(begin, end, strict=True)], first


def turned(angle: int) -> tuple[int, int]:
    """Return 1024 times the cosine and the sine of one of ANGLES, modulo their number."""
    past = angle % 16
    if angle % ANGLES >= 16:
        return -_SINES[past], _SINES[16 - past]
    return _SINES[16 - past], _SINES[past]


def key_in(seed: int, key: int) -> int:
    """Return a key of a world's own: unlike for each seed in [0, 2**64), the key itself for 0."""
    return key ^ seed * _ODD & _WORD


@cache
def turns() -> Integers:
    """Return 1024 times the cosines and sines of all ANGLES: int64 [2, ANGLES]."""
    return np.array([turned(angle) for angle in range(ANGLES)], np.int64).T


def from_above(
    zoom: int, area: Rectangle, look: Callable[[int, Rectangle], NDArray[Number] | None]
) -> NDArray[Number] | None:
    """Return what is looked at two zooms above a rectangle's, alike in squares of 4 x 4 pixels.

    look: returns an array [h, w] of a rectangle of a zoom, or None, which is returned, too.
    """
    above = area.coarser(SCALE)
    found = look(zoom - 2, above)
    if found is None:
        return None
    top, left = area.y0 - SCALE * above.y0, area.x0 - SCALE * above.x0
    whole = found.repeat(SCALE, 0)[top : top + area.height].repeat(SCALE, 1)
    return whole[:, left : left + area.width]


def stretch(band: int) -> int:
    """Return 64 times the length of a metre in a band of rows over that at the equator.

    No value lies within 1e-6 of a rounding boundary, so that every machine has the same.
    """
    return round(exact_stretch(min(max(band, 0), BANDS - 1)))


@cache
def exact_stretch(band: int) -> float:
    """Return what `stretch` rounds."""
    return _SCALE * math.cosh(math.pi * (1 - (2 * band + 1) / BANDS))


def smoothed(numbers: NDArray[np.int16]) -> NDArray[np.int16]:
    """Smooth by 1, 2, 1 both ways, sixteen times: int16 [h + 2, w + 2, ...] to [h, w, ...]."""
    rows = numbers[:-2] + numbers[2:]
    rows += numbers[1:-1]
    rows += numbers[1:-1]
    sums = rows[:, :-2] + rows[:, 2:]
    sums += rows[:, 1:-1]
    sums += rows[:, 1:-1]
    sums += np.int16(8)
    sums >>= np.int16(4)
    return sums


def _fine(lengths: Integers) -> Cells:
    """Return 2**-8 cells of products of units, 1024ths and sizes."""
    return (lengths >> _SIZE_BITS + _TURN_BITS - FINE_BITS).astype(np.int32)
