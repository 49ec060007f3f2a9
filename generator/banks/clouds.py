"""Telling broken cloud from towns, snow, salt and surf: by its shadows, and by its veils.

    field   white patches, all of which have dark ground at one and the same distance and direction
    veil    rough white over ground that has lost its colour for some way round

Roofs are smaller or have no common shadow, snow and salt are smoother, and lie on coloured ground.
All sums are of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from generator.banks.areas import around, grown, shrunk, tiles
from generator.banks.boxes import Box, parts
from generator.banks.stageimage import StageImage
from generator.grid.averaging import averaged
from generator.grid.tile import SCALE

Mask = NDArray[np.bool_]
Levels = NDArray[np.int32]

_COARSER = {7: 1, 9: 1, 11: 2, 15: 4}
"""Child pixels along one pixel of the picture that is searched, of at least about 15 m.

Views of 17 are not searched: they show too little ground, and are mostly taken below the clouds.
"""
_FIELD = 256
"""Pixels of that picture along the parts that are judged on their own."""

_LEAST, _ABOVE = 130, 50
"""Grey levels of white, and how far it is above the middle of all ground."""
_FEW = 25
"""Thousandths of a part that are white, if there is cloud."""
_THIN = 27
"""Hundredths of a cloud's area that its edge has: snow fields and salt pans have less."""

_TILE, _TILES = 64, 6
"""Pixels along the tiles that are asked for shadows, and how many must hold white."""
_DARK = 7
"""Tenths of the ground's brightness below which there may be shadow."""
_ROUND = 65
_STEPS = (3, 5, 8, 12, 17, 24)
"""Distances of shadows in pixels."""
_WAYS = ((1000, 0), (866, 500), (500, 866), (0, 1000), (-500, 866), (-866, 500))
"""Six of the twelve directions of shadows, in thousandths; the others are opposite."""

_VEIL, _GREY, _ROUGH = 50, 14, 12
"""Of a veil: thousandths of white, percent of colour around it, grey levels between neighbours."""


def broken_clouds(seen: StageImage) -> Mask:
    """Return the parts of a view that are broken cloud, bool [H / 4, W / 4]."""
    found = np.zeros(seen.good.shape, bool)
    if seen.zoom not in _COARSER:
        return found
    by = _COARSER[seen.zoom]
    whole = Box(0, 0, *seen.child.shape[:2])
    for box in parts(whole, _FIELD * by, SCALE):
        good = box.cut(seen.good, SCALE).repeat(SCALE // by, 0).repeat(SCALE // by, 1)
        if is_cloud(averaged(box.cut(seen.child), by), good):
            box.cut(found, SCALE)[:] = True
    return found


def is_cloud(pixels: NDArray[np.uint8], good: Mask) -> bool:
    """Say whether a picture is broken cloud: uint8 [h, w, 3], good bool [h, w], about 256 a side.

    Where fewer than six tiles of 64 pixels hold white, only veils are found.
    """
    if not good.any():
        return False
    grey = pixels.sum(2, dtype=np.int32)
    least, most = (pixels.min(2).astype(np.int32), pixels.max(2).astype(np.int32))
    # White: far above most ground, and without colour.
    level = max(_LEAST, int(np.median(grey[good])) // 3 + _ABOVE)
    white = (least >= level) & (100 * (most - least) <= 12 * most + 800) & good
    patches = grown(shrunk(white, 3), 3) & white
    area, whole = int(patches.sum()), int(good.sum())
    if 1000 * area < _FEW * whole:
        return False
    if 1000 * area >= _VEIL * whole and _is_veil(grey, most - least, most, patches, good):
        return True
    edge = int((grown(patches, 3) & ~patches & good).sum())
    return 100 * edge >= _THIN * area and _has_shadows(grey, patches, good)


def _is_veil(grey: Levels, colour: Levels, most: Levels, patches: Mask, good: Mask) -> bool:
    """Say whether white is rough, and the ground round it colourless."""
    # The ground round the white must be grey, and the white itself rough.
    ring = grown(patches, 13) & ~grown(patches, 9) & good
    inner = shrunk(patches, 3)
    pairs = inner[:, 1:] & inner[:, :-1]
    if not ring.any() or not pairs.any():
        return False
    tint = float((colour[ring] / (most[ring] + 8)).mean())
    rough = float(np.abs(grey[:, 1:] - grey[:, :-1])[pairs].mean()) / 3
    return 100 * tint <= _GREY and rough >= _ROUGH


def _has_shadows(grey: Levels, patches: Mask, good: Mask) -> bool:
    """Say whether most tiles with white have more dark ground at one offset than elsewhere."""
    near = grown(patches, 5)
    clear = good & ~near
    # Dark against the mean of the ground round it.
    light = around(np.where(clear, grey, 0), _ROUND)
    dark = clear & (10 * grey * around(clear, _ROUND) < _DARK * light)
    # Tiles with white vote on each direction and distance.
    own = tiles(patches, _TILE)
    some = 100 * own >= _TILE * _TILE
    if some.sum() < _TILES:
        return False
    for step in _STEPS:
        share = np.array(list(_shares(step, patches, clear, dark, own)))[:, some]
        for way in range(len(share)):
            others = [(way + turn) % 12 for turn in range(3, 10)]
            excess = share[way] - share[others].max(0)
            agree = (excess > 0.1).mean() >= 0.6
            if agree and np.median(excess) > 0.1:
                return True
    return False


def _shares(
    step: int, patches: Mask, clear: Mask, dark: Mask, own: NDArray[np.int64]
) -> Iterator[NDArray[np.float64]]:
    """Yield the share of dark ground at `step` pixels from the white of each tile, by direction."""
    for sign in (1, -1):
        for across, down in _WAYS:
            x, y = ((sign * step * part + 500) // 1000 for part in (across, down))
            there = patches & _moved(clear, y, x)
            seen = tiles(there, _TILE)
            hit = tiles(there & _moved(dark, y, x), _TILE)
            enough = seen * 100 >= own * 15
            yield np.where(enough, hit / np.maximum(seen, 1), 0.0)


def _moved(mask: Mask, y: int, x: int) -> Mask:
    """Return at each pixel what a mask holds `y` rows below and `x` columns right of it."""
    height, width = mask.shape
    out = np.zeros_like(mask)
    if abs(y) < height and abs(x) < width:
        rows = slice(max(0, -y), height - max(0, y))
        columns = slice(max(0, -x), width - max(0, x))
        out[rows, columns] = mask[max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    return out
