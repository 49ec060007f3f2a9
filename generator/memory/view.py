"""What a code field is asked for and made from: rectangles, the plane they lie on, its picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle
from generator.memory.config import CHOICES, SITE, WINDOW
from generator.memory.descriptor import DescribedPicture, amplified, textured_as_land
from generator.memory.features import latitudes
from generator.memory.groundterm import GroundTerm, built_up, slack
from generator.memory.jitteredgrid import EARTH, Axis, MapSize
from generator.memory.labels import SiteDescriptors, Tones
from generator.memory.patches import compared_gates

ReadParent = Callable[[Rectangle], NDArray[np.uint8]]
"""Returns the pixels of a rectangle of the choosing grid, uint8 [height, width, 3]."""

ReadFilled = Callable[[Rectangle], NDArray[np.uint8] | None]
"""Returns 255ths of each pixel that are water drawn as land, uint8 [height, width], or None."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Plane:
    """The lattice of one world, or of a plane without end, and what its pixels say of latitude."""

    vertical: Axis
    horizontal: Axis
    latitude: float | None = None

    @classmethod
    def of(cls, chosen: int, world: MapSize | None, latitude: float | None = None) -> Plane:
        """Return the lattice of a stage that chooses; world, latitude: as for `Memory.field`."""
        sizes: tuple[int | None, int | None] = (None, None)
        if world is not None:
            sizes = (world.height << (chosen - 2), world.width << (chosen - 2))
        vertical, horizontal = (Axis(CHOICES[chosen].spacing, size) for size in sizes)
        return cls(vertical, horizontal, latitude)

    def degrees(self, rows: Integers) -> Integers | None:
        """Return |latitude| in whole degrees at pixel corners, None where it is unknown."""
        if self.vertical.length is not None:
            return latitudes(rows, self.vertical.length)
        if self.latitude is None:
            return None
        return np.full(rows.shape, int(abs(self.latitude) + 0.5), np.int64)


@dataclass(frozen=True, slots=True)
class ParentView:
    """The picture of a rectangle of the choosing grid, and the plane that it is of.

    gain: by how much its contrast is taken to be fainter than imagery's, in 1/16 octaves. ground:
    what is known of it, None for nothing; chosen: zoom of the stage that chooses. filled: 255ths of
    water drawn as land, summed over the window at each corner, int64, or None for none.
    """

    area: Rectangle
    picture: DescribedPicture
    plane: Plane
    gain: int = 0
    ground: GroundTerm | None = None
    chosen: int = 0
    filled: Integers | None = None

    @classmethod
    def of(
        cls,
        chosen: int,
        area: Rectangle,
        pixels: NDArray[np.uint8],
        ground: GroundTerm | None = None,
        *,
        filled: NDArray[np.uint8] | None = None,
        world: MapSize | None = EARTH,
        latitude: float | None = None,
    ) -> ParentView:
        """View the pixels of a rectangle, uint8 [height, width, 3], as a stage that chooses does.

        filled: as `ReadFilled` returns it; world, latitude: as for `Memory.field`.
        """
        gain = 0 if world is None else CHOICES[chosen].gain
        plane = Plane.of(chosen, world, latitude)
        sums = None if filled is None else squares(filled, WINDOW)
        return cls(area, DescribedPicture(pixels), plane, gain, ground, chosen, sums)

    def described(self, ys: Integers, xs: Integers) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """Describe the windows centred at pixel corners, int64 [n] each.

        Returns descriptors int8 [n, d] and gates uint8 [n, 3 or 5], as `Queries` holds them.
        """
        half = WINDOW // 2
        top, left = self.area.y0 + half, self.area.x0 + half
        described = self.picture.describe(ys - top, xs - left, self.plane.degrees(ys))
        if self.filled is not None:
            water = self.filled[ys - top, xs - left] // (WINDOW * WINDOW)
            described = textured_as_land(*described, water)
        descriptors, gates = amplified(*described, self.gain) if self.gain else described
        gates = compared_gates(gates)
        if self.ground is None:
            return descriptors, gates
        # What is known of the ground: further numbers, wider gates in towns, and one for towns.
        known = self.ground.at(self.chosen, ys, xs)
        gates = np.concatenate([gates, slack(known)[:, None], built_up(known)[:, None]], 1)
        return np.concatenate([descriptors, known], 1), gates

    def tones(self, cost: int) -> Tones:
        """Return the tones of the picture, each the mean of 3 x 3 pixels."""
        planes = np.moveaxis(self.picture.pixels, 2, 0).astype(np.int16)
        edged = np.pad(planes, ((0, 0), (1, 1), (1, 1)), "edge")
        rows = edged[:, :-2] + edged[:, 1:-1] + edged[:, 2:]
        return Tones(self.area, (rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]) // 9, cost)

    def sites(self, core: Rectangle) -> SiteDescriptors:
        """Describe the picture at the sites in and round a rectangle of the choosing grid."""
        # Sites from the last before the rectangle to the first behind it.
        row, column = core.y0 // SITE, core.x0 // SITE
        rows = np.arange(row, (core.y0 + core.height - 1) // SITE + 2)
        columns = np.arange(column, (core.x0 + core.width - 1) // SITE + 2)
        ys, xs = (SITE * at.ravel() for at in np.meshgrid(rows, columns, indexing="ij"))
        descriptors, _ = self.described(ys, xs)
        return SiteDescriptors(row, column, descriptors.reshape(len(rows), len(columns), -1))
