"""The sheet of a data set: a few of its pictures side by side, to be looked at before training."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from PIL import Image

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels

CELL = 224
"""Pixels a side that are shown of each picture, from its middle, at 100 %."""
ROWS = 8
_GAP, _PAPER = 6, 255

Item = TypeVar("Item")


def strips(
    items: Sequence[Item], show: Callable[[Item], Sequence[Pixels]]
) -> Iterator[Sequence[Pixels]]:
    """Yield what is shown of ROWS items, evenly taken; those that cannot be read are left out."""
    count = min(ROWS, len(items))
    for i in range(count):
        with contextlib.suppress(ImageError):
            yield show(items[i * len(items) // count])


def enlarged(pixels: Pixels, factor: int) -> Pixels:
    """Return uint8 [h, w, 3] as squares of factor x factor pixels."""
    return pixels.repeat(factor, 0).repeat(factor, 1)


def sheet(shown: Iterable[Sequence[Pixels]]) -> Pixels | None:
    """Lay out strips of pictures uint8 [h, w, 3] below each other; None if there are none."""
    rows = [[_cell(pixels) for pixels in strip] for strip in shown]
    if not rows:
        return None
    step, width = CELL + _GAP, max(map(len, rows))
    canvas = np.full((step * len(rows) - _GAP, step * width - _GAP, 3), _PAPER, np.uint8)
    for y, row in enumerate(rows):
        for x, cell in enumerate(row):
            canvas[y * step : y * step + CELL, x * step : x * step + CELL] = cell
    return canvas


def encoded(canvas: Pixels, exif: Image.Exif) -> bytes:
    """Return a sheet as WebP with the given EXIF data."""
    stream = io.BytesIO()
    Image.fromarray(canvas).save(stream, "WEBP", quality=88, exif=exif)
    return stream.getvalue()


def _cell(pixels: Pixels) -> Pixels:
    """The middle of a picture, CELL pixels a side; paper round smaller ones."""
    cell = np.full((CELL, CELL, 3), _PAPER, np.uint8)
    high, wide = (min(CELL, side) for side in pixels.shape[:2])
    top, left = (pixels.shape[0] - high) // 2, (pixels.shape[1] - wide) // 2
    y, x = (CELL - high) // 2, (CELL - wide) // 2
    cell[y : y + high, x : x + wide] = pixels[top : top + high, left : left + wide]
    return cell
