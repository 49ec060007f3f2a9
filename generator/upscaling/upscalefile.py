"""A file of a user's own enlarged into another: checked before anything is loaded, then written.

Its place, its holes and what it says of its colours are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator.grid.errors import ImageError, ImageryError
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.place import Ground, Projected
from generator.rasters import Filled, Georeference, OpenedPicture, Picture, Reading, open_picture
from generator.rasters.notice import DETAIL_NOTICE
from generator.rasters.writing import check_target, create_picture, is_streamed
from generator.upscaling.upscale import (
    CascadeLike,
    Progress,
    UpscaleSettings,
    check,
    stage_chain,
    windows,
)

_DIFFERS = 1.25
"""Times by which a resolution may differ from the file's own before it is said."""


@dataclass(frozen=True, slots=True)
class Upscaling:
    """A picture that can be enlarged into a file, as far as that is known before.

    picture: what is read; target: the file to write; notes: what its owner should know.
    """

    picture: OpenedPicture
    target: Path
    settings: UpscaleSettings
    masked: bool
    notes: tuple[str, ...]

    def write(self, cascade: CascadeLike, progress: Progress | None = None) -> None:
        """Write the target, whole or not at all. Raises ImageError with one sentence.

        progress: called with windows (done, in all) before the first and after each.
        """
        # The chain of stages, nothing of which is computed yet.
        source, factor = self.picture, SCALE**self.settings.stages
        parent: Picture = Filled(source) if self.masked else source
        made = stage_chain(cascade, parent, self.settings)
        place = source.place.finer(factor) if source.place else None
        size, bands = (made[-1].width, made[-1].height), 4 if self.masked else 3
        with create_picture(self.target, *size, place, DETAIL_NOTICE, bands=bands) as sink:
            for x, y, pixels in windows(made, progress):
                sink.write(x, y, self._with_holes(x, y, pixels) if self.masked else pixels)

    def _with_holes(self, x: int, y: int, pixels: Pixels) -> Pixels:
        """Add the source's mask to a window of the result: uint8 [h, w, 4]."""
        factor = SCALE**self.settings.stages
        height, width = pixels.shape[:2]
        left, top = x // factor, y // factor
        right, bottom = -(-(x + width) // factor), -(-(y + height) // factor)
        mask = self.picture.mask(left, top, right - left, bottom - top)
        assert mask is not None
        fine = mask.repeat(factor, 0).repeat(factor, 1)
        fine = fine[y - top * factor :, x - left * factor :][:height, :width]
        return np.dstack([pixels, fine])


@contextmanager
def open_upscaling(
    source: Path,
    target: Path,
    gsd: float,
    stages: int,
    seed: int = 0,
    *,
    reading: Reading | None = None,
) -> Iterator[Upscaling]:
    """Open a picture to be enlarged 4**stages times into a PNG, JPEG or TIFF.

    gsd: its ground resolution in metres per pixel. Raises ImageError with one sentence for what
    cannot be read, written or meant.
    """
    check(gsd, stages, seed)
    if target.exists() and source.exists() and target.samefile(source):
        raise ImageError(f"image {target} is the source itself, expected another file to write")
    check_target(target, 1, 1)
    with open_picture(source, reading or Reading()) as picture:
        masked = picture.masked
        factor = SCALE**stages
        # A file that was cut short lacks its end.
        for corner in ((0, 0), (picture.width - 1, picture.height - 1)):
            picture.read(*corner, 1, 1)
        place, size = picture.place, (factor * picture.width, factor * picture.height)
        finer = None if place is None else place.finer(factor)
        ground = None if place is None else ground_of(place, picture.width, picture.height)
        check_target(target, *size, 4 if masked else 3, finer)
        notes = [*picture.notes, *resolution_notes(f"image {source}", ground, gsd)]
        if place is not None and place.points and not is_streamed(target):
            notes.append(
                f"image {source} is placed by ground control points, which only a .tif written "
                f"with rasterio keeps: {target} will have no place"
            )
        latitude = None if ground is None else ground.lat
        yield Upscaling(
            picture, target, UpscaleSettings(gsd, stages, seed, latitude), masked, tuple(notes)
        )


def resolution_notes(name: str, ground: Ground | None, gsd: float) -> list[str]:
    """Say where a resolution in metres per pixel is far from the picture's own."""
    if ground is None:
        return []
    own = (ground.width * ground.height) ** 0.5
    if own == 0 or 1 / _DIFFERS <= gsd / own <= _DIFFERS:
        return []
    return [f"{name} says {own:.4g} m per pixel, but --gsd says {gsd:.4g}: this is what counts"]


def ground_of(place: Georeference, width: int, height: int) -> Ground | None:
    """Return the ground of a picture's middle pixel, None where it is unknown."""
    try:
        return Projected("the picture", place).at(width / 2, height / 2)
    except ImageryError:
        # The place may be of another planet, and is needed for nothing else.
        return None
