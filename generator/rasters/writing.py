"""Writing pictures piece by piece: TIFF to disk as it comes, PNG and JPEG whole at the end.

The target appears only when it is complete; until then its pieces lie in a hidden file beside it.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from PIL import Image

from generator.atomicfile import atomic_replace
from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters import MAX_PIXELS, SUFFIXES, TIFF_SUFFIXES, Georeference, find_rasterio
from generator.rasters.georeference import projection
from generator.rasters.notice import NOTICE, gdal_tags, save_options

if TYPE_CHECKING:
    from collections.abc import Iterator

_JPEG_SIDE = 65_500
_WORLD_FILES = {".png": ".pgw", ".jpg": ".jgw", ".jpeg": ".jgw", ".tif": ".tfw", ".tiff": ".tfw"}


class Sink(Protocol):
    """A picture being written."""

    def write(self, x0: int, y0: int, pixels: Pixels) -> None:
        """Write uint8 [h, w, bands] with its upper left pixel at (x0, y0). Raises ImageError."""


@contextmanager
def create_picture(
    path: Path,
    width: int,
    height: int,
    place: Georeference | None = None,
    notice: str = NOTICE,
    *,
    credit: str | None = None,
    bands: int = 3,
) -> Iterator[Sink]:
    """Create a PNG, JPEG or TIFF by the name's ending; an error inside leaves no target.

    notice: what the file says of its origin; credit: whom to name. bands: 3, or 4 with alpha. A
    TIFF holds the georeference itself; PNG and JPEG get its transform as a world file beside them,
    and its reference system as a .prj. Raises ImageError with one sentence, before the first piece
    where it can be known then.
    """
    check_target(path, width, height, bands, place)
    rasterio = find_rasterio() if is_streamed(path) else None
    try:
        with atomic_replace(path) as part:
            if rasterio is not None:
                with _tiff(rasterio, part, (width, height, bands), place) as target:
                    target.update_tags(**gdal_tags(notice, credit))
                    yield _TiffSink(path, target)
            else:
                whole = _WholeSink(width, height, bands)
                yield whole
                Image.fromarray(whole.pixels).save(part, **_options(path, notice, credit))
                if place is not None:
                    _write_world_file(path, place)
    except OSError as error:
        raise ImageError(f"image {path} cannot be written ({error.strerror or error})") from error


class _WholeSink:
    """The picture in memory."""

    def __init__(self, width: int, height: int, bands: int) -> None:
        self.pixels = np.zeros((height, width, bands), np.uint8)

    def write(self, x0: int, y0: int, pixels: Pixels) -> None:
        self.pixels[y0 : y0 + pixels.shape[0], x0 : x0 + pixels.shape[1]] = pixels


class _TiffSink:
    """A TIFF on disk, written in windows."""

    def __init__(self, path: Path, target: Any) -> None:
        self._path, self._target = path, target

    def write(self, x0: int, y0: int, pixels: Pixels) -> None:
        window = ((y0, y0 + pixels.shape[0]), (x0, x0 + pixels.shape[1]))
        self._target.write(np.moveaxis(pixels, -1, 0), window=window)


@contextmanager
def _tiff(
    rasterio: Any, part: Path, size: tuple[int, int, int], place: Georeference | None
) -> Iterator[Any]:
    georeference: dict[str, Any] = {}
    if place is not None and place.points:
        names = ("col", "row", "x", "y", "z")
        control = rasterio.control.GroundControlPoint
        points = [control(**dict(zip(names, point, strict=True))) for point in place.points]
        georeference = {"crs": place.crs, "gcps": points}
    elif place is not None:
        georeference = {"crs": place.crs, "transform": rasterio.Affine(*place.transform)}
    alpha = {"alpha": "YES"} if size[2] == 4 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            target = rasterio.open(
                part, "w", driver="GTiff", width=size[0], height=size[1], count=size[2],
                dtype="uint8", photometric="RGB", tiled=True, blockxsize=256, blockysize=256,
                compress="deflate", predictor=2, BIGTIFF="IF_SAFER", **georeference, **alpha,
            )  # fmt: skip
            with target:
                yield target
        except rasterio.errors.RasterioError as error:
            raise OSError(str(error)) from error


def tiff_bytes(pixels: Pixels, place: Georeference, credit: str | None = None) -> bytes:
    """Return pixels, uint8 [height, width, 3 or 4], as a GeoTIFF. Raises ImageError.

    credit: whom to name.
    """
    height, width, bands = pixels.shape
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture.tif"
        with create_picture(path, width, height, place, credit=credit, bands=bands) as sink:
            sink.write(0, 0, pixels)
        return path.read_bytes()


def is_streamed(path: Path) -> bool:
    """Whether a picture of that name is written by rasterio: of any size, with its place inside."""
    return path.suffix.lower() in TIFF_SUFFIXES and find_rasterio() is not None


def check_target(
    path: Path, width: int, height: int, bands: int = 3, place: Georeference | None = None
) -> None:
    """Raise ImageError where a picture of that size, bands and place cannot be written."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ImageError(f"image {path} has the ending {suffix!r}, expected {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise ImageError(f"image {path} cannot be written: {path.parent} is no directory")
    if path.is_dir():
        raise ImageError(f"image {path} is a directory, expected a file to write")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"image {path} cannot be written: {path.parent} is read-only")
    if not is_streamed(path) and width * height > MAX_PIXELS:
        raise ImageError(
            f"image {path} would have {width} x {height} pixels, expected at most "
            f"{MAX_PIXELS // 1_000_000} million: write a .tif with elsewhere[geo] installed"
        )
    if suffix in (".jpg", ".jpeg") and bands == 4:
        raise ImageError(
            f"image {path} would have holes, which JPEG cannot hold, expected .png or .tif"
        )
    if suffix in (".jpg", ".jpeg") and max(width, height) > _JPEG_SIDE:
        raise ImageError(
            f"image {path} would have {width} x {height} pixels, JPEG allows {_JPEG_SIDE} a side"
        )
    if place is not None and place.crs is not None and not is_streamed(path):
        known = projection(path, f"image {path}")
        if known is not None and not _same(known, place.crs):
            raise ImageError(
                f"{path.with_suffix('.prj')} is there already and names another reference system "
                f"than image {path} would have, expected another name to write"
            )


def _options(path: Path, notice: str, credit: str | None) -> dict[str, Any]:
    suffix = path.suffix.lower()
    options: dict[str, Any] = {"format": "TIFF", "compression": "tiff_adobe_deflate"}
    if suffix in (".jpg", ".jpeg"):
        options = {"format": "JPEG", "quality": 95, "subsampling": 0}
    if suffix == ".png":
        options = {"format": "PNG"}
    return options | save_options(options["format"], notice, credit)


def _write_world_file(path: Path, place: Georeference) -> None:
    """Write the transform as six lines, the last two the centre of the upper left pixel.

    The reference system becomes a .prj, as Esri writes it where that is possible. Control points
    have no such file.
    """
    if place.points:
        return
    a, b, c, d, e, f = place.transform
    lines = (a, d, b, e, c + (a + b) / 2, f + (d + e) / 2)
    target = path.with_suffix(_WORLD_FILES[path.suffix.lower()])
    target.write_text("".join(f"{value!r}\n" for value in lines), encoding="ascii")
    projection_file = path.with_suffix(".prj")
    if place.crs is not None and not projection_file.exists():
        projection_file.write_text(_projection(place.crs), encoding="utf-8")


def _projection(crs: str) -> str:
    rasterio = find_rasterio()
    if rasterio is None:
        return crs
    known = rasterio.crs.CRS.from_user_input(crs)
    try:
        wkt: str = known.to_wkt(version=rasterio.enums.WktVersion.WKT1_ESRI)
    except rasterio.errors.CRSError:
        wkt = known.to_wkt()
    return wkt


def _same(one: str, other: str) -> bool:
    """Whether two texts name one reference system, whoever wrote them."""
    rasterio = find_rasterio()
    if rasterio is None or one == other:
        return one == other
    systems = [rasterio.crs.CRS.from_user_input(text) for text in (one, other)]
    return bool(systems[0] == systems[1] or systems[0].to_dict() == systems[1].to_dict())
