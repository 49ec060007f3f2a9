"""What a client of OGC API - Maps asks for, in keys and values: which pixels of which system."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

import numpy as np

from generator.grid.tile import MAX_ZOOM
from tileserver.errors import BadRequestError, shortened
from tileserver.regions.crs import CRS84, EDGE, WEB_MERCATOR, Crs, requested
from tileserver.regions.gridblock import GridPicture
from tileserver.regions.pixelgrid import PixelGrid
from tileserver.regions.view import MAX_SIDE

DEFAULT_SIDE = 1024
"""Pixels of the longer side where neither width nor height is given."""

MOST_TILES = 1024
"""Tiles that a map may need; where a projection does not stretch the Earth, some 300 are enough."""

MOST_SAMPLES = 64_000_000
"""Samples that a map may take: some five seconds of drawing."""

UNKNOWN = ("center", "subset", "scale-denominator", "mm-per-pixel", "orientation")
"""Parameters of the standard that would change what is shown, and that are not known here."""

_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[-+]?[0-9]{1,3})?", re.ASCII | re.I)
_LONGEST = 40
_PROBES = 21
"""Places along each side of a box at which it is taken to another system."""

Box = tuple[float, float, float, float]


def parse_map(query: Mapping[str, str], max_zoom: int = MAX_ZOOM) -> GridPicture:
    """Return the picture that a query asks for: bbox, bbox-crs, crs, width and height.

    max_zoom: the finest that there is. Raises BadRequestError for what cannot be, and for what
    would be too much.
    """
    for name in UNKNOWN:
        if name in query:
            raise BadRequestError(
                f"{name}= is not understood here, expected bbox=, bbox-crs=, crs=, width=, height="
            )
    crs = requested(query.get("crs", WEB_MERCATOR))
    box = _box(query, crs)
    grid = PixelGrid.fitted(crs, box, _size(query, box))
    picture = GridPicture(grid, grid.zoom(max_zoom)[0])
    reads, samples = picture.reads, picture.samples
    if reads > 4 * MOST_TILES or samples > MOST_SAMPLES or len(picture.tiles()) > MOST_TILES:
        raise BadRequestError(
            f"the map needs more than {MOST_TILES:,} tiles or {MOST_SAMPLES / 1e6:.0f} million "
            "samples, expected fewer pixels, or a system that stretches the Earth less"
        )
    return picture


def ordered(box: Box, crs: Crs) -> Box:
    """Return west, south, east, north in the order of the system's registry, or back from it."""
    a, b, c, d = box
    return (b, a, d, c) if crs.swapped else box


def _box(query: Mapping[str, str], crs: Crs) -> Box:
    """Return the box in the map's own system."""
    text = query.get("bbox")
    if text is None:
        return _projected(_clipped(crs.area), requested(CRS84), crs)
    given = requested(query.get("bbox-crs", CRS84))
    numbers = [_number(part) for part in text.split(",")]
    if len(numbers) == 6:  # heights are of no account
        del numbers[5], numbers[2]
    if len(numbers) != 4:
        raise BadRequestError(
            f"the box is '{shortened(text)}', expected four numbers: both coordinates of its lower "
            "left corner, then those of its upper right"
        )
    west, south, east, north = ordered((numbers[0], numbers[1], numbers[2], numbers[3]), given)
    if given.degrees and west > east:
        east += 360
    if not (west < east and south < north):
        raise BadRequestError(
            f"the box is '{shortened(text)}', expected its lower left corner below and left of its "
            f"upper right in the order of axes of {given.name}"
        )
    box = west, south, east, north
    return box if given.name == crs.name else _projected(box, given, crs)


def _projected(box: Box, given: Crs, crs: Crs) -> Box:
    """Return the least box of a system that holds a box of another."""
    west, south, east, north = _clipped(box) if given.degrees and crs.is_mercator else box
    grid = np.meshgrid(np.linspace(west, east, _PROBES), np.linspace(south, north, _PROBES))
    x, y = crs.from_degrees(*given.to_degrees(*grid))
    good = np.isfinite(x) & np.isfinite(y)
    if not good.any() or np.ptp(x[good]) <= 0 or np.ptp(y[good]) <= 0:
        raise BadRequestError(f"the box has no extent in {crs.name}, expected one that lies there")
    x, y = x[good], y[good]
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _clipped(box: Box) -> Box:
    """Return a box of degrees without what lies beyond the map."""
    limit = math.degrees(math.atan(math.sinh(math.pi)))
    return box[0], max(box[1], -limit), box[2], min(box[3], limit)


def _size(query: Mapping[str, str], box: Box) -> tuple[int, int]:
    """Return width and height; what is not given follows from the shape of the box."""
    ratio = (box[2] - box[0]) / (box[3] - box[1])
    width, height = _pixels(query, "width"), _pixels(query, "height")
    if width is None and height is None:
        width, height = (DEFAULT_SIDE, None) if ratio >= 1 else (None, DEFAULT_SIDE)
    if width is None:
        width = _whole((height or 0) * ratio)
    if height is None:
        height = _whole(width / ratio)
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise BadRequestError(
            f"the map is {width}x{height}, expected 1 to {MAX_SIDE} pixels each way"
        )
    return width, height


def _whole(side: float) -> int:
    """Return a side that follows from another, within bounds that a message can show."""
    return max(1, round(min(side, 10.0**9)))


def _pixels(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise BadRequestError(
            f"the {name} is '{shortened(text, 40)}', expected 1 to {MAX_SIDE} pixels"
        )
    return int(text)


def _number(text: str) -> float:
    found = len(text) <= _LONGEST and _NUMBER.fullmatch(text.strip())
    if not found or abs(float(text)) > 2 * EDGE:
        raise BadRequestError(
            f"the box has '{shortened(text, 40)}', expected a number such as 46.8"
        )
    return float(text)
