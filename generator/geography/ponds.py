"""Ponds and small lakes of flat land in the north, too small for the layer of lakes.

Ice left them there: the more of them, the flatter the ground and the further from the equator
(C. Verpoorter et al., A global inventory of lakes, 2014). A grid of cells of each size holds a pond
or none by lot, an ellipse with a rough shore. They lie over all else that is drawn by rule. Whole
numbers that depend on nothing but an address.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.geography.enlarging import interpolated
from generator.geography.farmland import fields_at
from generator.geography.landcover import Cover, LandCover
from generator.geography.overlay import Overlay, rounded
from generator.geography.regiongrid import ANGLES, key_in, turns
from generator.geography.relief import Relief
from generator.geography.valuenoise import (
    TILE_BITS,
    WORLD_BITS,
    Integers,
    from_equator,
    middles,
    noise,
)
from generator.geography.worldrule import WorldRule
from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle

_CALM = {9: 200, 11: 235, 13: 245, 15: 250, 17: 245}
"""256ths of the layouts' detail that ponds do without, by the zoom of the child."""


class PondSize(NamedTuple):
    """Ponds of one size.

    bits: of their cells' side in units; first: zoom whose children show them first; most: 256ths of
    cells that have one at most; covered: 256ths of the ground that they cover then.
    """

    bits: int
    first: int
    most: int
    covered: int


SIZES = (PondSize(17, 9, 120, 20), PondSize(15, 11, 110, 18), PondSize(13, 13, 70, 11))
"""Large ones first; a cell is 4.9 km long at the equator, and half of it at 60 degrees."""

_RADIUS = 34, 80
"""256ths of a cell that the radius of a pond has at least, and has more at most; few are large."""

_LONG = 256, 300
"""256ths by which it is longer than wide, and is more at most."""

_ROUGH = ((-1, 330), (-2, 260), (-3, 160), (-4, 90))
"""Octaves of the noise of shores: wave length over a cell's, in bits, and amplitude."""

_NORTH = (238, 5), (440, 8)
"""256ths of 58 degrees on the map from which on there are ponds, and up to which, and how much each
further one counts."""

_FLAT = 92, 6
"""Relief up to which there are ponds, and how much each level less counts."""

_DISTRICTS = ((22, 250), (20, 200), (18, 120))
"""Octaves of the noise that says where there are many."""

_WATER = (-78, -60, -30), (-30, -27, -12)
"""Red, green and blue over the ground's of ponds in open land and in woods."""

_RIM, _RIM_WIDE = (9, 8, 2), 96
"""Red, green and blue of what lies at a shore, and how far it reaches, in 32nds of a pixel."""

_SHORES = 13
"""First zoom whose children show that."""

_KEY = 0x706F6E64
_WORLD = 1 << WORLD_BITS

Short = NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Ponds(WorldRule):
    """Ponds of the Earth in the world of a seed."""

    NAME: ClassVar[str] = "ponds"
    VERSION: ClassVar[int] = 1

    cover: LandCover
    relief: Relief

    def laid_over(self, zoom: int, area: Rectangle, under: Overlay | None) -> Overlay | None:
        """Lay the ponds in a rectangle of world pixels over what else is drawn there."""
        if zoom not in _CALM or not _northern(middles(zoom, area)[0]).any():
            return under
        inside, wet, wooded = interpolated(zoom, area, self._seen)
        if not wet.any():
            return under
        if under is None:
            under = Overlay(np.zeros((*wet.shape, 3), np.int16), np.zeros(wet.shape, np.uint16))
        # A pixel at the shore is part water; 128ths.
        share = (inside * np.int16(4) + np.int16(64)).clip(0, 128)
        dry = np.int16(128) - share
        rim = np.zeros_like(share)
        if zoom >= _SHORES:
            rim = np.minimum((inside + np.int16(_RIM_WIDE)).clip(0, 64), dry)
        colours = under.colours * dry[..., None]
        for plane, (of_open, of_woods, at_rim) in enumerate(zip(*_WATER, _RIM, strict=True)):
            water = of_open + (wooded * np.int16(of_woods - of_open) >> 7)
            # The mean is that of the ground.
            colours[..., plane] += water * (share - (wet * dry >> 7)) + rim * np.int16(at_rim)
        covered = (2 * share).clip(0, 255).astype(np.uint16) * np.uint16(_CALM[zoom])
        plants = None if under.plants is None else rounded(under.plants * dry[..., None], 7)
        return Overlay(rounded(colours, 7), np.maximum(under.withheld, covered), plants)

    def _seen(self, zoom: int, area: Rectangle) -> Short:
        """Return how far pixels lie inside ponds, how much is pond, and woods: int16 [3, h, w].

        In 32nds of a child's pixel; 128ths of the ground; 128ths.
        """
        ys, xs = middles(zoom, area)
        bits = WORLD_BITS - TILE_BITS - zoom
        found = np.zeros((3, len(ys), len(xs)), np.int16)
        there, wooded = self._likely(ys, xs)
        found[2] = wooded
        inside = np.full(there.shape, -511, np.int64)
        covered = 0
        if there.any():
            for number, size in enumerate(SIZES):
                if zoom + 2 >= size.first:
                    covered += size.covered
                    np.maximum(inside, self._inside(number, size, ys, xs, bits), out=inside)
        found[0], found[1] = inside, there * covered >> 9
        return found

    def _inside(
        self, number: int, size: PondSize, ys: Integers, xs: Integers, bits: int
    ) -> Integers:
        """Return how far places lie inside ponds of one size, in 128ths of 2**bits units, to 511.

        Negative outside. int64 [rows, columns].
        """
        side = 1 << size.bits
        row, column = ys >> size.bits, xs >> size.bits
        rows = np.arange(row[0] - 1, row[-1] + 2)
        columns = np.arange(column[0] - 1, column[-1] + 2)
        key = keys(key_in(self.seed, _KEY + number), rows[:, None], columns % (_WORLD // side))

        def lot(byte: int) -> Integers:
            return (key >> np.uint64(8 * byte) & np.uint64(255)).astype(np.int64)

        middle = side // 2
        likely, _ = self._likely((rows << size.bits) + middle, (columns << size.bits) + middle)
        there = lot(0) < likely * size.most >> 8
        # Each has its middle in the middle half of its cell, a radius, a length and a direction.
        y = (rows << size.bits)[:, None] + (side >> 2) + (side * lot(1) >> 9)
        x = (columns << size.bits) + (side >> 2) + (side * lot(2) >> 9)
        radius = side * (_RADIUS[0] + (_RADIUS[1] * lot(3) * lot(3) >> 16)) >> 8
        long = _LONG[0] + (_LONG[1] * lot(4) >> 8)
        cosine, sine = turns()[:, lot(5) % ANGLES]
        rough = noise(_KEY, tuple((size.bits + more, by) for more, by in _ROUGH), ys, xs, bits)
        inside = np.full((len(ys), len(xs)), -511, np.int64)
        for i, j in product((-1, 0, 1), (-1, 0, 1)):
            at = np.ix_(row - rows[0] + i, column - columns[0] + j)
            if not there[at].any():
                continue
            down, across = ys[:, None] - y[at], xs - x[at]
            along = across * cosine[at] + down * sine[at] >> 10
            aside = (down * cosine[at] - across * sine[at] >> 10) * long[at] >> 8
            squared = along * along + aside * aside
            part = 256 + rough - (squared << 8) // (radius * radius)[at]
            # The shore is half a radius from where this has changed by 256.
            part = part * radius[at] >> bits + 2
            np.copyto(inside, part.clip(-511, 511), where=there[at] & (part > inside))
        return inside

    def _likely(self, ys: Integers, xs: Integers) -> tuple[Integers, Integers]:
        """Return 256ths of the ponds that land could have, and 128ths of woods: int64 [h, w]."""
        ys = ys.clip(0, _WORLD - 1)
        likely = _northern(ys)[:, None] * np.ones(len(xs), np.int64)
        if not likely.any():
            return likely, np.zeros_like(likely)
        likely = likely * ((_FLAT[0] - self.relief.grid_degrees(ys, xs)) * _FLAT[1]).clip(0, 256)
        likely >>= 8
        wooded = self.cover.grid_total(ys, xs, Cover.FOREST, Cover.WOODLAND)
        land = wooded + self.cover.grid_total(ys, xs, Cover.GRASS, Cover.BARE)
        likely = likely * land.clip(0, 255) >> 8
        fields = fields_at(self.cover, self.relief, ys, xs)
        if fields is not None:
            likely = likely * (255 - fields) >> 8
        lots = noise(key_in(self.seed, _KEY - 1), _DISTRICTS, ys, xs, 0)
        return likely * (lots + 130).clip(0, 256) >> 8, wooded >> 1


def _northern(ys: Integers) -> Integers:
    """Return 256ths of the ponds that rows have, by how far north they lie: int64 as ys."""
    away = from_equator(ys) * (ys < _WORLD // 2)
    (first, more), (last, less) = _NORTH
    found: Integers = np.minimum((away - first) * more, (last - away) * less).clip(0, 256)
    return found
