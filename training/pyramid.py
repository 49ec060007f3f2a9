"""Decode imagery once into a folder of raw arrays with their coarser levels.

Layout: `index.json` (a list of Image rows and a digest) and `pixels.bin` (uint8 RGB arrays and
quarter-size masks, one after the other), read through one memory map.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from rich.progress import Progress

from training.errors import TrainingError
from training.sources import Source

INDEX, PIXELS = "index.json", "pixels.bin"
LEVELS = (1, 2, 4, 8)
MASK_STEP = 4


@dataclass(frozen=True, slots=True)
class Image:
    """One level of one image in the pyramid; offsets are bytes into `pixels.bin`.

    base: mean colour of the base map at the place, RGB in [0, 255], or None.
    """

    offset: int
    mask_offset: int | None
    height: int
    width: int
    gsd: float
    level: int
    lat: float | None
    lon: float | None
    source: str
    split: str
    base: list[float] | None


class Pyramid:
    """The decoded imagery: `images` and read-only views of their pixels."""

    def __init__(self, folder: Path) -> None:
        try:
            index = json.loads((folder / INDEX).read_text())
            self._data = np.memmap(folder / PIXELS, np.uint8, "r")
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{folder} holds no prepared imagery; make it with "
                "`python -m training prepare MANIFEST --out FOLDER`"
            ) from error
        self.digest: str = index["digest"]
        self.images = [Image(**row) for row in index["images"]]

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """RGB, uint8 [height, width, 3]."""
        size = image.height * image.width * 3
        flat = self._data[image.offset : image.offset + size]
        return flat.reshape(image.height, image.width, 3)

    def mask(self, image: Image) -> NDArray[np.uint8] | None:
        """Validity (1 or 0) at a quarter of the size, uint8 [ceil(H/4), ceil(W/4)], or None."""
        if image.mask_offset is None:
            return None
        rows, columns = _mask_shape(image.height, image.width)
        flat = self._data[image.mask_offset : image.mask_offset + rows * columns]
        return flat.reshape(rows, columns)


def prepare(sources: list[Source], base_map: Path | None, out: Path) -> list[str]:
    """Write the pyramid of `sources` to `out`; returns the files that could not be read.

    base_map: equirectangular image whose colours the tone can be matched to, or None.
    """
    out.mkdir(parents=True, exist_ok=True)
    base = np.asarray(Pillow.open(base_map).convert("RGB")) if base_map else None
    rows: list[dict[str, Any]] = []
    failed: list[str] = []
    digest = hashlib.sha256()
    with (out / PIXELS).open("wb") as data, Progress() as progress:
        for source in progress.track(sources, description="decoding"):
            try:
                raw = source.file.read_bytes()
                with Pillow.open(source.file) as opened:
                    pixels = np.asarray(opened.convert("RGB"))
                mask = _read_mask(source, pixels.shape[:2])
            except (OSError, ValueError) as error:
                failed.append(f"{source.file}: {error}")
                continue
            digest.update(raw)
            rows += _write_levels(data, source, pixels, mask, _base_colour(base, source))
    if not rows:
        raise TrainingError(f"none of the {len(sources)} images could be read: {failed[:3]}")
    index = {"digest": digest.hexdigest(), "images": rows}
    (out / INDEX).write_text(json.dumps(index))
    return failed


def _write_levels(
    data: BinaryIO,
    source: Source,
    pixels: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None,
    base: list[float] | None,
) -> list[dict[str, Any]]:
    rows = []
    for level in LEVELS:
        image = _average(pixels, level)
        height, width = image.shape[:2]
        if min(height, width) < 96:
            break
        offset = data.tell()
        data.write(np.ascontiguousarray(image).tobytes())
        mask_offset = None
        if mask is not None:
            mask_offset = data.tell()
            shape = _mask_shape(height, width)
            small = Pillow.fromarray(mask * 255).resize(shape[::-1], Pillow.Resampling.BOX)
            data.write((np.asarray(small) > 250).astype(np.uint8).tobytes())
        row = Image(
            offset, mask_offset, height, width, source.gsd * level, level,
            source.lat, source.lon, source.source, source.split, base,
        )  # fmt: skip
        rows.append(dataclasses.asdict(row))
    return rows


def _average(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return pixels
    return np.asarray(Pillow.fromarray(pixels).reduce(factor))


def _mask_shape(height: int, width: int) -> tuple[int, int]:
    return -(-height // MASK_STEP), -(-width // MASK_STEP)


def _read_mask(source: Source, shape: tuple[int, int]) -> NDArray[np.uint8] | None:
    if source.mask is None:
        return None
    with Pillow.open(source.mask) as opened:
        sized = opened.convert("L").resize(_mask_shape(*shape)[::-1], Pillow.Resampling.BOX)
    return (np.asarray(sized) > 250).astype(np.uint8)


def _base_colour(base: NDArray[np.uint8] | None, source: Source) -> list[float] | None:
    if base is None or source.lat is None or source.lon is None:
        return None
    height, width = base.shape[:2]
    y = round((90 - source.lat) / 180 * height - 0.5)
    x = round((source.lon + 180) / 360 * width - 0.5)
    area = base[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3).mean(0)
    return [float(value) for value in area]
