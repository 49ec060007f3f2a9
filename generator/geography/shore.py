"""What imagery shows along water: sand, shallows and surf at open shores, a dark strip at others.

Nearness to a shore is the share of water after smoothing: over 5 x 5 child pixels, `close`, and
over 5 x 5 parent pixels, `near`. Both are 128 on a straight shore. How open a shore is, how much
sand it has and where waves break are smooth fields at parent pixels. All are whole numbers, pure
functions of the address, and the same in all worlds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.enlarging import Short, cells_of, children_of, enlarged_at
from generator.geography.layers import CoverageLayer, Shares
from generator.geography.surface import tent
from generator.geography.valuenoise import WORLD_BITS, noise
from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE
from generator.grid.window import rows_of

MARGIN = 12
"""Child pixels round a rectangle whose shares `Shore.along` reads."""

FIRST = 9
"""Zoom from which on shores are drawn so; coarser pixels hold more than a beach."""

_OPEN = ((5, 70, 5), (2, 90, 8))
"""Zooms whose pixels tell open shores from sheltered ones and those of lakes, in squares of 5 x 5,
25 and 200 km; water in these, in 255ths, up to which a shore is not open; how openness grows."""

_KEY = 0x53484F52
_SAND_NOISE = ((17, 300), (15, 220), (13, 120))
_SURF_NOISE = ((14, 260), (12, 260), (10, 200))
"""Octaves: wave length in bits of units, 10 being 38 m, and amplitude."""

_MEANS = 140, 60
"""What is added to three times a noise of sand and of surf."""

_SAND = np.array([188, 170, 137], np.int16)
_FOAM = np.int16(226)
_DAMP = np.array([9, 11, 8], np.int16)
"""Sixteenths of the ground's colour that wet ground has."""

_BARE = 13
"""Zoom from which on nothing is darker beside water, so that rivers stand out."""

_SHALLOW = np.array([92, 122, 128], np.int16)
"""Colour that water at a sandy shore has a third of, at each zoom again."""

_BEACH = {13: 45, 15: 150, 17: 150}
"""Widest beach by zoom, in sixteenths of a child pixel; what is narrower covers parts of pixels."""

_INLAND = {11: 90, 13: 80, 15: 0, 17: 0}
"""Nearness by zoom up to which ground is too far inland for sand."""

_BREAKERS = {13: 130, 15: 256, 17: 256}
"""How white surf is by zoom, in 256ths; it is up to three pixels wide."""

_BRIGHT = 165
"""Luminance of ground from which on it is ice, which has no beaches."""

Integers = NDArray[np.int64]
Signed = NDArray[np.int32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Shore:
    """Child pixels near water.

    cells: numbers of their parent pixels, int64 [m]; at: their own, int64 [n], 16 for each. water,
    close, near: 255ths; sand, surf: 0 to 255: int16 [n].
    """

    zoom: int
    cells: Integers
    at: Integers
    water: Short
    close: Short
    near: Short
    sand: Short
    surf: Short

    def banked(self, child: Pixels, dry: Pixels) -> Pixels:
        """Lay sand and dark strips over the land: uint8 [4h, 4w, 3].

        dry: the ground's colour at parent pixels, one more on each side, uint8 [h + 2, w + 2, 3].
        """
        banked = child.copy()
        pixels = banked.reshape(-1, 3)
        ground = enlarged_at(dry, self.cells)
        light = (ground[:, 0] + 2 * ground[:, 1] + ground[:, 2] >> 2).reshape(-1)
        # Sand where beaches are, less on bright ground.
        sand = 2 * self.close if self.zoom > FIRST else np.zeros_like(self.close)
        if self.zoom in _BEACH:
            # A pixel of `near` is 12 or 13.
            width = (self.sand >> 1) * np.int16(_BEACH[self.zoom]) >> 7
            sand = np.maximum(sand, (self.near - 128) * 10 + 8 * width)
        sand = np.minimum(np.clip(sand, 0, 255), self.sand) >> 1
        sand = sand * np.clip((_BRIGHT - light) * 6, 0, 216) >> 7
        # Beside rivers, and less beside lakes, it is dark and green, as under trees.
        damp = None
        if self.zoom < _BARE:
            damp = np.clip(4 * self.close - 100, 0, 150 - np.minimum(self.near, 120)) >> 1
            damp = damp * (255 - self.sand) >> 7
        for k in range(3):
            colour = pixels[self.at, k].astype(np.int16)
            own = ground[:, k].reshape(-1)
            if damp is not None:
                _lay(colour, own * _DAMP[k] >> 4, damp)
            _lay(colour, (own * 3 + _SAND[k] * 5) >> 3, sand)
            pixels[self.at, k] = colour
        return banked

    def washed(self, child: Pixels) -> Pixels:
        """Lay shallows and surf over the water of a child: uint8 [4h, 4w, 3]."""
        pixels = child.reshape(-1, 3)
        some = np.flatnonzero(self.water)
        at, water, sand = self.at[some], self.water[some], self.sand[some]
        near = (self.close if self.zoom == FIRST else self.near)[some]
        # Shallows fade over the ten pixels in which `near` goes from 128 to 255, at first over two.
        shallow = np.clip(255 - near, 0, 128) * (36 + (sand * 5 >> 3)) >> 8
        shallow = shallow * water >> 8
        foam = None
        if self.zoom in _BREAKERS:
            surf = self.surf[some]
            # It is told from `close`, as `near` does not know a pond from an open shore.
            foam = np.clip(2 * (255 - self.close[some]), 0, surf) * (water >> 1) // 150
            foam = foam * np.int32(_BREAKERS[self.zoom]) >> 8
        for k in range(3):
            colour = pixels[at, k].astype(np.int16)
            _lay(colour, _SHALLOW[k], shallow)
            if foam is not None:
                _lay(colour, _FOAM, foam)
            pixels[at, k] = colour
        return child


def along(
    zoom: int, core: Rectangle, water: Shares | None, both: Shares, layer: CoverageLayer | None
) -> Shore | None:
    """Find a child's pixels near water, None where there are none.

    zoom: of the child; core: its parent pixels; water, both: shares of sea and lakes, and of these
    and rivers, MARGIN more on each side; layer: of the water.
    """
    if zoom < FIRST:
        return None
    cut = MARGIN - 2
    close = tent(both[cut:-cut, cut:-cut])
    edge = np.zeros(core.width * core.height, bool)
    edge[cells_of((close > 0) & (close < 255 * 81))] = True
    # Farther off, sand reaches some pixels inland and shallows some out.
    fields = _fields(zoom, core, water, layer)
    if zoom > FIRST:
        nearness = fields[..., 0]
        edge |= _spread((nearness > _INLAND[zoom]) & (nearness < 255)).reshape(-1)
    cells = np.flatnonzero(edge)
    if not cells.size:
        return None
    at = children_of(cells, SCALE * core.width)
    own = np.zeros(len(at), np.int16)
    if water is not None:
        own = water[MARGIN:-MARGIN, MARGIN:-MARGIN].reshape(-1)[at].astype(np.int16)
    told = enlarged_at(fields, cells)
    near, sand, surf = (np.ascontiguousarray(told[:, k]).reshape(-1) for k in range(3))
    smooth = (close.reshape(-1)[at] // 81).astype(np.int16)
    return Shore(zoom, cells, at, own, smooth, near, sand, surf)


def _lay(below: Short, colour: Short | np.int16, share: Short) -> None:
    """Move one channel by shares in 256ths, in place."""
    below += (colour - below) * (share >> 1) >> 7


def _fields(
    zoom: int, core: Rectangle, water: Shares | None, layer: CoverageLayer | None
) -> Pixels:
    """Return near, sand and surf at parent pixels, one more on each side: uint8."""
    area = core.grown(1)
    fields = np.zeros((area.height, area.width, 3), np.uint8)
    if water is None or layer is None:
        return fields
    rows = np.add.reduceat(water, np.arange(0, len(water), SCALE), 0, np.int32)
    parents = np.add.reduceat(rows, np.arange(0, water.shape[1], SCALE), 1)
    fields[..., 0] = (squares(parents, 5) + 200) // 400
    if not ((fields[..., 0] > 0) & (fields[..., 0] < 255)).any():
        return fields
    free = np.full(fields.shape[:2], 255)
    for told in _OPEN:
        free = free * _openness(zoom - 2, area, layer, told) // 255
    bits = WORLD_BITS - TILE_SIZE.bit_length() + 1 - (zoom - 2)
    ys = rows_of(area, zoom - 2) << bits
    xs = np.arange(area.x0, area.x0 + area.width) << bits
    for k, octaves in enumerate((_SAND_NOISE, _SURF_NOISE)):
        wave = noise(_KEY + k, octaves, ys, xs, bits)
        fields[..., 1 + k] = np.clip(wave * 3 + _MEANS[k], 0, 255) * free >> 8
    return fields


def _openness(
    zoom: int, area: Rectangle, layer: CoverageLayer, told: tuple[int, int, int]
) -> Integers:
    """Return how open shores are at pixels of a zoom, int64 [h, w], 0 to 255; told: of `_OPEN`."""
    coarser, sheltered, gain = told
    # Positions in 256ths of a coarse pixel, from the middle of the first.
    places = []
    for first, length in ((area.y0, area.height), (area.x0, area.width)):
        middles = 2 * np.arange(first, first + length) + 1
        places.append((middles << (coarser + 7) >> zoom) - 128)
    (row, down), (column, across) = ((at >> 8, at & 255) for at in places)
    top, left = int(row[0]) - 2, int(column[0]) - 2
    coarse = Rectangle(left, top, int(column[-1]) + 4 - left, int(row[-1]) + 4 - top)
    shares = layer.shares(coarser, coarse)
    if shares is None:
        return np.zeros((area.height, area.width), np.int64)
    means = np.clip((squares(shares, 5) // 25 - sheltered) * gain, 0, 255)
    i, j = row - top - 2, column - left - 2
    sides = means[:, j] * (256 - across) + means[:, j + 1] * across
    both = sides[i] * (256 - down)[:, None] + sides[i + 1] * down[:, None]
    found: Integers = both >> 16
    return found


def _spread(mask: Bools) -> Bools:
    """Say where 3 x 3 pixels hold any of a mask: [h + 2, w + 2] to [h, w]."""
    rows = mask[:-2] | mask[1:-1] | mask[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]
