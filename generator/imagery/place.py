"""Where a pixel of an image lies and how large it is on the ground, from what the image says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from generator.grid.errors import ImageryError
from generator.grid.tile import EQUATOR_RESOLUTION
from generator.rasters import Georeference, find_rasterio

METRES_PER_DEGREE = EQUATOR_RESOLUTION * 256 / 360
"""Of latitude, and of longitude at the equator, on the sphere of Web Mercator."""
_LARGEST_DEGREES = 0.2
"""A pixel of more degrees than this, where no reference system is named, is taken for metres."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A pixel on the ground: width and height in metres, centre in degrees or None."""

    width: float
    height: float
    lat: float | None
    lon: float | None


class Locator(Protocol):
    """Tells where a point of an image lies; columns and rows are counted from its upper left."""

    def at(self, column: float, row: float) -> Ground:
        """Return the ground of a pixel centred there."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A known ground resolution, north up; lat and lon belong to the point (column, row)."""

    gsd: float
    lat: float | None = None
    lon: float | None = None
    column: float = 0.0
    row: float = 0.0

    def at(self, column: float, row: float) -> Ground:
        """Return the ground of a pixel centred there."""
        if self.lat is None or self.lon is None:
            return Ground(self.gsd, self.gsd, None, None)
        lat = self.lat - (row - self.row) * self.gsd / METRES_PER_DEGREE
        lat = max(-90.0, min(90.0, lat))
        narrowing = max(1e-3, math.cos(math.radians(lat)))
        east = (column - self.column) * self.gsd / METRES_PER_DEGREE / narrowing
        return Ground(self.gsd, self.gsd, lat, (self.lon + east + 180) % 360 - 180)


class Projected:
    """A place given by a transform and its reference system, as GeoTIFF and world files do.

    Where no system is named, coordinates that can be degrees of small pixels are taken for degrees,
    others for metres at an unknown place. Raises ImageryError when a named system cannot be used.
    """

    def __init__(self, name: str, place: Georeference) -> None:
        self.name, self.place = name, place
        a, b, c, d, e, f = place.transform
        self._degrees = (
            max(map(abs, (a, b, d, e))) < _LARGEST_DEGREES and abs(c) <= 360 and abs(f) <= 90
        )

    def at(self, column: float, row: float) -> Ground:
        """Return the ground of a pixel centred there."""
        a, b, c, d, e, f = self.place.transform
        if self.place.crs is None and not self._degrees:
            return Ground(math.hypot(a, d), math.hypot(b, e), None, None)
        steps = ((0, 0), (-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5))
        points = [(column + dx, row + dy) for dx, dy in steps]
        xs = [a * x + b * y + c for x, y in points]
        ys = [d * x + e * y + f for x, y in points]
        lons, lats = (xs, ys) if self.place.crs is None else self._to_degrees(xs, ys)
        width, height = (_metres(lats[i], lons[i], lats[i + 1], lons[i + 1]) for i in (1, 3))
        return Ground(width, height, lats[0], (lons[0] + 180) % 360 - 180)

    def _to_degrees(
        self, xs: Sequence[float], ys: Sequence[float]
    ) -> tuple[Sequence[float], Sequence[float]]:
        if find_rasterio() is None:
            raise ImageryError(f"{self.name} needs rasterio for its place: install elsewhere[geo]")
        from rasterio.warp import transform

        try:
            lons, lats = transform(self.place.crs, "EPSG:4326", xs, ys)
        except Exception as error:  # rasterio's own errors, some of them private
            raise ImageryError(f"the place of {self.name} cannot be used: {error}") from error
        if not all(map(math.isfinite, (*lons, *lats))):
            raise ImageryError(f"the place of {self.name} is not on Earth")
        return lons, lats


def _metres(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the distance of two near points in degrees."""
    middle = math.cos(math.radians((lat1 + lat2) / 2))
    east = ((lon2 - lon1 + 180) % 360 - 180) * middle
    return METRES_PER_DEGREE * math.hypot(lat2 - lat1, east)
