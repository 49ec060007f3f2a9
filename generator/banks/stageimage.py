"""Bringing an image to a stage's resolution, and its mask to the grids of codes and choice.

Finer images are averaged by whole numbers and then reduced by less than two; coarser ones are
enlarged by cubic interpolation, and by no more than LARGEST.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.banks.nodata import outside_swath
from generator.banks.options import SCALES
from generator.banks.stitching import stitching_lines
from generator.grid.averaging import averaged
from generator.grid.integral import integral
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.sources import Decoded
from generator.memory.config import STEP, WINDOW
from generator.memory.descriptor import grid_shape

Mask = NDArray[np.bool_]

SMALLEST = 1 / 16
"""Least ratio of an image's metres per pixel to a stage's: finer images show too little ground."""
LARGEST = 2.1
"""Most of that ratio: coarser images show nothing that a stage adds."""
_AS_IT_IS = 0.85, 1.4
"""Ratios at which images are taken as they are: beyond them fields and houses would look too large
or too soft."""
_VALID = 250
_WIDE = 11
"""The finest zoom at which pictures are wide enough to tell where two swaths meet."""
SPECKS = 0.04
"""Share of a described window that may be bad: masks of thin cloud are full of specks."""


@dataclass(frozen=True, slots=True)
class Resampling:
    """How an image serves a stage: averaged by `shrink`, then resized by `grow` (1: not)."""

    zoom: int
    shrink: int
    grow: float


@dataclass(frozen=True, slots=True, eq=False)
class StageImage:
    """An image at a stage's resolution.

    child: uint8 [H, W, 3], sides multiples of the scale's unit; good: bool [H/4, W/4], true where
    the picture is valid, on the grid of its parent; swath: bool [H/4, W/4], what lies outside of a
    swath though no mask says so or where two swaths meet, which is not good either; None for
    nothing.
    """

    zoom: int
    child: Pixels
    good: Mask
    swath: Mask | None = None

    @property
    def choosing(self) -> Pixels:
        """Return the pixels of the choosing grid, uint8."""
        parent = averaged(self.child, SCALE)
        return averaged(parent, SCALE) if SCALES[self.zoom].unit == SCALE**2 else parent

    @property
    def valid(self) -> Mask:
        """Return which described windows of the choosing grid are good, but for specks: bool."""
        by = SCALES[self.zoom].unit // SCALE
        bad = integral(~self.good)
        rows, columns = grid_shape(self.good.shape[0] // by, self.good.shape[1] // by)
        top, left = (STEP * by * np.arange(count) for count in (rows, columns))
        below, right = top + WINDOW * by, left + WINDOW * by
        inside = bad[below][:, right] - bad[top][:, right] - bad[below][:, left] + bad[top][:, left]
        few: Mask = np.asarray(inside <= SPECKS * (WINDOW * by) ** 2)
        return few


def resampling_for(gsd: float, zoom: int, least: int = 1) -> Resampling | None:
    """Return how an image of `gsd` metres per pixel serves a stage, None where it does not.

    least: what it is averaged by at least, where its finest pixels repeat each other.
    """
    nominal = SCALES[zoom].nominal
    if gsd / nominal < SMALLEST:
        return None
    finest, coarsest = _AS_IT_IS
    shrink = max(least, int(nominal * coarsest / gsd), 1)
    if shrink > 1 and gsd * shrink > nominal / finest:
        # Between whole numbers: rather reduced a little than averaged too far.
        shrink = max(least, int(nominal / gsd), 1)
    ratio = gsd * shrink / nominal
    if ratio > LARGEST:
        return None
    return Resampling(zoom, shrink, 1.0 if finest <= ratio <= coarsest else ratio)


def size_after(height: int, width: int, how: Resampling) -> tuple[int, int]:
    """Return the size of the view of an image, height and width in child pixels."""
    unit = SCALES[how.zoom].unit
    sides = (int(side // how.shrink * how.grow) // unit * unit for side in (height, width))
    high, wide = sides
    return high, wide


def at_stage(decoded: Decoded, how: Resampling) -> StageImage:
    """Bring an image to a stage's resolution, cut to whole units at its lower and right edge."""
    height, width = decoded.pixels.shape[:2]
    high, wide = size_after(height, width, how)
    # Averaged by whole numbers, then resized by what is left.
    child = decoded.pixels[: height // how.shrink * how.shrink, : width // how.shrink * how.shrink]
    child = averaged(child, how.shrink)
    if how.grow != 1:
        size = (round(child.shape[1] * how.grow), round(child.shape[0] * how.grow))
        child = np.asarray(Image.fromarray(child).resize(size, Image.Resampling.BICUBIC))
    good: Mask = np.ones((high // SCALE, wide // SCALE), bool)
    if decoded.mask is not None and decoded.mask.size:
        # The part of the mask that the cut picture covers, in the mask's own pixels.
        rows, columns = decoded.mask.shape
        scale = how.shrink / how.grow
        box = (0, 0, columns * wide * scale / width, rows * high * scale / height)
        box = (0, 0, min(box[2], columns), min(box[3], rows))
        small = Image.fromarray(decoded.mask).resize(
            (wide // SCALE, high // SCALE), Image.Resampling.BOX, box=box
        )
        good[:] = np.asarray(small) >= _VALID
    child = np.ascontiguousarray(child[:high, :wide])
    # What lies outside of a swath, or where two meet, is not good.
    parent = averaged(child, SCALE)
    swath = outside_swath(parent, good)
    if how.zoom <= _WIDE:
        swath |= stitching_lines(parent)
    if not swath.any():
        return StageImage(how.zoom, child, good)
    return StageImage(how.zoom, child, good & ~swath, swath)


def mostly(mask: Mask, by: int) -> Mask:
    """Return where at least half of by x by pixels are valid, bool [by h, by w] to [h, w]."""
    if by == 1:
        return mask
    height, width = mask.shape[0] // by, mask.shape[1] // by
    cells = mask[: height * by, : width * by].reshape(height, by, width, by)
    return np.asarray(2 * cells.sum((1, 3)) >= by * by)
