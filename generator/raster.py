"""Reading and writing users' pictures: PNG, JPEG and TIFF, with the place on Earth kept.

Reading gives uint8 RGB whatever the file holds: grey and palettes are expanded, alpha and a fourth
band are dropped, samples of other than 8 bits are scaled to them. TIFF is read through rasterio,
window by window; other formats, or TIFF where rasterio is missing, are decoded whole.
"""

from __future__ import annotations

import struct
import threading
import warnings
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from generator.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIXELS = 400_000_000
"""The largest picture that is decoded whole, in pixels; more is taken for a decompression bomb."""

TIFF_SUFFIXES = (".tif", ".tiff")
SUFFIXES = (".png", ".jpg", ".jpeg", *TIFF_SUFFIXES)

_FORMATS = ("PNG", "JPEG", "TIFF")
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError)
_GEO_KEYS, _TIEPOINTS, _MATRIX = 34735, 33922, 34264
_bomb_check = threading.Lock()

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a picture lies: its reference system (any text GDAL reads, or None) and transform.

    transform: (a, b, c, d, e, f) with x = a column + b row + c and y = d column + e row + f.
    """

    crs: str | None
    transform: tuple[float, float, float, float, float, float]

    def finer(self, factor: int) -> Georeference:
        """Return the place of the same picture with `factor` times as many pixels each way."""
        a, b, c, d, e, f = self.transform
        return Georeference(self.crs, (a / factor, b / factor, c, d / factor, e / factor, f))


class Picture(Protocol):
    """An open picture. `place` is None when the file says nothing about it."""

    width: int
    height: int
    place: Georeference | None

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture, uint8 [height, width, 3]. Raises ImageError."""


@contextmanager
def open_picture(path: Path) -> Iterator[Picture]:
    """Open a PNG, JPEG or TIFF. Raises ImageError with one sentence."""
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise ImageError(f"image {path} {what}, expected a PNG, JPEG or TIFF file")
    rasterio = find_rasterio() if path.suffix.lower() in TIFF_SUFFIXES else None
    if rasterio is not None:
        with _opened_by_rasterio(rasterio, path) as source:
            yield _GeoPicture(path, source)
        return
    with _opened_by_pillow(path) as image:
        _refuse_place(path, image)
        yield _PlainPicture(path, image)


def read_picture(path: Path) -> Pixels:
    """Return a whole picture, uint8 [height, width, 3]. Raises ImageError."""
    with open_picture(path) as picture:
        _refuse_bomb(path, picture.width, picture.height)
        return picture.read(0, 0, picture.width, picture.height)


class _PlainPicture:
    """A picture decoded by Pillow, whole and only once."""

    place: Georeference | None = None

    def __init__(self, path: Path, image: Image.Image) -> None:
        _refuse_bomb(path, *image.size)
        self._path = path
        try:
            ImageOps.exif_transpose(image, in_place=True)
            self._pixels = _rgb(path, image)
        except _BROKEN as error:
            raise ImageError(
                f"image {path} is damaged or cut short ({error}), expected a whole picture"
            ) from error
        self.height, self.width = self._pixels.shape[:2]

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        return self._pixels[y0 : y0 + height, x0 : x0 + width]


class _GeoPicture:
    """A TIFF read by rasterio, window by window."""

    def __init__(self, path: Path, source: Any) -> None:
        self._path, self._source = path, source
        self.width, self.height = source.width, source.height
        if source.count > 4:
            raise ImageError(f"image {path} has {source.count} bands, expected 1 to 4")
        if any(kind not in ("uint8", "uint16") for kind in source.dtypes):
            raise ImageError(
                f"image {path} holds {source.dtypes[0]} samples, expected 8 or 16 unsigned bits"
            )
        structure = source.tags(1, ns="IMAGE_STRUCTURE") if source.count else {}
        self._bits = int(structure.get("NBITS", 8 * np.dtype(source.dtypes[0]).itemsize))
        self._palette = self._read_palette()
        self.place = None
        if source.crs or not source.transform.is_identity:
            crs = source.crs.to_wkt() if source.crs else None
            a, b, c, d, e, f = tuple(source.transform)[:6]
            self.place = Georeference(crs, (a, b, c, d, e, f))

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        bands = [1, 2, 3] if self._source.count >= 3 else [1]
        try:
            window = ((y0, y0 + height), (x0, x0 + width))
            raw = np.moveaxis(self._source.read(bands, window=window), 0, -1)
        except Exception as error:  # rasterio's own errors; it may not be imported here
            raise ImageError(
                f"image {self._path} is damaged or cut short ({error}), expected a whole picture"
            ) from error
        if self._palette is not None:
            coloured: Pixels = self._palette[raw[..., 0]]
            return coloured
        grey_or_rgb = _to_8_bits(raw, self._bits)
        return np.ascontiguousarray(np.broadcast_to(grey_or_rgb, (*raw.shape[:2], 3)))

    def _read_palette(self) -> Pixels | None:
        if self._source.count != 1 or self._source.colorinterp[0].name != "palette":
            return None
        colours = np.zeros((65536, 3), np.uint8)
        for index, colour in self._source.colormap(1).items():
            colours[index] = colour[:3]
        return colours


def find_rasterio() -> Any:
    """Return the module rasterio, or None where it is not installed."""
    try:
        import rasterio
    except ImportError:
        return None
    return rasterio


def _refuse_place(path: Path, image: Image.Image) -> None:
    """Refuse a GeoTIFF that Pillow would read without its place."""
    tags = getattr(image, "tag_v2", {})
    if any(key in tags for key in (_GEO_KEYS, _TIEPOINTS, _MATRIX)):
        raise ImageError(f"image {path} is a GeoTIFF, which needs rasterio: install elsewhere[geo]")


@contextmanager
def _opened_by_rasterio(rasterio: Any, path: Path) -> Iterator[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            source = rasterio.open(path, driver="GTiff")
        except rasterio.errors.RasterioError as error:
            raise ImageError(f"image {path} cannot be read as TIFF ({error})") from error
    with source:
        yield source


@contextmanager
def _opened_by_pillow(path: Path) -> Iterator[Image.Image]:
    with _bomb_check:  # Pillow's own limit is a global; ours is applied to the size in the header
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path, formats=_FORMATS)
        except PermissionError as error:
            raise ImageError(f"image {path} may not be read: permission denied") from error
        except _BROKEN as error:
            raise ImageError(
                f"image {path} is not a PNG, JPEG or TIFF picture, or its start is damaged"
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with image:
        yield image


def _refuse_bomb(path: Path, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"image {path} has {width} x {height} pixels, expected at most "
            f"{MAX_PIXELS // 1_000_000} million"
        )


def _rgb(path: Path, image: Image.Image) -> Pixels:
    """Return a Pillow image as uint8 [h, w, 3]. Raises ImageError for floating point."""
    if image.mode == "F":
        raise ImageError(f"image {path} holds floating-point samples, expected 8 or 16 bits")
    if image.mode.startswith("I"):
        raw = np.asarray(image)
        if raw.size and (raw.min() < 0 or raw.max() > 65535):
            raise ImageError(f"image {path} holds 32-bit samples, expected 8 or 16 bits")
        return np.repeat(_to_8_bits(raw, 16)[..., None], 3, axis=2)
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _to_8_bits(raw: NDArray[Any], bits: int) -> Pixels:
    """Return uint8 of samples of `bits` bits, the largest becoming 255."""
    if bits == 8:
        return raw.astype(np.uint8, copy=False)
    most = (1 << bits) - 1
    return ((raw.astype(np.uint32) * 255 + most // 2) // most).astype(np.uint8)
