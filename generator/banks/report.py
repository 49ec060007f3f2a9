"""What became of the images of a build: taken, refused and why, or left for want of room."""

from __future__ import annotations

from dataclasses import dataclass

from generator.grid.pixels import Pixels
from generator.memory.bank import Bank


@dataclass(frozen=True, slots=True, eq=False)
class TakenImage:
    """What was taken of an image for the stages that choose at one zoom.

    area: child pixels taken; whole: child pixels that were usable; lat, lon: in degrees or None;
    thumbnail: uint8 [h, w, 3] of all of the image; left: why other blocks of it are of no use.
    """

    name: str
    source: str
    zoom: int
    area: int
    whole: int
    lat: float | None
    lon: float | None
    thumbnail: Pixels | None
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RefusedImage:
    """An image of which nothing can be taken, and why; thumbnail: uint8 [h, w, 3] or None."""

    name: str
    reason: str
    thumbnail: Pixels | None = None

    @property
    def sentence(self) -> str:
        """Return the reason with the image's name in front, once."""
        return self.reason if self.reason.startswith(self.name) else f"{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class BuildResult:
    """A bank, and what became of every image; spare: usable ones that found no room."""

    bank: Bank
    taken: tuple[TakenImage, ...]
    refused: tuple[RefusedImage, ...]
    spare: tuple[str, ...]

    def area(self, zoom: int) -> int:
        """Return the child pixels that were taken for the stages that choose at `zoom`."""
        return sum(each.area for each in self.taken if each.zoom == zoom)
