"""Cutting a large image into pieces with square ground pixels, each a source of its own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.imagery.place import Ground, Locator
from generator.imagery.sources import Decoded, Source, Terms, check_gsd
from generator.imagery.split import Splitter

SIDE = 2048
"""Longest side of a piece, in pixels."""
FINEST = 1.0
"""Metres per pixel, or less, that finer imagery is averaged to unless told otherwise: the cascade
ends at 4 m, and a window must fit into a piece."""
MIN_VALID = 0.25
"""Share of a piece that must be valid."""
_NEARLY_SQUARE = 1.03


@dataclass(frozen=True, slots=True)
class PieceWindow:
    """A rectangle of an image, and the size (height, width) that it is to be averaged down to."""

    x: int
    y: int
    width: int
    height: int
    size: tuple[int, int]


Reader = Callable[[PieceWindow], Decoded]


@dataclass(frozen=True, slots=True)
class LargeImage:
    """An image to cut: its size in pixels, its place, how it is read.

    name: unique in its preparation. files: what it is read from, none of a server's.
    split: given by the user, or None for a split by place. reading: as of Source.
    """

    name: str
    files: tuple[Path, ...]
    width: int
    height: int
    place: Locator
    source: str
    read: Reader
    split: str | None = None
    terms: Terms = field(default_factory=Terms)
    reading: str = ""


def cut(scene: LargeImage, splitter: Splitter, finest: float = FINEST) -> Iterator[Source]:
    """Yield the pieces of a scene, row by row; raises ImageryError for an impossible resolution.

    Pieces are of equal size. Where the place is unknown, 2 x 2 neighbours share their split.
    finest: finer scenes are averaged by a whole number to this many metres per pixel, or less.
    """
    middle = scene.place.at(scene.width / 2, scene.height / 2)
    check_gsd(scene.name, max(middle.width, middle.height))
    longest = SIDE * _averaged(middle, finest)
    rows, columns = (max(1, math.ceil(side / longest)) for side in (scene.height, scene.width))
    for i in range(rows):
        top, bottom = (scene.height * n // rows for n in (i, i + 1))
        for j in range(columns):
            left, right = (scene.width * n // columns for n in (j, j + 1))
            ground = scene.place.at((left + right) / 2, (top + bottom) / 2)
            size, gsd = _square((right - left, bottom - top), ground, finest)
            window = PieceWindow(left, top, right - left, bottom - top, size)
            group = f"{scene.name} {i // 2} {j // 2}"
            yield Source(
                name=scene.name if rows * columns == 1 else f"{scene.name} [{i},{j}]",
                files=scene.files,
                gsd=gsd,
                lat=ground.lat,
                lon=ground.lon,
                source=scene.source,
                split=scene.split or splitter.split(ground.lat, ground.lon, group),
                read=partial(_read, scene.read, window),
                reading=scene.reading,
                **scene.terms,
            )


def _averaged(ground: Ground, finest: float) -> int:
    return max(1, math.floor(1.02 * finest / max(ground.width, ground.height)))


def _square(sides: tuple[int, int], ground: Ground, finest: float) -> tuple[tuple[int, int], float]:
    """Return the size (height, width) that makes pixels square on the ground, and their metres."""
    width, height = sides
    by = _averaged(ground, finest)
    coarse, fine = max(ground.width, ground.height), min(ground.width, ground.height)
    if coarse < fine * _NEARLY_SQUARE:
        return (max(1, height // by), max(1, width // by)), math.sqrt(coarse * fine) * by
    gsd = coarse * by
    rows, columns = (
        max(1, round(n * m / gsd)) for n, m in ((height, ground.height), (width, ground.width))
    )
    return (rows, columns), gsd


def _read(reader: Reader, window: PieceWindow) -> Decoded | None:
    return mostly_valid(reader(window))


def mostly_valid(decoded: Decoded) -> Decoded | None:
    """Return what was decoded, without a mask where all is valid; None where too little is."""
    mask: NDArray[np.uint8] | None = decoded.mask
    if mask is None:
        return decoded
    if mask.min() == 255:
        return Decoded(decoded.pixels, None, decoded.failed)
    return decoded if (mask == 255).mean() >= MIN_VALID else None
