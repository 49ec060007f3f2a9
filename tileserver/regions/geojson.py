"""Polygons of GeoJSON as RFC 7946 has them, and of its older form, whose objects may name a CRS."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tileserver.errors import RegionError, shortened
from tileserver.regions.degrees import Positions
from tileserver.regions.polygon import PolygonCollector

_OTHERS = ("Point", "MultiPoint", "LineString", "MultiLineString")
_INNER = {"FeatureCollection": "features", "GeometryCollection": "geometries"}
_EXPECTED = "expected a Polygon, a MultiPolygon, or Features of these"


def read_geojson(document: Any, found: PolygonCollector, crs: str | None = None) -> None:
    """Hand over what a GeoJSON object holds. Raises RegionError for what is not GeoJSON.

    crs: of the object that this one lies in.
    """
    kind = document.get("type") if isinstance(document, dict) else None
    crs = crs if kind is None else _reference(document, found.name, crs)
    if kind == "Polygon":
        found.take(_rings(document.get("coordinates"), found.name), crs)
    elif kind == "MultiPolygon" and isinstance(document.get("coordinates"), list):
        for polygon in document["coordinates"] or [[]]:
            found.take(_rings(polygon, found.name), crs)
    elif kind == "Feature":
        if document.get("geometry") is None:
            found.leave_out("Feature without geometry")
        else:
            read_geojson(document["geometry"], found, crs)
    elif kind in _INNER and isinstance(document.get(_INNER[kind]), list):
        for part in document[_INNER[kind]]:
            read_geojson(part, found, crs)
    elif kind in _OTHERS:
        found.leave_out(kind)
    else:
        raise RegionError(f"{found.name} holds {_shown(kind)}, {_EXPECTED}")


def _reference(document: dict[str, Any], name: str, outer: str | None) -> str | None:
    """Return the coordinate reference system that an object names, else the one round it."""
    given = document.get("crs")
    if given is None:
        return outer
    match given:
        case {"type": "name", "properties": {"name": str(named)}}:
            return named
        case {"type": "EPSG", "properties": {"code": int(code)}}:
            return f"EPSG:{code}"
    raise RegionError(
        f'{name} has the crs {_shown(given)}, expected one with a name: {{"type": "name", '
        '"properties": {"name": "EPSG:2056"}}'
    )


def _rings(polygon: Any, name: str) -> list[Positions]:
    """Return a polygon's rings. Raises RegionError for what RFC 7946 does not allow."""
    if not isinstance(polygon, list):
        raise RegionError(f"{name} holds a polygon without rings, expected a list of them")
    rings = []
    for ring in polygon:
        if not isinstance(ring, list) or len(ring) < 4:
            raise RegionError(f"{name} holds a ring of less than four positions, expected a ring")
        points = [_position(position, name) for position in ring]
        if points[0] != points[-1]:
            raise RegionError(f"{name} holds a ring that is not closed, expected first = last")
        rings.append(np.array(points))
    return rings


def _position(position: Any, name: str) -> tuple[float, float]:
    sound = isinstance(position, list) and len(position) >= 2
    if not sound or not all(type(value) in (int, float) for value in position[:2]):
        raise RegionError(
            f"{name} holds the position {_shown(position)}, expected two numbers, longitude and "
            "latitude, such as [7.5, 46.9]"
        )
    return float(position[0]), float(position[1])


def _shown(value: Any) -> str:
    return shortened(json.dumps(value))
