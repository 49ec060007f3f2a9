"""The tile grid in OGC's words: the scales of WebMercatorQuad, alias GoogleMapsCompatible."""

from __future__ import annotations

import math

from generator.grid.tile import TILE_SIZE

EDGE = math.pi * 6378137.0
"""Half the equator in EPSG:3857, metres: the grid reaches from -EDGE to EDGE both ways."""

PIXEL = 0.00028
"""What OGC takes as the size of a pixel on a screen, metres."""

LAST_MATRIX = 24
"""The registered set goes down to this zoom, beyond the tiles of this server."""


def cell_size(zoom: int) -> float:
    """Return the width of a pixel at the equator, metres."""
    return 2 * EDGE / (TILE_SIZE << zoom)


def scale_denominator(zoom: int) -> float:
    """Return the scale of a zoom on OGC's standard screen."""
    return cell_size(zoom) / PIXEL
