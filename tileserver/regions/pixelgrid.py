"""The pixels of a picture in any reference system: where they lie, and which zoom shows them.

Pixels lie on whole multiples of their size from the system's origin (GDAL's target-aligned pixels),
or at a fixed phase beside them. So a pixel is a pure function of the grid and its two numbers,
whichever picture shows it, and pictures of one grid lie side by side without a seam.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from generator.grid.tile import MAX_ZOOM, TILE_SIZE
from tileserver.errors import BadRequestError, shortened
from tileserver.regions.crs import EDGE, Crs, Floats, turned

PHASES = 1024
"""Parts of a pixel to which a picture's corner is rounded."""

BLOCK = 256
"""Pixels along the blocks that a picture is cut into."""

_EXACT = 1e-8
"""A pixel this close to a zoom's, in shares, is the zoom's: absorbs rounding of decimals."""
_FINE = 0.99
"""Source pixels per pixel that count as one: a zoom that is one hundredth coarser is fine enough.

The sphere of the map and the ellipsoid of most systems differ by up to 0.7 %.
"""
_PROBES = 33
"""Places along each side of a picture at which it is compared with the map."""

Step: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class PixelGrid:
    """A rectangle of pixels of a reference system.

    step: width and height of a pixel, in its unit. phase: share of a pixel, in parts of PHASES, by
    which the grid lies east and south of the origin. left, top: number of the first column, counted
    to the east, and of the first row, counted to the south. width, height: pixels.
    """

    crs: Crs
    step: Step
    phase: tuple[int, int]
    left: int
    top: int
    width: int
    height: int

    @classmethod
    def about(
        cls, crs: Crs, place: tuple[float, float], gsd: float, size: tuple[int, int]
    ) -> PixelGrid:
        """Return the grid of square pixels about a longitude and latitude.

        gsd: side of a pixel in metres of the system. Raises BadRequestError.
        """
        if crs.degrees:
            raise BadRequestError(
                f"the coordinate reference system {shortened(crs.name)} is not a projected one, "
                "expected one whose pixels have a size in metres, such as EPSG:3857"
            )
        x, y = crs.point(*place)
        side = _snapped(crs, gsd / crs.unit)
        left, top = round(x / side - size[0] / 2), round(-y / side - size[1] / 2)
        return cls(crs, (side, side), (0, 0), left, top, *size)

    @classmethod
    def fitted(
        cls, crs: Crs, box: tuple[float, float, float, float], size: tuple[int, int]
    ) -> PixelGrid:
        """Return the grid that fills a box: west, south, east, north in the system's coordinates.

        Its corner is rounded to a part of a pixel.
        """
        west, south, east, north = box
        step = (_snapped(crs, (east - west) / size[0]), _snapped(crs, (north - south) / size[1]))
        left, across = divmod(round(west / step[0] * PHASES), PHASES)
        top, down = divmod(round(-north / step[1] * PHASES), PHASES)
        return cls(crs, step, (across, down), left, top, *size)

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """Where the pixels lie: x = a column + b row + c, y = d column + e row + f."""
        x, y = self.corners(np.array([self.left]), np.array([self.top]))
        return self.step[0], 0.0, float(x[0]), 0.0, -self.step[1], float(y[0])

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, in the system's coordinates."""
        columns = np.array([self.left, self.left + self.width])
        x, y = self.corners(columns, np.array([self.top, self.top + self.height]))
        return float(x[0]), float(y[1]) + 0.0, float(x[1]), float(y[0]) + 0.0

    @property
    def blocks(self) -> tuple[range, range]:
        """The columns and rows of the blocks that it meets, counted from the grid's origin."""
        columns, rows = (
            range(start // BLOCK, -(-(start + length) // BLOCK))
            for start, length in ((self.left, self.width), (self.top, self.height))
        )
        return columns, rows

    @property
    def block_count(self) -> int:
        """How many blocks it meets."""
        columns, rows = self.blocks
        return len(columns) * len(rows)

    def corners(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return x of the western edges of columns, and y of the northern edges of rows."""
        x: Floats = (columns + self.phase[0] / PHASES) * self.step[0]
        y: Floats = -(rows + self.phase[1] / PHASES) * self.step[1]
        return x, y

    def shares(self, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Return where pixels' north-western corners lie on the map; NaN for nowhere on Earth.

        columns, rows: float64 of one shape. See `Crs.shares`.
        """
        return self.crs.shares(*self.corners(columns, rows), 0.01 * min(self.step))

    def is_native(self, zoom: int) -> bool:
        """Whether the pixels are the zoom's own, counted from the middle of the map."""
        cell = 2 * EDGE / (TILE_SIZE << zoom)
        return self.crs.is_mercator and self.step == (cell, cell) and self.phase == (0, 0)

    def fineness(self) -> float:
        """Return the fewest pixels of zoom 0 that a pixel spans anywhere in the picture.

        Raises BadRequestError where the picture shows nothing of the map.
        """
        columns, rows = np.meshgrid(
            np.linspace(self.left, self.left + self.width - 1, _PROBES),
            np.linspace(self.top, self.top + self.height - 1, _PROBES),
        )
        u, v = self.shares(columns, rows)
        across, down = self.shares(columns + 1, rows), self.shares(columns, rows + 1)
        # The four derivatives of the map by the picture; a longitude may step over the dateline.
        a, b = (turned(other[0] - u) for other in (across, down))
        c, d = across[1] - v, down[1] - v
        # The lesser singular value: how much a pixel spans where it spans least.
        whole, skew = np.hypot(a + d, b - c), np.hypot(a - d, b + c)
        least = np.abs(whole - skew) / 2 * TILE_SIZE
        seen = np.isfinite(least) & (v >= 0) & (v <= 1) & (least > 0)
        if not seen.any():
            raise BadRequestError(
                "the picture shows nothing of the map, which ends at 85.05 degrees north and south"
            )
        return float(least[seen].min())

    def zoom(self, max_zoom: int = MAX_ZOOM) -> tuple[int, float]:
        """Return the coarsest zoom that is as fine as the picture everywhere, and how fine it is.

        The second number tells how many of the zoom's pixels a pixel spans where it spans least:
        below _FINE only where max_zoom, the finest that there is, is not fine enough. Raises
        BadRequestError.
        """
        least = self.fineness()
        zoom = min(max(math.ceil(math.log2(_FINE / least)), 0), max_zoom)
        return zoom, least * (1 << zoom)

    def check_fine(self, max_zoom: int = MAX_ZOOM) -> int:
        """Return the zoom to draw from. Raises BadRequestError where none is fine enough."""
        zoom, spanned = self.zoom(max_zoom)
        if spanned < _FINE:
            side = self.step[0] * self.crs.unit
            finest = side / spanned
            raise BadRequestError(
                f"the ground resolution is {side:.4g} m, finer than the finest zoom here, expected "
                f"{math.ceil(finest * 100) / 100:.2f} m or more, or --zoom {max_zoom} to enlarge it"
            )
        return zoom


def _snapped(crs: Crs, side: float) -> float:
    """Return a pixel's side: a zoom's where it is one, otherwise of twelve digits."""
    if crs.is_mercator:
        zoom = round(math.log2(2 * EDGE / (TILE_SIZE * side)))
        cell = 2 * EDGE / TILE_SIZE / 2.0**zoom
        if abs(side / cell - 1) < _EXACT:
            return cell
    return float(f"{side:.12g}")
