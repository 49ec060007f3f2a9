"""Figures of the ground at places: how built-up and how steep it is, shares of crops, forest, bare.

`GroundFigures` is a `GroundLayer`; the choice of layouts asks it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from generator.geography.builtup import BuiltUp
from generator.geography.landcover import Cover, LandCover
from generator.geography.layerfile import LayerFile
from generator.geography.layers import FIGURES, Shares
from generator.geography.relief import Relief
from generator.geography.towns import TownTable
from generator.grid.integral import squares
from generator.grid.rectangle import Rectangle
from generator.grid.window import mirrored

VERSION = 5
"""Raised whenever the same files would give other figures."""

COVERS = (Cover.WATER, Cover.CROP, Cover.FOREST, Cover.WOODLAND, Cover.BARE)
"""Land cover that figures are made of."""

WOODED = 160
"""How much of woodland counts as forest, in 256ths."""

_UNIT_BITS = 22
_MOST = 1 << 20
_RELIEF = FIGURES.index("relief")

Integers = NDArray[np.int64]


class GroundFigures:
    """Built-up degree, shares of land cover and relief of the Earth.

    built: the degree pixel by pixel; digest: hexadecimal digits of the files and of this code's
    version.
    """

    def __init__(
        self, towns: TownTable, cover: LandCover, relief: Relief, digest: str = ""
    ) -> None:
        self.cover, self.relief, self.built = cover, relief, BuiltUp(towns, cover)
        self.digest = hashlib.sha256(f"ground {VERSION} {digest}".encode()).hexdigest()

    @classmethod
    def open(cls, towns: LayerFile, cover: LayerFile, relief: LayerFile) -> GroundFigures:
        """Open the files of towns, land cover and relief; raises GeographyError for any other."""
        opened = TownTable.open(towns), LandCover.open(cover), Relief.open(relief)
        return cls(*opened, f"{towns.digest} {cover.digest} {relief.digest}")

    def built_up(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return how built-up each world pixel of a rectangle is, None where none is at all."""
        return self.built.shares(zoom, area)

    def figures(self, zoom: int, ys: Integers, xs: Integers, side: int) -> NDArray[np.uint8]:
        """Return FIGURES at pixel corners of `zoom`, in 255ths: uint8 [n, 6].

        ys, xs: int64 [n]; x wraps, y is mirrored at the map's edges. Built-up is the mean of the
        `side` x `side` pixels round the corner, an even number, those of cover are shares of the
        land within 0.05 degrees of the place itself, and relief is that of its surroundings, some
        20 km.
        """
        found = np.zeros((len(ys), len(FIGURES)), np.uint8)
        found[:, 0] = self._built(zoom, ys, xs, side)
        bits = _UNIT_BITS - zoom
        down = mirrored(ys << bits, 1 << (_UNIT_BITS + 8))
        across = (xs << bits) % (1 << (_UNIT_BITS + 8))
        found[:, _RELIEF] = self.relief.degrees(down, across)
        water, crop, forest, woodland, bare = self.cover.shares(down, across, COVERS).T
        land = np.maximum(255 - water, 1)
        for k, share in enumerate((crop, forest + (woodland * WOODED >> 8), bare), 1):
            if share.any():
                found[:, k] = np.minimum((255 * share + land // 2) // land, 255)
        return found

    def _built(self, zoom: int, ys: Integers, xs: Integers, side: int) -> Integers:
        """Return the mean degree of windows, int64 [n]."""
        if not len(ys):
            return np.zeros(0, np.int64)
        # Pixels of twice the size are enough; of those in which the windows lie, all sums.
        half, area = side // 2, side * side
        y, x = ys - half, xs - half
        top, left = int(y.min()) // 2, int(x.min()) // 2
        height, width = int(y.max()) // 2 + half + 1 - top, int(x.max()) // 2 + half + 1 - left
        if height * width > _MOST and len(ys) > 1:
            return self._halved(zoom, ys, xs, side)
        degree = self.built.shares(zoom - 1, Rectangle(left, top, width, height))
        if degree is None:
            return np.zeros(len(ys), np.int64)
        sums = squares(degree, half)
        flat, across = sums.reshape(-1), sums.shape[1]
        y, x = y - 2 * top, x - 2 * left
        total = np.zeros(len(y), np.int64)
        # Corners in the middle of such pixels have half of those on both sides.
        for row in (y >> 1, (y + 1) >> 1):
            for column in (x >> 1, (x + 1) >> 1):
                total += flat.take(row * across + column)
        mean: Integers = (total + area // 2) // area
        return mean

    def _halved(self, zoom: int, ys: Integers, xs: Integers, side: int) -> Integers:
        """Return the same for places that lie far apart, in two parts along the longer side."""
        along = ys if np.ptp(ys) > np.ptp(xs) else xs
        first = along <= (int(along.min()) + int(along.max())) // 2
        found = np.empty(len(ys), np.int64)
        for part in (first, ~first):
            found[part] = self._built(zoom, ys[part], xs[part], side)
        return found
