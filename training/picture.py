"""PNG, JPEG and WebP as scenes: their place from a sidecar, a world file or the user."""

from __future__ import annotations

import json
import math
import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.raster import Georeference
from training.errors import TrainingError
from training.pieces import Scene, Window
from training.place import Locator, Projected, Scale
from training.sources import Decoded, check_gsd, check_split

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
_MODES = ("RGB", "RGBA", "P", "PA", "RGBX")


def open_scene(path: Path, name: str, source: str, fallback: Locator | None) -> Scene | None:
    """Return the scene of a picture, None where nothing tells its resolution.

    A sidecar wins over a world file, and both over `fallback`. Raises TrainingError.
    """
    image = _opened(path, name)
    with image:
        width, height = image.size
    given = _sidecar(path, name)
    place = fallback
    if "gsd_m" in given:
        place = Scale(given["gsd_m"], given.get("lat"), given.get("lon"), width / 2, height / 2)
    elif (world := _world_file(path, name)) is not None:
        place = Projected(name, world)
    if place is None:
        return None
    source = given.get("source", source)
    return Scene(name, path, width, height, place, source, _read, given.get("split"))


def decode(path: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Return a whole picture, uint8 [H, W, 3], and its alpha, uint8 [H, W], 255 = opaque, or None.

    Raises TrainingError for other than colour pictures; OSError and others for damaged ones.
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
            raise TrainingError(
                f"{name} has too many pixels to be decoded at once; store it as GeoTIFF"
            ) from error
    if image.mode not in _MODES:
        with image:
            bands = len(image.getbands())
            raise TrainingError(
                f"{name} has {bands} band{'s' if bands != 1 else ''} ({image.mode}), expected "
                "red, green and blue in 8 bits, with or without alpha"
            )
    return image


def _sidecar(path: Path, name: str) -> dict[str, Any]:
    """Return what `<picture>.json` beside a picture says; it has the fields of a manifest's row."""
    file = next((f for f in (path.with_suffix(".json"), Path(f"{path}.json")) if f.is_file()), None)
    if file is None:
        return {}
    try:
        row = json.loads(file.read_text())
        given: dict[str, Any] = {
            key: float(row[key]) for key in ("gsd_m", "lat", "lon") if row.get(key) is not None
        }
        given |= {key: str(row[key]) for key in ("source", "split") if row.get(key) is not None}
    except (ValueError, TypeError, AttributeError) as error:
        raise TrainingError(
            f"{file.name} beside {name} is not usable, expected an object with gsd_m and, "
            "where known, lat, lon, source and split"
        ) from error
    if "gsd_m" in given:
        check_gsd(name, given["gsd_m"])
    if "split" in given:
        check_split(name, given["split"])
    return given


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
        raise TrainingError(
            f"{file.name} beside {name} is not a world file of six numbers"
        ) from error
    if not all(map(math.isfinite, (a, d, b, e, x, y))) or a * e == b * d:
        raise TrainingError(f"{file.name} beside {name} gives no pixel size")
    projection = path.with_suffix(".prj")
    crs = projection.read_text().strip() if projection.is_file() else None
    return Georeference(crs or None, (a, b, x - (a + b) / 2, d, e, y - (d + e) / 2))
