"""Coordinate reference systems of pictures: from their coordinates to places on the map and back.

Web Mercator and degrees are known here; all others need pyproj.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE
from tileserver.errors import BadRequestError, shortened

Floats = NDArray[np.float64]
Transform = Callable[[Floats, Floats], tuple[Floats, Floats]]

EDGE = EQUATOR_RESOLUTION * TILE_SIZE / 2
"""Half the equator in EPSG:3857, metres."""

WEB_MERCATOR, CRS84 = "EPSG:3857", "OGC:CRS84"

_WORLD = (-180.0, -90.0, 180.0, 90.0)
_OGC = "http://www.opengis.net/def/crs/"
_URI = re.compile(r"https?://www\.opengis\.net/def/crs/(EPSG|OGC)/[0-9.]{1,8}/([A-Z0-9]{1,9})")
_CURIE = re.compile(r"\[?(EPSG|OGC):([A-Z0-9]{1,9})\]?", re.IGNORECASE)
_LIMIT = 90 - 1e-9
"""Latitudes beyond this, in degrees, lie there: Mercator's poles are infinitely far away."""


@dataclass(frozen=True, slots=True)
class Crs:
    """A reference system with x to the east and y to the north, whatever order its registry has.

    name: as messages and GDAL call it, such as EPSG:3035, or its WKT. degrees: whether its unit is
    the degree. unit: metres of its unit, 1 for degrees. swapped: whether its registry puts y before
    x. area: west, south, east, north of where it is used, in degrees. to_degrees, from_degrees:
    take coordinates to longitude and latitude and back; what is nowhere becomes infinite.
    """

    name: str
    degrees: bool
    unit: float
    swapped: bool
    area: tuple[float, float, float, float]
    to_degrees: Transform
    from_degrees: Transform

    @property
    def is_mercator(self) -> bool:
        """Whether its axes are the tiles' own."""
        return self.name == WEB_MERCATOR

    @property
    def uri(self) -> str:
        """OGC's address of it, for one that has a registry's code."""
        authority, _, code = self.name.partition(":")
        return f"{_OGC}{authority}/{'1.3' if authority == 'OGC' else '0'}/{code}"

    def shares(self, x: Floats, y: Floats, slack: float) -> tuple[Floats, Floats]:
        """Return where coordinates lie on the map: shares of its width and of its height.

        Shares of the width repeat every 1; those of the height run from 0 in the north to 1 in the
        south, and beyond where the map ends. NaN both for what is nowhere on Earth: what comes
        back from degrees elsewhere by more than `slack`, in the system's unit.
        """
        if self.is_mercator:
            return x / (2 * EDGE) + 0.5, 0.5 - y / (2 * EDGE)
        longitude, latitude = self.to_degrees(x, y)
        with np.errstate(invalid="ignore", divide="ignore"):
            again = self.from_degrees(longitude, latitude)
            off = np.hypot(again[0] - x, again[1] - y)
            good = (off <= slack) & (np.abs(latitude) <= 90)
            u = longitude / 360 + 0.5
            clipped = np.radians(np.clip(latitude, -_LIMIT, _LIMIT))
            v = 0.5 - np.arcsinh(np.tan(clipped)) / (2 * np.pi)
        return np.where(good, u, np.nan), np.where(good, v, np.nan)

    def point(self, longitude: float, latitude: float) -> tuple[float, float]:
        """Return the coordinates of a place. Raises BadRequestError where it has none."""
        x, y = self.from_degrees(np.array([longitude]), np.array([latitude]))
        if not np.isfinite([x, y]).all():
            raise BadRequestError(
                f"the place {latitude:g},{longitude:g} (latitude, longitude) has no coordinates in "
                f"{self.name}, expected a system that reaches there"
            )
        return float(x[0]), float(y[0])


def named(text: str) -> Crs:
    """Return the system of a code, such as EPSG:3035, or of any other text that pyproj reads.

    Raises BadRequestError for one that is unknown, and where pyproj is needed and not installed.
    """
    found = _CURIE.fullmatch(text.strip())
    name = f"{found[1].upper()}:{found[2].upper()}" if found else text.strip()
    return _known(name)


def requested(text: str) -> Crs:
    """Return the system that a client asks for: OGC's address of it, or [EPSG:3035].

    Nothing else is read, so that strangers cannot define systems of their own. Raises
    BadRequestError.
    """
    found = _URI.fullmatch(text) or _CURIE.fullmatch(text)
    if found is None:
        raise BadRequestError(
            f"the coordinate reference system is '{shortened(text)}', expected one such as "
            f"[EPSG:3035] or {_OGC}EPSG/0/3035"
        )
    return _known(f"{found[1].upper()}:{found[2].upper()}")


def turned(difference: Floats) -> Floats:
    """Return a difference of shares of the map's width, the shorter way round."""
    short: Floats = difference - np.round(difference)
    return short


def utm(longitude: float, latitude: float) -> str:
    """Return the code of the UTM zone of a place on WGS 84; UPS near the poles."""
    if not -80 <= latitude <= 84:
        return "EPSG:32661" if latitude > 0 else "EPSG:32761"
    zone = int((longitude + 180) % 360 // 6) + 1
    return f"EPSG:{(32600 if latitude >= 0 else 32700) + zone}"


@lru_cache(maxsize=64)
def _known(name: str) -> Crs:
    if name == WEB_MERCATOR:
        return Crs(name, False, 1.0, False, _WORLD, _from_mercator, _to_mercator)
    if name in (CRS84, "EPSG:4326"):
        return Crs(name, True, 1.0, name != CRS84, _WORLD, _same, _same)
    pyproj = _find_pyproj(name)
    try:
        system = pyproj.CRS.from_user_input(name).to_2d()
        forward = pyproj.Transformer.from_crs(CRS84, system, always_xy=True)
        back = pyproj.Transformer.from_crs(system, CRS84, always_xy=True)
        registered = pyproj.Transformer.from_crs(CRS84, system)
    except pyproj.exceptions.ProjError:
        system = None
    if system is None or not (system.is_projected or system.is_geographic):
        raise BadRequestError(
            f"the coordinate reference system {shortened(name)} is unknown or no map of the Earth, "
            "expected one such as EPSG:3035 or EPSG:32637"
        )
    code = ":".join(system.to_authority(min_confidence=100) or ()) or system.to_wkt()
    unit = float(system.axis_info[0].unit_conversion_factor)
    degrees = not system.is_projected
    area = system.area_of_use.bounds if system.area_of_use else _WORLD
    middle = area[0] + 1.0, (area[1] + area[3]) / 2 + 1.0
    swapped = registered.transform(*middle) != forward.transform(*middle)
    return Crs(code, degrees, 1.0 if degrees else unit, swapped, area, _by(back), _by(forward))


def _find_pyproj(name: str) -> Any:
    try:
        import pyproj
    except ImportError:
        raise BadRequestError(
            f"the coordinate reference system {shortened(name)} needs pyproj: install "
            f"elsewhere[geo], or take {WEB_MERCATOR}"
        ) from None
    return pyproj


def _by(transformer: Any) -> Transform:
    def transform(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        found: tuple[Floats, Floats] = transformer.transform(x, y)
        return found

    return transform


def _same(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    return x, y


def _from_mercator(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    return 180 * x / EDGE, np.degrees(np.arctan(np.sinh(np.pi * y / EDGE)))


def _to_mercator(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    clipped = np.radians(np.clip(latitude, -_LIMIT, _LIMIT))
    return longitude / 180 * EDGE, np.arcsinh(np.tan(clipped)) / np.pi * EDGE
