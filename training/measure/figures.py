"""Figures of an evaluation: single stages to look at, and pictures of few bytes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from training.errors import TrainingError
from training.measure.realparents import RealParentSamples

LIMIT = 150_000
"""Bytes that a figure may have."""


def draw_stages(shown: dict[int, RealParentSamples], folder: Path) -> Path:
    """Write single-stages.webp: a row per zoom, twice bicubic, generated, real side by side."""
    rows = []
    for pairs in shown.values():
        few = [k % len(pairs) for k in range(2)]
        rows.append(
            np.hstack([x[k] for k in few for x in (pairs.bicubic, pairs.made, pairs.truth)])
        )
    return save_small(np.vstack(rows), folder / "single-stages.webp")


def save_small(pixels: NDArray[np.uint8], path: Path, limit: int = LIMIT) -> Path:
    """Write WebP of at most `limit` bytes, by lower quality, then half the size; returns path."""
    image = Pillow.fromarray(pixels)
    while True:
        for quality in (88, 80, 70, 60, 50):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=6)
            if buffer.tell() <= limit:
                return stored(path, buffer.getvalue())
        image = image.reduce(2)


def stored(path: Path, data: bytes) -> Path:
    """Write a figure; returns the path. Raises TrainingError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error}") from error
    return path
