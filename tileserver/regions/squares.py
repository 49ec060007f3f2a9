"""The squares of a block of a picture, each with the corners of what it shows on the map."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import TILE_SIZE
from tileserver.regions.crs import Floats, turned
from tileserver.regions.pixelgrid import PixelGrid

SQUARE = 8
"""Pixels along a square, within which the map is taken as bilinear in the picture."""

_MOST_SAMPLES = 8
"""Samples along a pixel at most; a pixel that spans more source pixels than these misses some."""
_FIXED = 1 << 16
"""Parts of a source pixel to which corners are rounded."""
_EDGE = 0.01
"""Source pixels from the map's edge that are none: a box's corner is rounded by less."""
_ROUND = 1e-3
"""Ratios of samples this close to a power of two, in octaves, are that power."""

Rectangle: TypeAlias = tuple[int, int, int, int]
"""Left, top, right and lower edge, in pixels of the grid."""
Place: TypeAlias = tuple[int, int]
"""Two numbers, of columns and of rows."""


@dataclass(frozen=True)
class Squares:
    """Squares of a grid.

    places: column and row of each one's north-western pixel, int64 [n, 2]. sides: its pixels along
    a side, int64 [n]: SQUARE, or 1 along the edges of the map and of what is on Earth. corners: of
    what it shows, north-west, south-west, south-east, north-east, in pixels of the zoom's map,
    which goes on beyond its sides, float64 [n, 4, 2]. samples: of a pixel across and down, powers
    of two.
    """

    places: NDArray[np.int64]
    sides: NDArray[np.int64]
    corners: Floats
    samples: Place

    @classmethod
    def of(cls, grid: PixelGrid, zoom: int, area: Rectangle) -> Squares:
        """Return the squares on Earth of an area whose sides are whole squares."""
        left, top, right, low = area
        columns, rows = np.arange(left, right + 1, SQUARE), np.arange(top, low + 1, SQUARE)
        u, v = grid.shares(*(line.astype(float) for line in np.meshgrid(columns, rows)))
        finite = np.isfinite(u)
        if not finite.any():
            nothing = np.zeros((0, 2), np.int64)
            return cls(nothing, nothing[:, 0], np.zeros((0, 4, 2)), (2, 2))
        side, reference = TILE_SIZE << zoom, float(u[finite][finite.sum() // 2])
        corners, good = _corners(u, v, reference)
        places = np.stack(np.meshgrid(columns[:-1], rows[:-1]), 2).reshape(-1, 2)
        # What is on Earth or on the map in part is cut into its pixels.
        known = good.all(1)
        torn = good.any(1) & (~known | _crosses(corners[..., 1] * side, side))
        whole = known & ~torn
        cut = [_pixels(grid, (int(x), int(y)), reference) for x, y in places[torn]]
        sides = np.full(int(whole.sum()), SQUARE, np.int64)
        return cls(
            np.concatenate([places[whole], *(part[0] for part in cut)]),
            np.concatenate([sides, *(np.ones(len(part[0]), np.int64) for part in cut)]),
            _fixed(np.concatenate([corners[whole], *(part[1] for part in cut)]) * side, side),
            _samples(corners[known] * side, side),
        )

    def within(self, area: Rectangle, side: int) -> Squares:
        """Return those that meet an area and the map, which is `side` pixels high."""
        left, top, right, low = area
        (x, y), (high, deep) = self.places.T, _ends(self.corners[..., 1])
        meets = (x < right) & (x + self.sides > left) & (y < low) & (y + self.sides > top)
        kept = meets & (high < side) & (deep > 0)
        return Squares(self.places[kept], self.sides[kept], self.corners[kept], self.samples)

    def fills(self, area: Rectangle, side: int) -> bool:
        """Whether the squares cover an area with nothing but map, which is `side` pixels high."""
        left, top, right, low = area
        (x, y), (high, deep) = self.places.T, _ends(self.corners[..., 1])
        wide = np.minimum(x + self.sides, right) - np.maximum(x, left)
        tall = np.minimum(y + self.sides, low) - np.maximum(y, top)
        inside = (wide > 0) & (tall > 0) & (high >= 0) & (deep <= side)
        return int((wide * tall)[inside].sum()) == (right - left) * (low - top)

    def mesh(self, origin: Place, corner: Place) -> Iterator[tuple[Rectangle, tuple[float, ...]]]:
        """Yield what Pillow's mesh takes: boxes of a picture of samples, and corners of a source.

        origin: the grid's pixel at the picture's corner. corner: the map's pixel at the source's.
        """
        lefts = (self.places - origin) * self.samples
        rights = lefts + self.sides[:, None] * self.samples
        sources = (self.corners - corner).reshape(-1, 8)
        for box, quad in zip(np.concatenate((lefts, rights), 1), sources, strict=True):
            left, top, right, low = (int(edge) for edge in box)
            yield (left, top, right, low), tuple(quad.tolist())


def _corners(u: Floats, v: Floats, reference: float) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the corners of the squares between points, in shares, and which are on Earth.

    u, v: float64 [rows + 1, columns + 1]. Each square's corners are at most half the map apart.
    Shapes [rows columns, 4, 2] and [rows columns, 4].
    """
    around = (slice(None, -1), slice(None, -1)), (slice(1, None), slice(None, -1))
    back = (slice(1, None), slice(1, None)), (slice(None, -1), slice(1, None))
    x, y = (np.stack([at[place].ravel() for place in (*around, *back)], 1) for at in (u, v))
    first = np.fmin.reduce(x, 1, keepdims=True)
    first = reference + turned(first - reference)
    x = first + turned(x - first)
    return np.stack((x, y), 2), np.isfinite(x)


def _pixels(grid: PixelGrid, place: Place, reference: float) -> tuple[NDArray[np.int64], Floats]:
    """Return the pixels of a square that are on Earth: their places and corners in shares."""
    columns, rows = (start + np.arange(SQUARE + 1) for start in place)
    u, v = grid.shares(*(line.astype(float) for line in np.meshgrid(columns, rows)))
    corners, good = _corners(u, v, reference)
    places = np.stack(np.meshgrid(columns[:-1], rows[:-1]), 2).reshape(-1, 2)
    return places[good.all(1)], corners[good.all(1)]


def _crosses(y: Floats, side: int) -> NDArray[np.bool_]:
    """Return which squares, float64 [n, 4], lie across the map's northern or southern edge."""
    with np.errstate(invalid="ignore"):
        high, deep = _ends(y)
        north, south = ((high < edge - _EDGE) & (deep > edge + _EDGE) for edge in (0, side))
    crosses: NDArray[np.bool_] = north | south
    return crosses


def _fixed(corners: Floats, side: int) -> Floats:
    """Return corners in whole parts of a pixel; what all but lies on the map's edge lies there."""
    fixed: Floats = np.round(corners * _FIXED) / _FIXED
    y = fixed[..., 1]
    y[np.abs(y) < _EDGE] = 0
    y[np.abs(y - side) < _EDGE] = side
    return fixed


def _ends(values: Floats) -> tuple[Floats, Floats]:
    """Return the least and the greatest of each row, float64 [n, m]."""
    return values.min(1), values.max(1)


def _samples(corners: Floats, side: int) -> Place:
    """Return how many samples a pixel needs each way: one for each source pixel that it spans."""
    high, deep = _ends(corners[..., 1])
    seen = corners[(deep > 0) & (high < side)]
    north_west, south_west, south_east, north_east = np.moveaxis(seen, 1, 0)
    across = north_east - north_west, south_east - south_west
    down = south_west - north_west, south_east - north_east
    return _enough(across), _enough(down)


def _enough(edges: tuple[Floats, Floats]) -> int:
    """Return the samples along a pixel for edges of squares, each float64 [n, 2]."""
    span = np.abs(edges).max(initial=SQUARE) / SQUARE
    octaves = max(1, math.ceil(math.log2(span) - _ROUND))
    return int(min(1 << octaves, _MOST_SAMPLES))
