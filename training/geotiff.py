"""GeoTIFF as scenes: opened, checked, stretched to 8 bits, read window by window (rasterio)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.raster import Georeference, find_rasterio
from training.errors import TrainingError
from training.pieces import Scene, Window
from training.place import Locator, Projected
from training.sources import Decoded

SUFFIXES = (".tif", ".tiff")
PERCENTILES = (2.0, 98.0)
"""Of a band's valid samples: what becomes 0 and 255 where samples have 16 bits."""
_OVERVIEW = 1024
_KINDS = ("uint8", "uint16", "int16")

Stretch = tuple[tuple[float, float], ...]


def open_scene(
    path: Path, name: str, source: str, fallback: Locator | None
) -> tuple[Scene | None, str | None]:
    """Return the scene of a GeoTIFF and a remark on how its samples are scaled, or None for either.

    fallback: its place where it names none; without one such a file gives no scene. Raises
    TrainingError, also where rasterio is not installed.
    """
    with _opened(path, name) as image:
        if image.count not in (3, 4):
            raise TrainingError(
                f"{name} has {image.count} band{'s' if image.count != 1 else ''}, expected "
                "3 (red, green, blue) or 4 (with alpha or near infrared)"
            )
        kinds = set(image.dtypes[:3])
        if len(kinds) != 1 or not kinds <= set(_KINDS):
            raise TrainingError(
                f"{name} holds {', '.join(sorted(kinds))} samples, expected 8 or 16 bit integers"
            )
        place: Locator | None = fallback
        if image.crs or not image.transform.is_identity:
            crs = image.crs.to_wkt() if image.crs else None
            a, b, c, d, e, f = tuple(image.transform)[:6]
            place = Projected(name, Georeference(crs, (a, b, c, d, e, f)))
        if place is None:
            return None, None
        stretch = None if kinds == {"uint8"} else _stretch(image, name)
        read = partial(_read, name, stretch)
        scene = Scene(name, path, image.width, image.height, place, source, read)
    if stretch is None:
        return scene, None
    ranges = ", ".join(f"{low:.0f} to {high:.0f}" for low, high in stretch)
    return scene, f"{name}: 16-bit bands scaled from {ranges} (2nd to 98th percentiles) to 8 bits"


def _stretch(image: Any, name: str) -> Stretch:
    """Return the percentiles of each band, of the whole image at a coarse scale."""
    shrink = max(1.0, max(image.width, image.height) / _OVERVIEW)
    size = tuple(max(1, round(side / shrink)) for side in (image.height, image.width))
    try:
        bands = image.read([1, 2, 3], out_shape=(3, *size))
        valid = image.dataset_mask(out_shape=size) > 0
    except Exception as error:  # rasterio's own errors; it may not be imported here
        raise TrainingError(f"{name} is damaged or cut short ({error})") from error
    if not valid.any():
        raise TrainingError(f"{name} has no valid pixel")
    ends = [np.percentile(band[valid], PERCENTILES) for band in bands]
    return tuple((float(low), float(max(high, low + 1))) for low, high in ends)


def _read(name: str, stretch: Stretch | None, path: Path, window: Window) -> Decoded:
    from rasterio.enums import Resampling

    box = ((window.y, window.y + window.height), (window.x, window.x + window.width))
    same = window.size == (window.height, window.width)
    how = Resampling.nearest if same else Resampling.average
    with _opened(path, name) as image:
        try:
            bands = image.read([1, 2, 3], window=box, out_shape=(3, *window.size), resampling=how)
            mask = image.dataset_mask(window=box, out_shape=window.size, resampling=how)
        except Exception as error:  # rasterio's own errors; it may not be imported here
            raise TrainingError(f"{name} is damaged or cut short ({error})") from error
    pixels: NDArray[np.uint8] = np.ascontiguousarray(np.moveaxis(_to_8_bits(bands, stretch), 0, -1))
    return Decoded(pixels, np.where(mask == 255, 255, 0).astype(np.uint8))


def _to_8_bits(bands: NDArray[Any], stretch: Stretch | None) -> NDArray[np.uint8]:
    if stretch is None:
        return bands.astype(np.uint8, copy=False)
    low, high = np.array(stretch, np.float32).T[:, :, None, None]
    scaled = (bands.astype(np.float32) - low) * (255 / (high - low))
    pixels: NDArray[np.uint8] = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    return pixels


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Any]:
    rasterio = find_rasterio()
    if rasterio is None:
        raise TrainingError(f"{name} is a TIFF, which needs rasterio: install elsewhere[geo]")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        try:
            image = rasterio.open(path, driver="GTiff")
        except rasterio.errors.RasterioError as error:
            raise TrainingError(f"{name} cannot be read as TIFF ({error})") from error
    with image:
        yield image
