"""Pictures for tests: noise, deep samples, GeoTIFFs with a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from generator.rasters import Reading, filled, read_whole

TRANSFORM = (30.0, 0.0, 500_000.0, 0.0, -30.0, 4_000_000.0)


def noise(height: int, width: int, bands: int = 3) -> Pixels:
    return np.random.default_rng(1).integers(0, 256, (height, width, bands), np.uint8)


def read_picture(path: Path, reading: Reading | None = None) -> Pixels:
    """Return a whole picture, its holes filled."""
    whole = read_whole(path, reading or Reading())
    return filled(whole.pixels, whole.mask)


def save_geotiff(path: Path, pixels: NDArray[np.generic], **options: object) -> Path:
    """Write [h, w, bands] with rasterio, placed in UTM zone 33 unless told otherwise."""
    height, width, count = pixels.shape
    profile = {"crs": "EPSG:32633", "transform": rasterio.Affine(*TRANSFORM)} | options
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=count, dtype=pixels.dtype,
        **profile,
    ) as target:  # fmt: skip
        target.write(np.moveaxis(pixels, -1, 0))
    return path


def spread(height: int, width: int, low: int, high: int) -> NDArray[np.uint16]:
    return np.random.default_rng(0).integers(low, high, (height, width, 3)).astype(np.uint16)
