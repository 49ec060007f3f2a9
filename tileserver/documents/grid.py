"""The tile grid in OGC's words: the scales of WebMercatorQuad, alias GoogleMapsCompatible."""

from __future__ import annotations

import math

from generator.grid.tile import TILE_SIZE

EARTH_RADIUS = 6_378_137.0
"""Metres; the sphere of Web Mercator."""

EDGE = math.pi * EARTH_RADIUS
"""Half the equator in EPSG:3857, metres: the grid reaches from -EDGE to EDGE both ways."""

PIXEL = 0.00028
"""What OGC takes as the size of a pixel on a screen, metres."""

LAST_MATRIX = 24
"""The registered set goes down to this zoom, beyond the tiles of this server."""


def cell_size(zoom: int) -> float:
    """Return the width of a pixel at the equator, metres."""
    return 2 * EDGE / (TILE_SIZE << zoom)


def geotransform(
    zoom: int, column: int, row: int
) -> tuple[float, float, float, float, float, float]:
    """Return how pixels from a tile's north-western corner on lie in EPSG:3857.

    Six numbers in the order of rasterio's Affine: x = a i + b j + c, y = d i + e j + f.
    """
    step = cell_size(zoom)
    west, north = column * TILE_SIZE * step - EDGE, EDGE - row * TILE_SIZE * step
    return step, 0.0, west, 0.0, -step, north


def scale_denominator(zoom: int) -> float:
    """Return the scale of a zoom on OGC's standard screen."""
    return cell_size(zoom) / PIXEL
