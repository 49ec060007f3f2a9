"""The points of a flight, as a text of coordinates or the lines and points of a GeoJSON file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tileserver.errors import FlightError

Point = tuple[float, float]
"""Longitude and latitude in degrees."""

MOST_POINTS = 10_000

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_PAIR = re.compile(rf"({_NUMBER}),({_NUMBER})")
_EXPECTED = "expected 'lat,lon lat,lon' with two or more points, or a GeoJSON file with a line"
_PARTS = {"FeatureCollection": "features", "GeometryCollection": "geometries"}
_DEGREES = (None, "EPSG:4326", "urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84")


def read_route(text: str) -> tuple[Point, ...]:
    """Return the points of a path given on the command line, none twice in a row.

    text: latitudes and longitudes such as '46.5,7.6 47.4,8.5', or the name of a GeoJSON file.
    Raises FlightError with one sentence.
    """
    name, tokens = f"the path {text!r}", re.sub(r"\s*,\s*", ",", text.strip()).split()
    pairs = [_PAIR.fullmatch(token.strip(";")) for token in tokens]
    if tokens and all(pairs):
        found = [(float(pair[2]), float(pair[1])) for pair in pairs if pair]
    elif Path(text).is_file():
        name = f"the path file {text}"
        found = list(_positions(_document(Path(text), name), name))
    else:
        raise FlightError(f"{name} is neither coordinates nor a file, {_EXPECTED}")
    return _checked(found, name)


def _checked(points: list[Point], name: str) -> tuple[Point, ...]:
    for longitude, latitude in points:
        if not (abs(longitude) <= 360 and abs(latitude) <= 90):
            raise FlightError(
                f"{name} has the point {latitude:g},{longitude:g}, expected latitudes of -90 to 90 "
                "and longitudes of -180 to 180 degrees"
            )
    kept = points[:1] + [after for before, after in pairwise(points) if not _same(before, after)]
    if len(kept) < 2:
        raise FlightError(f"{name} has {len(kept)} point{'s' * (len(kept) != 1)}, {_EXPECTED}")
    if len(kept) > MOST_POINTS:
        raise FlightError(f"{name} has {len(kept):,} points, expected at most {MOST_POINTS:,}")
    for before, after in pairwise(kept):
        if _opposite(before, after):
            raise FlightError(
                f"{name} goes from {before[1]:g},{before[0]:g} to the opposite side of the Earth, "
                "expected a point between them that says which way"
            )
    return tuple(kept)


def _same(one: Point, other: Point) -> bool:
    """Say whether two points are less than about a metre apart."""
    apart = abs((one[0] - other[0] + 180) % 360 - 180)
    return abs(one[1] - other[1]) < 1e-5 and (apart < 1e-5 or 90 - abs(one[1]) < 1e-5)


def _opposite(one: Point, other: Point) -> bool:
    apart = abs((one[0] - other[0]) % 360 - 180)
    return abs(one[1] + other[1]) < 1e-3 and (apart < 1e-3 or 90 - abs(one[1]) < 1e-3)


def _document(path: Path, name: str) -> dict[str, Any]:
    """Return a GeoJSON object in longitudes and latitudes. Raises FlightError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FlightError(f"{name} cannot be read ({error.strerror}), {_EXPECTED}") from None
    except (ValueError, RecursionError):
        raise FlightError(f"{name} is not GeoJSON, {_EXPECTED}") from None
    if not isinstance(document, dict):
        raise FlightError(f"{name} is not GeoJSON, {_EXPECTED}")
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    system = properties.get("name") if isinstance(properties, dict) else None
    if system not in _DEGREES:
        raise FlightError(f"{name} is in {system}, expected longitudes and latitudes (EPSG:4326)")
    return document


def _positions(part: Any, name: str) -> Iterator[Point]:
    """Yield the positions of a GeoJSON object's lines and points, in the file's order."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "Feature":
        if part.get("geometry") is not None:
            yield from _positions(part["geometry"], name)
    elif kind in _PARTS and isinstance(part.get(_PARTS[kind]), list):
        for inner in part[_PARTS[kind]]:
            yield from _positions(inner, name)
    elif kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        yield from _flat(part.get("coordinates"), name)
    else:
        raise FlightError(f"{name} holds {str(kind)[:40]!r}, expected lines or points")


def _flat(coordinates: Any, name: str) -> Iterator[Point]:
    """Yield the positions of coordinates nested however deep."""
    if isinstance(coordinates, list) and coordinates and isinstance(coordinates[0], list):
        for inner in coordinates:
            yield from _flat(inner, name)
        return
    numbers = coordinates[:2] if isinstance(coordinates, list) else []
    if len(numbers) < 2 or not all(type(value) in (int, float) for value in numbers):
        shown = json.dumps(coordinates)[:60]
        raise FlightError(f"{name} holds the position {shown}, expected [longitude, latitude]")
    yield float(numbers[0]), float(numbers[1])
