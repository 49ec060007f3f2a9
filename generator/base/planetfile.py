"""A user's picture of a whole planet as a base map has it: from 180 degrees W, north up.

What the file says of its place is followed: a map that begins at another meridian is rolled, one
that is south up or east left is flipped, and one of a part of the planet is refused.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generator.grid.errors import BaseMapError, ImageError
from generator.grid.pixels import Pixels
from generator.rasters import Georeference, filled, find_rasterio, open_picture, whole_of
from generator.rasters.samples import FLAG

MIN_WIDTH = 64
"""Least width of a planet's picture in pixels."""

_AXIS = re.compile(r'(?:SPHEROID|ELLIPSOID)\["[^"]*",\s*([\d.]+)')
"""In a reference system's text: the radius of its equator in metres."""

log = logging.getLogger("elsewhere")


@dataclass(frozen=True, slots=True)
class DegreeGrid:
    """Degrees of a pixel, and of the outer corner of the first one; steps may be negative."""

    west: float
    north: float
    across: float
    down: float


def check(path: Path) -> None:
    """Raise BaseMapError with one sentence for a picture whose header shows no whole planet."""
    try:
        with open_picture(path) as picture:
            _grid(path, picture.place, picture.width, picture.height)
    except ImageError as error:
        raise BaseMapError(f"base map: {error}") from error


def read(path: Path) -> Pixels:
    """Return the picture, uint8 [h, 2h, 3], holes filled. Raises BaseMapError with one sentence.

    What it had to guess, such as the stretch of 16-bit samples, is logged in one line.
    """
    try:
        with open_picture(path) as picture:
            grid = _grid(path, picture.place, picture.width, picture.height)
            whole = whole_of(f"image {path}", picture)
    except ImageError as error:
        raise BaseMapError(f"base map: {error}") from error
    for note in whole.notes:
        log.warning("base map: %s", note.partition(FLAG)[0])  # base maps have no such flags
    pixels = filled(whole.pixels, whole.mask)
    if grid is None:
        return pixels
    west, width = grid.west, pixels.shape[1]
    if grid.down > 0:
        pixels = pixels[::-1]
    if grid.across < 0:
        pixels, west = pixels[:, ::-1], west + width * grid.across
    # Whole pixels: a grid that is off by less than half of one is taken as it is.
    shift = round((west + 180) / abs(grid.across)) % width
    return np.ascontiguousarray(np.roll(pixels, shift, axis=1) if shift else pixels)


def _grid(path: Path, place: Georeference | None, width: int, height: int) -> DegreeGrid | None:
    """Return where a whole planet's pixels lie, None where nothing says so. Raises BaseMapError."""
    grid = None if place is None else _degrees(path, place)
    if grid is not None:
        east, south = grid.west + width * grid.across, grid.north + height * grid.down
        wide = abs(abs(east - grid.west) - 360) <= abs(grid.across)
        high = abs(max(grid.north, south) - 90) + abs(min(grid.north, south) + 90)
        if not (wide and high <= 2 * abs(grid.down)):
            raise BaseMapError(
                f"base map {path} covers {min(grid.west, east):.6g} to {max(grid.west, east):.6g} "
                f"degrees east and {min(grid.north, south):.6g} to {max(grid.north, south):.6g} "
                "north, expected a whole planet"
            )
    if width != 2 * height:
        raise BaseMapError(
            f"base map {path} has {width} x {height} pixels, expected a whole planet, twice as "
            "wide as high"
        )
    if width < MIN_WIDTH:
        raise BaseMapError(f"base map {path} is {width} pixels wide, expected at least {MIN_WIDTH}")
    return grid


def _degrees(path: Path, place: Georeference) -> DegreeGrid | None:
    """Return a place in degrees, None for numbers in no known system. Raises BaseMapError."""
    a, b, c, d, e, f = place.transform
    if not (math.isclose(b, 0, abs_tol=1e-9) and math.isclose(d, 0, abs_tol=1e-9)):
        raise BaseMapError(f"base map {path} is turned in its reference system, expected north up")
    rasterio = find_rasterio()
    if place.crs is None or rasterio is None:
        return DegreeGrid(c, f, a, e) if abs(c) <= 360 and abs(f) <= 91 else None
    crs = rasterio.crs.CRS.from_user_input(place.crs)
    if crs.is_geographic:
        return DegreeGrid(c, f, a, e)
    told: dict[str, Any] = crs.to_dict()
    axis = _AXIS.search(crs.to_wkt())
    if told.get("proj") != "eqc" or axis is None:
        raise BaseMapError(
            f"base map {path} is in another projection ({told.get('proj', 'unknown')}), expected "
            "an equirectangular picture"
        )
    # Equirectangular metres: a degree is as long on every meridian, and on every parallel.
    degree = math.radians(1) * float(axis[1]) / crs.linear_units_factor[1]
    wide = degree * math.cos(math.radians(float(told.get("lat_ts", 0))))
    west = float(told.get("lon_0", 0)) + (c - float(told.get("x_0", 0))) / wide
    north = float(told.get("lat_0", 0)) + (f - float(told.get("y_0", 0))) / degree
    return DegreeGrid(west, north, a / wide, e / degree)
