"""Polygons of a GeoJSON file as the shape of a region.

Lines are straight in degrees, as RFC 7946 says, and so are the edges of tiles; nothing is
projected. The geometry is shapely's: validity, holes and a hundred thousand edges are its trade.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tileserver.errors import RegionError
from tileserver.regions.hilbert import Numbers
from tileserver.regions.region import ACROSS, INSIDE, OUTSIDE, Box, Kinds

_SNAP = 1e-6
"""A tile whose share of the polygon is this narrow (in tiles) only touches it: rounding."""

_EXPECTED = "expected a Polygon, a MultiPolygon, or Features of these"


class PolygonShape:
    """Polygons, in degrees; parts beyond 180 degrees go on at the other side of the map.

    Raises RegionError when there is none, or one that is not on Earth.
    """

    def __init__(self, polygons: list[Any], name: str) -> None:
        shapely = find_shapely()
        self.name = name
        sound = [part if part.is_valid else _mended(shapely, part) for part in polygons]
        whole = sound[0] if len(sound) == 1 else shapely.union_all(sound)
        self._geometry = _wrapped(shapely, whole)
        if self._geometry.is_empty:
            raise RegionError(f"{name} has no area, {_EXPECTED}")
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


def read_polygon(path: Path) -> PolygonShape:
    """Read the polygons of a GeoJSON file. Raises RegionError with one sentence."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RegionError(
            f"the polygon file {path} cannot be read ({error.strerror}), expected GeoJSON"
        ) from None
    except (ValueError, RecursionError) as error:
        raise RegionError(f"the polygon file {path} is not JSON: {error}") from None
    shapely = find_shapely()
    name = f"the polygon file {path}"
    polygons = [
        shapely.Polygon(rings[0], rings[1:])
        for rings in (_rings(polygon, name) for polygon in _polygons(document, name))
    ]
    if not polygons:
        raise RegionError(f"{name} holds no polygon, {_EXPECTED}")
    return PolygonShape(polygons, name)


def find_shapely() -> Any:
    """Return the module shapely. Raises RegionError where it is not installed."""
    try:
        import shapely
    except ImportError:
        raise RegionError("reading polygons needs shapely: install elsewhere[geo]") from None
    return shapely


def _polygons(document: Any, name: str) -> Iterator[Any]:
    """Yield the coordinates of each polygon of a GeoJSON object, whatever they are."""
    kind = document.get("type") if isinstance(document, dict) else None
    inner = {"FeatureCollection": "features", "GeometryCollection": "geometries"}
    if kind == "Polygon":
        yield document.get("coordinates")
    elif kind == "MultiPolygon" and isinstance(document.get("coordinates"), list):
        yield from document["coordinates"]
    elif kind == "Feature":
        if document.get("geometry") is not None:
            yield from _polygons(document["geometry"], name)
    elif kind in inner and isinstance(document.get(inner[kind]), list):
        for part in document[inner[kind]]:
            yield from _polygons(part, name)
    else:
        raise RegionError(f"{name} holds {_shown(kind)}, {_EXPECTED}")


def _rings(polygon: Any, name: str) -> list[list[tuple[float, float]]]:
    """Return a polygon's rings. Raises RegionError for what RFC 7946 does not allow."""
    if not isinstance(polygon, list) or not polygon:
        raise RegionError(f"{name} holds a polygon without rings, expected at least one")
    rings = []
    for ring in polygon:
        if not isinstance(ring, list) or len(ring) < 4:
            raise RegionError(f"{name} holds a ring of less than four positions, expected a ring")
        points = [_position(position, name) for position in ring]
        if points[0] != points[-1]:
            raise RegionError(f"{name} holds a ring that is not closed, expected first = last")
        _check_edges(points, name)
        rings.append(points)
    return rings


def _position(position: Any, name: str) -> tuple[float, float]:
    sound = isinstance(position, list) and len(position) >= 2
    sound = sound and all(type(value) in (int, float) for value in position[:2])
    if not sound or not (abs(position[0]) <= 360 and abs(position[1]) <= 90):
        raise RegionError(
            f"{name} holds the position {_shown(position)}, "
            "expected longitude and latitude in degrees, such as [7.5, 46.9]"
        )
    return float(position[0]), float(position[1])


def _check_edges(points: list[tuple[float, float]], name: str) -> None:
    """Refuse an edge that most likely was meant to go the other way round the Earth."""
    for (west, _), (east, _) in zip(points, points[1:], strict=False):
        if abs(west - east) > 180 and not (abs(west) == abs(east) == 180):
            raise RegionError(
                f"{name} has an edge from {west:g} to {east:g} degrees, more than half round the "
                "Earth; expected a polygon that is cut at the antimeridian (RFC 7946) or goes "
                "on beyond 180, such as 182 for -178"
            )


def _mended(shapely: Any, polygon: Any) -> Any:
    """Return the area of a polygon whose rings cross, as shapely understands it."""
    return shapely.make_valid(polygon, method="structure", keep_collapsed=False)


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


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
