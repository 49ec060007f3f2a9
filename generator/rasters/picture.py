"""What a picture is to those who read it: a part of it at a time, or whole in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from generator.grid.pixels import Pixels
from generator.rasters.georeference import Georeference
from generator.rasters.samples import Range


class Picture(Protocol):
    """A picture whose every pixel counts. `place` is None where nothing says where it lies."""

    width: int
    height: int
    place: Georeference | None

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture, uint8 [height, width, 3]. Raises ImageError."""


class OpenedPicture(Protocol):
    """A picture of a file, upright.

    bands: how many the file has; grey: whether they show no colours; place: None where nothing
    says where it lies; beside: whether a world file beside it says so; stretch: the 16-bit samples
    that became 0 and 255 because nobody said which; notes: remarks for its owner, a sentence each;
    masked: whether some pixel is not valid or not opaque, which may need the whole file.
    """

    width: int
    height: int
    bands: int
    grey: bool
    place: Georeference | None
    beside: bool
    stretch: Range | None
    notes: tuple[str, ...]

    @property
    def masked(self) -> bool: ...  # noqa: D102  # said above

    def held(self) -> bool:
        """Decode the picture if that is done whole; whether it was, and needs no file any more."""

    def read(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels:
        """Return a rectangle inside the picture, uint8 [height, width, 3].

        size: (height, width) that it is averaged to. Raises ImageError.
        """

    def mask(
        self, x0: int, y0: int, width: int, height: int, size: tuple[int, int] | None = None
    ) -> Pixels | None:
        """Return how valid or opaque it is, uint8 [height, width], 255 = wholly.

        None where the whole picture is. Raises ImageError.
        """


@dataclass(frozen=True, slots=True, eq=False)
class WholePicture:
    """A picture in memory: uint8 [h, w, 3], mask uint8 [h, w] or None where all of it is valid."""

    pixels: Pixels
    mask: Pixels | None
    place: Georeference | None
    notes: tuple[str, ...]
    grey: bool
    bands: int
