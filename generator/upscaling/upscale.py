"""Detail for any picture: the cascade's stages run on a user's own image, in windows.

Each stage is a `Picture` computed on demand from the one before it: windows of a fixed core, read
with the stage's margin, at fixed places and with fixed noise. A pixel therefore depends only on
the picture, the seed and its address, and windows fit without a seam. Beyond its own edges the
picture is its mirror image. What the picture shows is kept: stages add only what it lacks. Of an
intermediate stage only the rows of windows are held that the next row of those after it reads, two
as a rule, more where layouts are chosen by what lies further round.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import EQUATOR_RESOLUTION, SCALE, STAGE_ZOOMS
from generator.memory.config import CHOSEN_AT
from generator.rasters import Georeference, Picture
from generator.upscaling.parentpicture import InMemory, ParentPicture, StageLike

if TYPE_CHECKING:
    from generator.memory.field import Memory

MAX_STAGES = 5
CORE = 128
"""Parent pixels along a window's side, without the margin; even, as stages ask."""

_ALIGN = 32
"""A window's sides are multiples of this, as every network's grid allows."""
NOISE_LEVEL = 32
"""Noise level of the first stage: far from the world's own, and too wide to wrap."""

Progress = Callable[[int, int], None]


class SamplerLike(Protocol):
    """What is needed of the sampler's configuration."""

    @property
    def augmentation(self) -> tuple[float, ...]:
        """Conditioning-augmentation level of each stage of the world."""


class CascadeLike(Protocol):
    """What is needed of a loaded cascade: see `generator.cascade.cascade.Cascade`."""

    def stage_at(self, zoom: int) -> StageLike:
        """Return the stage of a zoom."""

    @property
    def sampler(self) -> SamplerLike:
        """The sampler's configuration."""

    @property
    def memory(self) -> Memory | None:
        """Where layouts come from."""


def upscale(
    cascade: CascadeLike,
    image: Pixels,
    gsd: float,
    stages: int = 1,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    free: bool = False,
) -> Pixels:
    """Enlarge uint8 [h, w, 3] to [h * 4**stages, w * 4**stages, 3].

    gsd: its ground resolution in metres per pixel; progress: called with windows (done, in all)
    before the first and after each. Raises ImageError.
    free: stages may change what the picture shows as far as they change a world's own tiles.
    """
    check(gsd, stages, seed)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ImageError(f"image is {image.dtype} {image.shape}, expected uint8 [h, w, 3]")
    made = stage_chain(cascade, InMemory(image), UpscaleSettings(gsd, stages, seed, free=free))
    out = np.empty((made[-1].height, made[-1].width, 3), np.uint8)
    for x, y, pixels in windows(made, progress):
        out[y : y + pixels.shape[0], x : x + pixels.shape[1]] = pixels
    return out


@dataclass(frozen=True, slots=True)
class UpscaleSettings:
    """What decides the pixels of a chain of stages over a picture.

    gsd: the picture's metres per pixel; latitude: in degrees, None where unknown; free: as of
    `upscale`; whole: each stage in one window of its own, for small pictures.
    """

    gsd: float
    stages: int
    seed: int
    latitude: float | None = None
    free: bool = False
    whole: bool = False


class UpscaledPicture:
    """A picture four times as large as its parent, computed window by window when read."""

    place: Georeference | None = None
    parent: ParentPicture

    def __init__(
        self, cascade: CascadeLike, parent: Picture, number: int, settings: UpscaleSettings
    ) -> None:
        self._number, self._settings = number, settings
        self._resolution = settings.gsd / SCALE ** (number + 1)
        # The stage whose resolution is nearest.
        levels = cascade.sampler.augmentation
        nearest = nearest_stage(self._resolution, len(levels))
        zoom = STAGE_ZOOMS[nearest]
        stage = cascade.stage_at(zoom)
        self._augmentation = levels[nearest]
        if stage.faithful_augmentation is not None and not settings.free:
            self._augmentation = stage.faithful_augmentation
        # A stage that goes on with the layouts of the one before chooses them as that one did.
        above = None
        if isinstance(parent, UpscaledPicture) and CHOSEN_AT[zoom] == parent.parent.zoom != zoom:
            above = parent.parent.picture
        self.parent = ParentPicture(stage, zoom, parent, cascade.memory, above, settings.latitude)
        self.width, self.height = SCALE * parent.width, SCALE * parent.height
        # Windows of one size, or one window for all.
        self._high = self._wide = CORE
        if settings.whole:
            self._high, self._wide = (
                side + -side % _ALIGN for side in (parent.height, parent.width)
            )
        self.columns, self.rows = -(-parent.width // self._wide), -(-parent.height // self._high)
        self._rows_read = 0
        for picture, rows in zip((parent, above), self.parent.rows(self._high), strict=True):
            if isinstance(picture, UpscaledPicture):
                picture.expect_rows(rows)
        self.computed = 0
        self._kept: OrderedDict[tuple[int, int], Pixels] = OrderedDict()

    def expect_rows(self, rows: int) -> None:
        """Prepare for a reader of so many rows at once, beside any others."""
        self._rows_read += rows

    def window(self, column: int, row: int) -> Pixels:
        """Compute one window, cut off at the picture's edge: uint8 [at most 512, 512, 3]."""
        x0, y0 = column * self._wide, row * self._high
        pixels = self.parent.draw(
            self._settings.seed, NOISE_LEVEL + self._number,
            Rectangle(x0, y0, self._wide, self._high), self._resolution, self._augmentation,
        )  # fmt: skip
        self.computed += 1
        return pixels[: self.height - SCALE * y0, : self.width - SCALE * x0]

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture, keeping some rows of windows for the next."""
        out = np.empty((height, width, 3), np.uint8)
        high, wide = SCALE * self._high, SCALE * self._wide
        for row, into_y, from_y in pieces(y0, height, high):
            for column, into_x, from_x in pieces(x0, width, wide):
                out[into_y, into_x] = self._remembered(column, row)[from_y, from_x]
        return out

    def _remembered(self, column: int, row: int) -> Pixels:
        pixels = self._kept.pop((column, row), None)
        if pixels is None:
            pixels = self.window(column, row)
            capacity = (self._rows_read // (SCALE * self._high) + 2) * (self.columns + 1)
            while len(self._kept) >= capacity:
                self._kept.popitem(last=False)
        self._kept[column, row] = pixels
        return pixels


def stage_chain(
    cascade: CascadeLike, picture: Picture, settings: UpscaleSettings
) -> list[UpscaledPicture]:
    """Return the stages' pictures over `picture`, each the parent of the next, nothing computed."""
    made: list[UpscaledPicture] = []
    for number in range(settings.stages):
        made.append(UpscaledPicture(cascade, made[-1] if made else picture, number, settings))
    return made


def windows(
    made: Sequence[UpscaledPicture], progress: Progress | None
) -> Iterator[tuple[int, int, Pixels]]:
    """Compute the last picture row by row: (x, y, pixels) of each of its windows."""
    last, side = made[-1], SCALE * CORE
    total = sum(picture.columns * picture.rows for picture in made)

    def report() -> None:
        if progress is not None:
            progress(min(sum(picture.computed for picture in made), total), total)

    report()
    for row in range(last.rows):
        for column in range(last.columns):
            yield column * side, row * side, last.window(column, row)
            report()


def nearest_stage(resolution: float, stages: int) -> int:
    """Return the index of the stage, one of the first so many, whose resolution is nearest."""
    zoom = math.log2(EQUATOR_RESOLUTION / resolution)
    return min(range(stages), key=lambda index: abs(STAGE_ZOOMS[index] - zoom))


def check(gsd: float, stages: int, seed: int) -> None:
    """Raise ImageError for numbers that cannot be meant."""
    if not (math.isfinite(gsd) and gsd > 0):
        raise ImageError(f"ground resolution is {gsd:g} metres per pixel, expected more than 0")
    if not 1 <= stages <= MAX_STAGES:
        raise ImageError(f"stages is {stages}, expected 1 to {MAX_STAGES}")
    if not 0 <= seed < 1 << 64:
        raise ImageError(f"seed is {seed}, expected 0 to 2**64 - 1")
