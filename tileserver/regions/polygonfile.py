"""Reads the polygons of a file as the shape of a region, and says what else the file holds.

GeoJSON is read here, so that a mistake in it can be named; all other kinds by GDAL's vector drivers
through pyogrio: GeoJSONSeq, GeoPackage, Shapefile, FlatGeobuf and more.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tileserver.errors import RegionError
from tileserver.regions.geojson import read_geojson
from tileserver.regions.polygon import PolygonCollector, PolygonShape
from tileserver.regions.vectorlayer import read_layer

KINDS = "GeoJSON, GeoJSONSeq, GeoPackage, Shapefile or FlatGeobuf"

_EXPECTED = "expected a Polygon, a MultiPolygon, or Features of these"


def read_polygon(path: Path, layer: str | None = None) -> PolygonShape:
    """Read the polygons of a file. Raises RegionError with one sentence.

    layer: which one to read, for a file that has several.
    """
    found = PolygonCollector(f"the polygon file {path}")
    document = _json(path, found.name)
    if document is None:
        read_layer(path, layer, found, KINDS)
    elif layer is not None:
        raise RegionError(f"{found.name} is GeoJSON, which has no layers, expected no --layer")
    else:
        read_geojson(document, found)
    if not found.polygons:
        besides = f" (left out: {found.left_out})" if found.left_out else ""
        raise RegionError(f"{found.name} holds no polygon with an area{besides}, {_EXPECTED}")
    return PolygonShape(found.polygons, found.name, found.left_out)


def _json(path: Path, name: str) -> Any:
    """Return what a JSON file holds; None for a file of any other kind."""
    if path.is_dir():
        return None
    try:
        with path.open("rb") as file:
            start = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
        # Records separated by 0x1E are GeoJSONSeq; a name that promises JSON is held to it.
        promised = path.suffix.lower() in (".json", ".geojson") and not start.startswith(b"\x1e")
        if not (promised or start[:1] in (b"{", b"[")):
            return None
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RegionError(f"{name} cannot be read ({error.strerror}), expected {KINDS}") from None
    except (ValueError, RecursionError) as error:
        if "Extra data" in str(error):
            return None  # a line each
        raise RegionError(f"{name} is not JSON: {error}") from None
