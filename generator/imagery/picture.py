"""PNG, JPEG and WebP as scenes: their place from a sidecar, a world file or the user."""

from __future__ import annotations

import math
import warnings
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.errors import ImageryError
from generator.imagery.pieces import Scene, Window
from generator.imagery.place import Locator, Projected
from generator.imagery.sidecar import read_sidecar
from generator.imagery.sources import Decoded
from generator.raster import Georeference

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MODES = ("RGB", "RGBA", "P", "PA", "RGBX")


def open_scene(path: Path, name: str, source: str, fallback: Locator | None) -> Scene | None:
    """Return the scene of a picture, None where nothing tells its resolution.

    A sidecar wins over a world file, and both over `fallback`. Raises ImageryError.
    """
    image = _opened(path, name)
    with image:
        width, height = image.size
    given = read_sidecar(path, name)
    place = given.place(width, height)
    if place is None and (world := _world_file(path, name)) is not None:
        place = Projected(name, world)
    if place is None:
        place = fallback
    if place is None:
        return None
    read = partial(_read, path)
    source = given.source or source
    return Scene(name, (path,), width, height, place, source, read, given.split, given.terms)


def decode(path: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return a whole picture, uint8 [H, W, 3], and its alpha, uint8 [H, W], 255 = opaque, or None.

    Raises ImageryError for other than colour pictures; OSError and others for damaged ones.
    """
    with _opened(path, name) as image:
        see_through = image.mode in ("RGBA", "PA") or "transparency" in image.info
        if not see_through:
            return np.asarray(image.convert("RGB")), None
        pixels = np.asarray(image.convert("RGBA"))
    alpha = np.where(pixels[..., 3] == 255, 255, 0).astype(np.uint8)
    return np.ascontiguousarray(pixels[..., :3]), alpha


@lru_cache(maxsize=1)
def _decoded(path: Path, changed: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Decode once for all pieces of a picture, which follow each other."""
    return decode(path, str(path))


def _read(path: Path, window: Window) -> Decoded:
    pixels, alpha = _decoded(path, path.stat().st_mtime_ns)
    box = (slice(window.y, window.y + window.height), slice(window.x, window.x + window.width))
    pixels = pixels[box]
    alpha = None if alpha is None else alpha[box]
    if window.size != (window.height, window.width):
        size = window.size[::-1]
        pixels = np.asarray(Pillow.fromarray(pixels).resize(size, Pillow.Resampling.BOX))
        if alpha is not None:
            small = Pillow.fromarray(alpha).resize(size, Pillow.Resampling.BOX)
            alpha = np.where(np.asarray(small) == 255, 255, 0).astype(np.uint8)
    return Decoded(np.ascontiguousarray(pixels), alpha)


def _opened(path: Path, name: str) -> Pillow.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        try:
            image = Pillow.open(path)
        except Pillow.DecompressionBombError as error:
            raise ImageryError(
                f"{name} has too many pixels to be decoded at once; store it as GeoTIFF"
            ) from error
    if image.mode not in _MODES:
        with image:
            bands = len(image.getbands())
            raise ImageryError(
                f"{name} has {bands} band{'s' if bands != 1 else ''} ({image.mode}), expected "
                "red, green and blue in 8 bits, with or without alpha"
            )
    return image


def _world_file(path: Path, name: str) -> Georeference | None:
    """Read a world file: x scale, two shears, y scale, and the centre of the first pixel."""
    suffix = path.suffix
    endings = (f".{suffix[1]}{suffix[-1]}w", f"{suffix}w", ".wld")
    found = (path.with_suffix(ending) for ending in endings)
    file = next((candidate for candidate in found if candidate.is_file()), None)
    if file is None:
        return None
    try:
        a, d, b, e, x, y = (float(line) for line in file.read_text().split())
    except ValueError as error:
        raise ImageryError(
            f"{file.name} beside {name} is not a world file of six numbers"
        ) from error
    if not all(map(math.isfinite, (a, d, b, e, x, y))) or a * e == b * d:
        raise ImageryError(f"{file.name} beside {name} gives no pixel size")
    projection = path.with_suffix(".prj")
    crs = projection.read_text().strip() if projection.is_file() else None
    return Georeference(crs or None, (a, b, x - (a + b) / 2, d, e, y - (d + e) / 2))
