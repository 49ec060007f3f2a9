"""Polygons of a layer of any file that GDAL reads as vectors, through pyogrio."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tileserver.errors import RegionError
from tileserver.regions.polygon import PolygonCollector, find_shapely


def read_layer(path: Path, layer: str | None, found: PolygonCollector, kinds: str) -> None:
    """Hand over what a layer holds; layer: None for the only one. kinds: what may be expected.

    Raises RegionError for a file that cannot be read, several layers of which none is chosen, and
    where pyogrio is not installed.
    """
    try:
        import pyogrio
    except ImportError:
        raise RegionError(
            f"{found.name} is not GeoJSON, and other files need pyogrio: install elsewhere[geo]"
        ) from None
    try:
        chosen = _layer([str(name) for name, _ in pyogrio.list_layers(path)], layer, found.name)
        about, _, geometries, _ = pyogrio.raw.read(path, layer=chosen, columns=[])
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        reason = str(error).partition(";")[0].rstrip(".")
        raise RegionError(f"{found.name} cannot be read ({reason}), expected {kinds}") from None
    shapely = find_shapely()
    try:
        shapes = shapely.from_wkb(geometries)
    except shapely.errors.ShapelyError as error:
        raise RegionError(f"{found.name} holds a geometry that is none: {error}") from None
    for shape in shapes:
        _hand_over(shapely, shape, about["crs"], found)


def _layer(names: list[str], wanted: str | None, name: str) -> str:
    listed = ", ".join(names)
    if wanted is not None and wanted not in names:
        raise RegionError(f"{name} has no layer {wanted!r}, expected one of: {listed}")
    if wanted is None and len(names) != 1:
        raise RegionError(f"{name} has {len(names)} layers, expected --layer with one of: {listed}")
    return names[0] if wanted is None else wanted


def _hand_over(shapely: Any, shape: Any, crs: str | None, found: PolygonCollector) -> None:
    """Hand over a geometry; what is made of several, one by one."""
    if shape is None:
        found.leave_out("Feature without geometry")
    elif shape.geom_type == "Polygon":
        rings = [] if shape.is_empty else [shape.exterior, *shape.interiors]
        found.take([np.asarray(shapely.get_coordinates(ring)) for ring in rings], crs)
    elif shape.geom_type in ("MultiPolygon", "GeometryCollection"):
        for part in shape.geoms:
            _hand_over(shapely, part, crs, found)
    else:
        found.leave_out(shape.geom_type)
