"""A picture as the parent of a stage: windows of it, and what the stage draws over them.

For pictures that have no place among a world's tiles: users' own, and real parents that a stage is
measured with. Beyond its own edges a picture is its mirror image, so a window depends on nothing
but the picture, the seed and its address.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.window import mirrored
from generator.memory.config import choosing_scale
from generator.rasters import Georeference, Picture

if TYPE_CHECKING:
    from generator.memory.field import Memory


class StageLike(Protocol):
    """One stage, such as `generator.cascade.diffusionstage.DiffusionStage`."""

    @property
    def margin(self) -> int:
        """Parent pixels needed round a core."""

    @property
    def faithful_augmentation(self) -> float | None:
        """Level at which all that a parent shows is kept; None for the weights' own."""

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[Any]:
        """Return what the stage draws from where no memory gives it layouts: noise, or zeros.

        level: of the noise; area: in parent pixels.
        """

    def __call__(
        self,
        parent: Pixels,
        latent: NDArray[Any],
        resolution: NDArray[np.float64],
        augmentation: float,
        /,
    ) -> Pixels:
        """uint8 [h+2m, w+2m, 3] and its noise or codes to uint8 [4h, 4w, 3]."""


class InMemory:
    """An array uint8 [h, w, 3] as a picture."""

    place: Georeference | None = None

    def __init__(self, pixels: Pixels) -> None:
        self._pixels = pixels
        self.height, self.width = pixels.shape[:2]

    def read(self, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return a rectangle inside the picture."""
        return self._pixels[y0 : y0 + height, x0 : x0 + width]


@dataclass(frozen=True, slots=True)
class ParentPicture:
    """What one stage reads, and draws over.

    stage, zoom: what draws, and the zoom whose layouts it shows; picture: the parents' pixels;
    memory: of layouts, None for a stage that has none; above: the picture by which the layouts were
    chosen that this stage goes on with, a quarter of the size each way; None: the parent, averaged;
    latitude: of the picture in degrees, None where unknown.
    """

    stage: StageLike
    zoom: int
    picture: Picture
    memory: Memory | None = None
    above: Picture | None = None
    latitude: float | None = None

    def draw(
        self, seed: int, level: int, core: Rectangle, resolution: float, augmentation: float
    ) -> Pixels:
        """Draw the child of a core, given in parent pixels: uint8 [4h, 4w, 3].

        level: of the noise, where the stage draws from it; resolution: metres per child pixel.
        """
        area = core.grown(self.stage.margin)
        parent, latent = read_mirrored(self.picture, area), self.latent(seed, level, area)
        return self.stage(parent, latent, np.full(1, resolution), augmentation)

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[Any]:
        """Return the noise or the layout codes of a rectangle of parent pixels."""
        if self.memory is None:
            return self.stage.latent(seed, level, area)
        return self.memory.field(
            seed, self.zoom, area, self._choosing, world=None, latitude=self.latitude
        )  # fmt: skip

    @property
    def coarser(self) -> int:
        """Parent pixels along one pixel of the grid by which layouts are chosen."""
        return 1 if self.memory is None else choosing_scale(self.zoom)

    def rows(self, core: int) -> tuple[int, int]:
        """Rows of the parent, and of the picture above, that a core reads at most, by its rows."""
        area = Rectangle(0, 0, core, core).grown(self.stage.margin)
        if self.memory is None:
            return area.height, 0
        chosen = area.coarser(self.coarser).grown(self.memory.reach(self.zoom)).height
        if self.above is not None:
            return area.height, chosen
        return max(area.height, self.coarser * chosen), 0

    def _choosing(self, area: Rectangle) -> Pixels:
        """Return a rectangle of the grid by which layouts are chosen."""
        if self.coarser == 1:
            return read_mirrored(self.picture, area)
        if self.above is not None:
            return read_mirrored(self.above, area)
        return averaged(read_mirrored(self.picture, area.finer(self.coarser)), self.coarser)


def read_mirrored(picture: Picture, area: Rectangle) -> Pixels:
    """Read a rectangle that may reach beyond the picture, which is mirrored at its edges."""
    columns = mirrored(np.arange(area.x0, area.x0 + area.width), picture.width)
    rows = mirrored(np.arange(area.y0, area.y0 + area.height), picture.height)
    # Read once what the mirror images need too.
    left, top = int(columns.min()), int(rows.min())
    held = picture.read(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
    return np.ascontiguousarray(held[rows - top][:, columns - left])
