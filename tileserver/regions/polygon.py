"""Polygons as the shape of a region.

Lines are straight in degrees, as RFC 7946 says, and so are the edges of tiles; nothing is
projected. The geometry is shapely's: validity, holes and a hundred thousand edges are its trade.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tileserver.errors import RegionError
from tileserver.regions.degrees import Degrees, Positions
from tileserver.regions.hilbert import Numbers
from tileserver.regions.region import ACROSS, INSIDE, OUTSIDE, Box, Kinds

_SNAP = 1e-6
"""A tile whose share of the polygon is this narrow (in tiles) only touches it: rounding."""


class PolygonShape:
    """Valid polygons, in degrees; parts beyond 180 degrees go on at the other side of the map.

    left_out: what a file held besides, for people, '' for nothing. Raises RegionError where the
    polygons have no area.
    """

    def __init__(self, polygons: list[Any], name: str, left_out: str = "") -> None:
        shapely = find_shapely()
        self.name, self.left_out = name, left_out
        whole = polygons[0] if len(polygons) == 1 else shapely.union_all(polygons)
        self._geometry = _wrapped(shapely, whole)
        if self._geometry.is_empty:
            raise RegionError(f"{name} has no area, expected polygons with one")
        shapely.prepare(self._geometry)
        self.bbox = _around(shapely, self._geometry)

    def relate(self, zoom: int, cells: int, x: Numbers, y: Numbers) -> Kinds:
        """Return how cells of a zoom lie to the polygons."""
        shapely = find_shapely()
        span, size = 1 << cells, 1 << zoom
        west, east = (x * span + _SNAP, (x + 1) * span - _SNAP)
        north, south = (y * span + _SNAP, (y + 1) * span - _SNAP)
        boxes = shapely.box(
            west * (360 / size) - 180,
            _latitudes(south / size),
            east * (360 / size) - 180,
            _latitudes(north / size),
        )
        kinds = np.full(x.shape, OUTSIDE, np.int8)
        kinds[shapely.intersects(self._geometry, boxes)] = ACROSS
        kinds[shapely.contains(self._geometry, boxes)] = INSIDE
        return kinds


class PolygonCollector:
    """The polygons of a file, taken to degrees, and how many other things are left out.

    name: of the file, for messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.polygons: list[Any] = []
        self._left_out: Counter[str] = Counter()
        self._degrees: dict[str | None, Degrees] = {}

    def take(self, rings: Sequence[Positions], crs: str | None) -> None:
        """Take a polygon, closed rings in a coordinate reference system; None for degrees."""
        if not rings:
            return self.leave_out("empty Polygon")
        if crs not in self._degrees:
            self._degrees[crs] = Degrees(crs, self.name)
        shapely = find_shapely()
        rings = self._degrees[crs].rings(list(rings))
        polygon = shapely.Polygon(rings[0], rings[1:])
        if not polygon.is_valid:
            # The area of rings that cross, as shapely understands it.
            polygon = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
        if polygon.area > 0:
            self.polygons.append(polygon)
        else:
            self.leave_out("Polygon without area")

    def leave_out(self, what: str) -> None:
        """Count what is no polygon."""
        self._left_out[what] += 1

    @property
    def left_out(self) -> str:
        """Return what was left out as people say it: '2 x Point, 1 x empty Polygon'."""
        return ", ".join(f"{count} x {what}" for what, count in self._left_out.items())


def find_shapely() -> Any:
    """Return the module shapely. Raises RegionError where it is not installed."""
    try:
        import shapely
    except ImportError:
        raise RegionError("reading polygons needs shapely: install elsewhere[geo]") from None
    return shapely


def _wrapped(shapely: Any, geometry: Any) -> Any:
    """Return the geometry with what lies beyond 180 degrees moved to where it belongs."""
    west, _, east, _ = geometry.bounds if not geometry.is_empty else (0, 0, 0, 0)
    if west >= -180 and east <= 180:
        return geometry
    world = shapely.box(-180, -90, 180, 90)
    turns = [shapely.transform(geometry, lambda at, t=turn: at + (t, 0)) for turn in (-360, 0, 360)]
    parts = shapely.get_parts(shapely.intersection(turns, world))
    return shapely.union_all([part for part in parts if part.area > 0])


def _around(shapely: Any, geometry: Any) -> Box:
    """Return the smallest box round the parts; west > east only where it crosses the dateline."""
    bounds = shapely.bounds(shapely.get_parts(geometry))
    south, north = float(bounds[:, 1].min()), float(bounds[:, 3].max())
    spans = sorted((west, east) for west, east in bounds[:, (0, 2)].tolist())
    first, reach, last = *spans[0], max(east for _, east in spans)
    gaps = [(first + 360 - last, first, last)]
    for west, east in spans[1:]:
        if west > reach:
            gaps.append((west - reach, west, reach))
        reach = max(reach, east)
    # Of equal gaps the first counts, the one across the dateline.
    _, west, east = max(gaps, key=lambda gap: round(gap[0], 9))
    return west, south, east, north


def _latitudes(rows: Any) -> Any:
    """Return the latitudes of rows, 0 at the map's upper edge and 1 at its lower, in degrees."""
    return np.degrees(np.arctan(np.sinh(math.pi * (1 - 2 * rows))))
