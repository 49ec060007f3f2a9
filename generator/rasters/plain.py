"""Pictures that Pillow decodes: PNG, JPEG, WebP, and plain TIFF where rasterio is missing."""

from __future__ import annotations

import struct
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.rasters.content import tiff_tag
from generator.rasters.georeference import auxiliary_file, world_file
from generator.rasters.orientation import TAG, Turn
from generator.rasters.samples import Range, Reading, looked_up, percentiles, remark, table

MAX_PIXELS = 400_000_000
"""The largest picture that is decoded whole, in pixels; more is taken for a decompression bomb."""
NEEDS_RASTERIO = "needs rasterio: install elsewhere[geo]"

_FORMATS = ("PNG", "JPEG", "TIFF", "WEBP")
_BROKEN = (OSError, ValueError, SyntaxError, EOFError, struct.error, zlib.error, MemoryError)
_GEO_KEYS, _TIEPOINTS, _MATRIX, _NODATA = 34735, 33922, 34264, 42113
_BITS, _PHOTOMETRIC, _SUBFILE, _MASK = 258, 262, 254, 4
_SEEN_THROUGH = ("RGBA", "PA", "LA", "La", "RGBa")
_COARSE = 1024
_bomb_check = threading.Lock()

# Scanners and cameras embed texts and profiles beyond Pillow's limit of 1 MB.
PngImagePlugin.MAX_TEXT_CHUNK = 64 << 20
PngImagePlugin.MAX_TEXT_MEMORY = 256 << 20


class PlainPicture:
    """A picture decoded by Pillow, whole and only once; see `generator.rasters.OpenedPicture`."""

    beside = True

    def __init__(self, path: Path, name: str, image: Image.Image, reading: Reading) -> None:
        refuse_bomb(name, *image.size)
        self._name, self._image, self._reading = name, image, reading
        self._held: tuple[Pixels, Pixels | None] | None = None
        self.notes: tuple[str, ...] = ()
        self.stretch: Range | None = None
        self.bands = len(image.getbands())
        self.grey = image.mode in ("1", "L", "LA", "La", "F") or image.mode.startswith("I")
        if reading.bands and (self.grey or max(reading.bands) > 3):
            shown = "is grey" if self.grey else "has 3 bands of colour"
            wanted = ",".join(map(str, reading.bands))
            raise ImageError(f"{name} {shown}, expected bands {wanted} among them")
        place, turned = world_file(path, name) or auxiliary_file(path), _orientation(image)
        if place is not None and image.format == "TIFF" and turned != 1:
            raise ImageError(f"{name} is turned and has a world file, which {NEEDS_RASTERIO}")
        # Pillow turns a TIFF by itself, and tells its size afterwards.
        self._turn = Turn.of(1 if image.format == "TIFF" else turned, *image.size)
        self.width, self.height = self._turn.size
        if image.format == "TIFF":
            self.height, self.width = self._whole()[0].shape[:2]
        self.place = None if place is None else self._turn.place(place)

    @property
    def masked(self) -> bool:
        """Whether some pixel is not opaque."""
        return self._whole()[1] is not None

    def held(self) -> bool:
        """Decode the picture, which then needs no file any more. Raises ImageError."""
        self._whole()
        return True

    def read(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels:
        """Return a rectangle, uint8 [height, width, 3], averaged to `size`. Raises ImageError."""
        return _averaged(self._whole()[0][y0 : y0 + height, x0 : x0 + width], size)

    def mask(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels | None:
        """Return how opaque a rectangle is, 255 = wholly, None where all of the picture is."""
        mask = self._whole()[1]
        return None if mask is None else _averaged(mask[y0 : y0 + height, x0 : x0 + width], size)

    def _whole(self) -> tuple[Pixels, Pixels | None]:
        """Return the pixels and the mask, decoded when first asked for. Raises ImageError."""
        if self._held is None:
            try:
                self._image.load()
                pixels, mask = self._colours(self._image)
            except _BROKEN as error:
                raise ImageError(
                    f"{self._name} is damaged or cut short ({error}), expected a whole picture"
                ) from error
            if mask is not None and mask.min(initial=255) == 255:
                mask = None
            upright = None if mask is None else np.ascontiguousarray(self._turn.upright(mask))
            self._held = np.ascontiguousarray(self._turn.upright(pixels)), upright
        return self._held

    def _colours(self, image: Image.Image) -> tuple[Pixels, Pixels | None]:
        """Return uint8 [h, w, 3] and the alpha, uint8 [h, w]. Raises ImageError."""
        if image.mode == "F":
            raise ImageError(f"{self._name} holds floating-point samples, expected 8 or 16 bits")
        if image.mode.startswith("I"):
            return self._deep(np.asarray(image)), None
        if image.mode in _SEEN_THROUGH or "transparency" in image.info:
            pixels = np.asarray(image.convert("RGBA"))
            return self._as_read(pixels[..., :3]), pixels[..., 3]
        return self._as_read(np.asarray(image.convert("RGB"))), None

    def _as_read(self, pixels: Pixels) -> Pixels:
        """Return the bands that were asked for, stretched if that was."""
        if self._reading.bands:
            pixels = pixels[..., [number - 1 for number in self._reading.bands]]
        if isinstance(self._reading.stretch, tuple):
            return looked_up(pixels, table("uint8", 8, self._reading.stretch))
        return pixels

    def _deep(self, raw: NDArray[Any]) -> Pixels:
        """Return uint8 [h, w, 3] of 16-bit grey."""
        if raw.size and (raw.min() < 0 or raw.max() > 65535):
            raise ImageError(f"{self._name} holds 32-bit samples, expected 8 or 16 bits")
        samples = raw.astype(np.uint16)
        ends = None if self._reading.stretch == "none" else self._reading.stretch
        if ends == "auto":
            self.stretch = ends = percentiles(samples)
            self.notes = (remark(self._name, ends),)
        white_is_0 = getattr(self._image, "tag_v2", {}).get(_PHOTOMETRIC) == 0
        grey = looked_up(samples, table("uint16", 16, ends, white_is_0))
        return np.repeat(grey[..., None], 3, axis=2)


@contextmanager
def opened_by_pillow(path: Path, name: str, reading: Reading) -> Iterator[PlainPicture]:
    """Open a picture with Pillow. Raises ImageError with one sentence."""
    with _bomb_check:  # Pillow's own limit is a global; ours is applied to the size in the header
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            image = Image.open(path, formats=_FORMATS)
        except PermissionError as error:
            raise ImageError(f"{name} may not be read: permission denied") from error
        except _BROKEN as error:
            limit = "too large" in str(error).lower()
            why = "a text or colour profile of more than 64 MB" if limit else "a damaged start"
            raise ImageError(
                f"{name} is not a PNG, JPEG, WebP or TIFF picture, or has {why}"
            ) from error
        finally:
            Image.MAX_IMAGE_PIXELS = before
    with image:
        _refuse_unread(path, name, image)
        yield PlainPicture(path, name, image, reading)


def refuse_bomb(name: str, width: int, height: int) -> None:
    """Raise ImageError for a picture that is too large to be held whole."""
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"{name} has {width} x {height} pixels, expected at most {MAX_PIXELS // 1_000_000} "
            "million"
        )


def _refuse_unread(path: Path, name: str, image: Image.Image) -> None:
    """Refuse a TIFF that Pillow would read without its place, its mask, or its lower bits."""
    tags = getattr(image, "tag_v2", {})
    if any(key in tags for key in (_GEO_KEYS, _TIEPOINTS, _MATRIX, _NODATA)):
        raise ImageError(f"{name} is a GeoTIFF, which {NEEDS_RASTERIO}")
    bits = tags.get(_BITS, (8,))
    if len(bits) > 1 and max(bits) > 8:
        raise ImageError(f"{name} holds colours of {max(bits)} bits, which {NEEDS_RASTERIO}")
    mask = tiff_tag(path, 1, _SUBFILE, 0) if image.format == "TIFF" else 0
    if isinstance(mask, int) and mask & _MASK:
        raise ImageError(f"{name} has a mask, which {NEEDS_RASTERIO}")


def _orientation(image: Image.Image) -> object:
    """Return the orientation in the EXIF of a header; 1 where nothing says so."""
    told = image.info.keys() & {"exif", "xmp", "XML:com.adobe.xmp"}
    # Pillow decodes a PNG without any in search of it.
    return image.getexif().get(TAG, 1) if image.format != "PNG" or told else 1


def _averaged(pixels: Pixels, size: tuple[int, int] | None) -> Pixels:
    """Return uint8 [h, w, ...] averaged to a size (height, width)."""
    if size is None or size == pixels.shape[:2]:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BOX))
