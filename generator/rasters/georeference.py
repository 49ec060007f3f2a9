"""Where a picture lies: transform or ground control points, also of a world file beside it."""

from __future__ import annotations

import dataclasses
import math
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generator.grid.errors import ImageError

Transform = tuple[float, float, float, float, float, float]
ControlPoint = tuple[float, float, float, float, float]
"""Column, row, x, y and height of a ground control point."""

IDENTITY: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a picture lies: its reference system (any text GDAL reads, or None) and transform.

    transform: (a, b, c, d, e, f) with x = a column + b row + c and y = d column + e row + f.
    points: ground control points that place it; the transform is then the one nearest to them.
    """

    crs: str | None
    transform: Transform
    points: tuple[ControlPoint, ...] = ()

    def finer(self, factor: int) -> Georeference:
        """Return the place of the same picture with `factor` times as many pixels each way."""
        a, b, c, d, e, f = self.transform
        points = tuple((factor * p[0], factor * p[1], *p[2:]) for p in self.points)
        transform = (a / factor, b / factor, c, d / factor, e / factor, f)
        return dataclasses.replace(self, transform=transform, points=points)


def find_rasterio() -> Any:
    """Return the module rasterio, or None where it is not installed."""
    try:
        import rasterio
    except ImportError:
        return None
    return rasterio


def place_of(image: Any) -> Georeference | None:
    """Return the place that a dataset of rasterio states, None where it states none."""
    transform: Transform = tuple(image.transform)[:6]
    if image.crs or not image.transform.is_identity:
        return Georeference(image.crs.to_wkt() if image.crs else None, transform)
    points, crs = image.gcps
    if len(points) < 3:
        return None
    from rasterio.transform import from_gcps

    nearest: Transform = tuple(from_gcps(points))[:6]
    kept = tuple((point.col, point.row, point.x, point.y, point.z or 0.0) for point in points)
    return Georeference(crs.to_wkt() if crs else None, nearest, kept)


def world_file(path: Path, name: str) -> Georeference | None:
    """Return the place that a world file beside a picture states, None where there is none.

    Six numbers: x scale, two shears, y scale, and the centre of the first pixel. Raises ImageError.
    """
    suffix = path.suffix
    endings = (f".{suffix[1:2]}{suffix[-1:]}w", f"{suffix}w") if suffix else ()
    found = (path.with_suffix(ending) for ending in (*endings, ".wld"))
    file = next((candidate for candidate in found if candidate.is_file()), None)
    if file is None:
        return None
    try:
        a, d, b, e, x, y = (float(line) for line in file.read_text().split())
    except ValueError as error:
        raise ImageError(f"{file.name} beside {name} is not a world file of six numbers") from error
    if not all(map(math.isfinite, (a, d, b, e, x, y))) or a * e == b * d:
        raise ImageError(f"{file.name} beside {name} gives no pixel size")
    return Georeference(projection(path, name), (a, b, x - (a + b) / 2, d, e, y - (d + e) / 2))


def auxiliary_file(path: Path) -> Georeference | None:
    """Return the place that a .aux.xml of GDAL's beside a picture states, None without one."""
    rasterio = find_rasterio()
    if rasterio is None or not Path(f"{path}.aux.xml").is_file():
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            with rasterio.open(path) as image:
                return place_of(image)
        except rasterio.errors.RasterioError:
            return None


def projection(path: Path, name: str) -> str | None:
    """Return the reference system that a .prj beside a picture names. Raises ImageError."""
    file = path.with_suffix(".prj")
    text = file.read_text(errors="replace").strip() if file.is_file() else ""
    if not text or (rasterio := find_rasterio()) is None:
        return text or None
    try:
        wkt: str = rasterio.crs.CRS.from_user_input(text).to_wkt()
    except rasterio.errors.CRSError as error:
        raise ImageError(f"{file.name} beside {name} names no known reference system") from error
    return wkt
