"""The colour of rivers: it varies along their course, and the ground shows through near banks.

Shoals are smooth noise at parent pixels. Each zoom adds those of its own size, some dozens of
pixels, as its parent shows the longer ones. All are whole numbers, pure functions of the address,
and the same in all worlds.
"""

from __future__ import annotations

import numpy as np

from generator.geography.enlarging import cells_of, children_of, enlarged_at
from generator.geography.layers import Shares
from generator.geography.surface import tent
from generator.geography.valuenoise import WORLD_BITS, noise
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE
from generator.grid.window import rows_of

MARGIN = 2
"""Child pixels round a rectangle whose shares `river_over` reads."""

FIRST = 15
"""Zoom from which on rivers are drawn so; at coarser ones they are narrow, and must stand out."""

_KEY = 0x53484F41
_OCTAVES = ((5, 160), (4, 130), (3, 100))
"""Wave length as bits of parent pixels, and amplitude."""

_MEAN, _MOST = 80, 170
"""What is added to the noise, and the greatest share of the ground in a shoal, in 256ths."""

_BANK = 170
"""Share of the ground's colour at a bank itself, in 256ths."""


def river_over(
    zoom: int, core: Rectangle, child: Pixels, colours: tuple[Pixels, Pixels], rivers: Shares
) -> Pixels:
    """Lay rivers over a child: uint8 [4h, 4w, 3].

    zoom: of the child; core: its parent pixels; colours: of water and ground at these, one more on
    each side, uint8 [h + 2, w + 2, 3]; rivers: their share, MARGIN more on each side.
    """
    share = rivers[MARGIN:-MARGIN, MARGIN:-MARGIN]
    cells = cells_of(share > 0)
    if not cells.size:
        return child
    wet, dry = colours
    shoals = _shoals(zoom, core.grown(1))[..., None]
    told = enlarged_at(np.concatenate([wet, dry, shoals], 2), cells).astype(np.int32)
    at = children_of(cells, child.shape[1])
    # The ground shows through in shoals, and where land lies within two pixels.
    near = 255 - (tent(rivers).reshape(-1)[at] // 81).astype(np.int32)
    ground = np.maximum(told[:, 6].reshape(-1), np.minimum(2 * near, 255) * _BANK // 255)
    over = share.reshape(-1)[at].astype(np.int32)
    laid = child.copy()
    pixels = laid.reshape(-1, 3)
    for k in range(3):
        water, land = told[:, k].reshape(-1), told[:, 3 + k].reshape(-1)
        # What shows through is as dark as wet ground.
        water = water + (((land * 7 >> 3) - water) * ground >> 8)
        pixels[at, k] = (pixels[at, k] * (255 - over) + water * over + 127) // 255
    return laid


def _shoals(zoom: int, area: Rectangle) -> Shares:
    """Return how much of the ground shows through rivers at parent pixels: uint8 [h, w]."""
    bits = WORLD_BITS - TILE_SIZE.bit_length() + 1 - (zoom - 2)
    ys = rows_of(area, zoom - 2) << bits
    xs = np.arange(area.x0, area.x0 + area.width) << bits
    octaves = tuple((bits + length, amplitude) for length, amplitude in _OCTAVES)
    shoals: Shares = (noise(_KEY, octaves, ys, xs, bits) + _MEAN).clip(0, _MOST).astype(np.uint8)
    return shoals
