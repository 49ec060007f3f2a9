"""Detail for any picture: the cascade's stages run on a user's own image, in windows.

Each stage is a `Picture` computed on demand from the one before it: windows of a fixed core, read
with the stage's margin, at fixed places and with fixed noise. A pixel therefore depends only on
the picture, the seed and its address, and windows fit without a seam. Beyond its own edges the
picture is its mirror image. Of an intermediate stage only the rows of windows are held that the
next row of the following stage reads, two as a rule.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generator import noise
from generator.errors import ImageError
from generator.raster import Georeference, Picture, open_picture
from generator.rasterwrite import create_picture
from generator.tile import EQUATOR_RESOLUTION, STAGE_ZOOMS

MAX_STAGES = 5
CORE = 128
"""Parent pixels along a window's side, without the margin; even, as stages ask."""

_SCALE = 4
NOISE_LEVEL = 32
"""Noise level of the first stage: far from the world's own, and too wide to wrap."""

Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]


class StageLike(Protocol):
    """One stage: see `generator.stage.Stage`."""

    @property
    def margin(self) -> int:
        """Parent pixels needed round a core."""

    def __call__(
        self,
        parent: Pixels,
        noise: NDArray[np.float32],
        resolution: NDArray[np.float64],
        augmentation: float,
    ) -> Pixels:
        """uint8 [h+2m, w+2m, 3] and float32 [3, 4(h+2m), 4(w+2m)] to uint8 [4h, 4w, 3]."""


class SamplerLike(Protocol):
    """What is needed of the sampler's configuration."""

    @property
    def augmentation(self) -> tuple[float, ...]:
        """Strength of degradation that each stage of the world is told."""


class CascadeLike(Protocol):
    """What is needed of a loaded cascade: see `generator.cascade.Cascade`."""

    def stage_at(self, zoom: int) -> StageLike:
        """Return the stage of a zoom."""

    @property
    def sampler(self) -> SamplerLike:
        """The sampler's configuration."""


def upscale_file(
    cascade: CascadeLike,
    source: Path,
    target: Path,
    gsd: float,
    stages: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Enlarge a PNG, JPEG or GeoTIFF 4**stages times, its georeference kept.

    gsd: the source's ground resolution in metres per pixel; progress is called with the windows
    (done, in all) before the first and after each. Raises ImageError with one sentence; the target
    is written whole or not at all.
    """
    _check(gsd, stages, seed)
    if target.exists() and source.exists() and target.samefile(source):
        raise ImageError(f"image {target} is the source itself, expected another file to write")
    with open_picture(source) as picture:
        made = _chain(cascade, picture, gsd, stages, seed)
        place = picture.place.finer(_SCALE**stages) if picture.place else None
        with create_picture(target, made[-1].width, made[-1].height, place) as sink:
            for x, y, pixels in _windows(made, progress):
                sink.write(x, y, pixels)


def upscale(
    cascade: CascadeLike,
    image: Pixels,
    gsd: float,
    stages: int = 1,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pixels:
    """Enlarge uint8 [h, w, 3] to [h * 4**stages, w * 4**stages, 3]; see `upscale_file`."""
    _check(gsd, stages, seed)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"image is {image.dtype} {image.shape}, expected uint8 [h, w, 3]")
    made = _chain(cascade, _InMemory(image), gsd, stages, seed)
    out = np.empty((made[-1].height, made[-1].width, 3), np.uint8)
    for x, y, pixels in _windows(made, progress):
        out[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    return out


class _InMemory:
    """An array as a picture."""

    place: Georeference | None = None

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        return self._pixels[y0 : y0 + height, x0 : x0 + width]


class Enlarged:
    """A picture four times as large as its parent, computed window by window when read."""

    place: Georeference | None = None

    def __init__(
        self, cascade: CascadeLike, parent: Picture, gsd: float, *, seed: int, level: int
    ) -> None:
        self._parent, self._seed, self._level = parent, seed, level
        self._resolution = np.full(1, gsd / _SCALE)
        nearest = nearest_stage(gsd / _SCALE)
        self._stage = cascade.stage_at(STAGE_ZOOMS[nearest])
        self._augmentation = cascade.sampler.augmentation[nearest]
        self.width, self.height = _SCALE * parent.width, _SCALE * parent.height
        self.columns, self.rows = -(-parent.width // CORE), -(-parent.height // CORE)
        rows_read = (CORE + 2 * self._stage.margin) // (_SCALE * CORE) + 2
        self._capacity = rows_read * (self.columns + 1)
        self.computed = 0
        self._kept: OrderedDict[tuple[int, int], Pixels] = OrderedDict()

    def window(self, column: int, row: int) -> Pixels:
        """Compute one window, cut off at the picture's edge: uint8 [<= 512, <= 512, 3]."""
        margin = self._stage.margin
        side = CORE + 2 * margin
        x0, y0 = column * CORE - margin, row * CORE - margin
        parent = _read_mirrored(self._parent, x0, y0, side)
        field = noise.field(
            self._seed, self._level, _SCALE * x0, _SCALE * y0, _SCALE * side, _SCALE * side
        )
        pixels = self._stage(parent, field, self._resolution, self._augmentation)
        self.computed += 1
        return pixels[: self.height - _SCALE * CORE * row, : self.width - _SCALE * CORE * column]

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture, keeping some rows of windows for the next."""
        out = np.empty((height, width, 3), np.uint8)
        for row, into_y, from_y in _pieces(y0, height):
            for column, into_x, from_x in _pieces(x0, width):
                out[into_y, into_x] = self._remembered(column, row)[from_y, from_x]
        return out

    def _remembered(self, column: int, row: int) -> Pixels:
        pixels = self._kept.pop((column, row), None)
        if pixels is None:
            pixels = self.window(column, row)
            while len(self._kept) >= self._capacity:
                self._kept.popitem(last=False)
        self._kept[column, row] = pixels
        return pixels


def _chain(
    cascade: CascadeLike, picture: Picture, gsd: float, stages: int, seed: int
) -> list[Enlarged]:
    made: list[Enlarged] = []
    for number in range(stages):
        parent = made[-1] if made else picture
        finer = gsd / _SCALE**number
        made.append(Enlarged(cascade, parent, finer, seed=seed, level=NOISE_LEVEL + number))
    return made


def _windows(
    made: Sequence[Enlarged], progress: Progress | None
) -> Iterator[tuple[int, int, Pixels]]:
    """Compute the last picture row by row: (x, y, pixels) of each of its windows."""
    last, side = made[-1], _SCALE * CORE
    total = sum(picture.columns * picture.rows for picture in made)

    def report() -> None:
        if progress is not None:
            progress(min(sum(picture.computed for picture in made), total), total)

    report()
    for row in range(last.rows):
        for column in range(last.columns):
            yield column * side, row * side, last.window(column, row)
            report()


def _read_mirrored(picture: Picture, x0: int, y0: int, side: int) -> Pixels:
    """Read a square that may reach beyond the picture, which is mirrored at its edges."""
    columns, rows = _mirror(x0, side, picture.width), _mirror(y0, side, picture.height)
    left, top = int(columns.min()), int(rows.min())
    held = picture.read(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
    return np.ascontiguousarray(held[rows - top][:, columns - left])


def _mirror(start: int, count: int, size: int) -> NDArray[np.int64]:
    folded = np.arange(start, start + count) % (2 * size)
    return np.minimum(folded, 2 * size - 1 - folded)


def _pieces(start: int, length: int) -> Iterator[tuple[int, slice, slice]]:
    """Cut [start, start + length) at windows: (window, place in the result, place in it)."""
    side = _SCALE * CORE
    for window in range(start // side, -(-(start + length) // side)):
        low, high = max(start, window * side), min(start + length, (window + 1) * side)
        yield (
            window,
            slice(low - start, high - start),
            slice(low - window * side, high - window * side),
        )


def nearest_stage(resolution: float) -> int:
    """Return the index of the world's stage whose metres per pixel are nearest."""
    zoom = math.log2(EQUATOR_RESOLUTION / resolution)
    return min(range(len(STAGE_ZOOMS)), key=lambda index: abs(STAGE_ZOOMS[index] - zoom))


def _check(gsd: float, stages: int, seed: int) -> None:
    if not (math.isfinite(gsd) and gsd > 0):
        raise ImageError(f"ground resolution is {gsd:g} metres per pixel, expected more than 0")
    if not 1 <= stages <= MAX_STAGES:
        raise ImageError(f"stages is {stages}, expected 1 to {MAX_STAGES}")
    if not 0 <= seed < 1 << 64:
        raise ImageError(f"seed is {seed}, expected 0 to 2**64 - 1")
