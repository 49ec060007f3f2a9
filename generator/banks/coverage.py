"""Greedy coverage: which blocks of ground a bank takes, each the least like what it has.

Places, not pixels: the next block is the one farthest in descriptors from all that is taken, with
preference for texture and for sources that have little of the budget so far. Sea is unlike all
else too: a block is worth the less the more of it is water, and of the open sea little is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_SATED = 24.0
"""Distance from what is taken beyond which a block is simply new: another kind of ground."""
_ROOM = 3.0
"""Added to distances, so that texture still counts where all is alike."""
_WET, _LEAST = 0.8, 0.05
"""Share of water from which a block is worth less, and what is left of its worth at 1."""
_OPEN, _SEA = 0.95, 0.05
"""Share of water of the open sea, and the share of the budget that it may use."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """Candidates: what each looks like, how large it is, where it comes from.

    descriptors: float32 [n, 32], means of its windows; texture, water: float32 [n], 0 to 1;
    sharpness: float32 [n], 1 where nothing was enlarged; area: int64 [n], valid child pixels;
    source, image: int64 [n], numbers of the source and the image.
    """

    descriptors: NDArray[np.float32]
    texture: NDArray[np.float32]
    water: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    area: NDArray[np.int64]
    source: NDArray[np.int64]
    image: NDArray[np.int64]


def choose(blocks: Blocks, budget: float, spread: float, calm: float) -> NDArray[np.int64]:
    """Return the numbers of the blocks that are taken, in their order, int64 [m].

    budget: child pixels; spread: how strongly a source that has much of them gives way; calm:
    weight of ground without texture. Ties go to the smaller number.
    """
    count = len(blocks.area)
    if not count:
        return np.empty(0, np.int64)
    # Nothing is taken yet: all blocks are equally new.
    distance = np.full(count, _SATED, np.float32)
    free = np.ones(count, bool)
    worth = (calm + (1 - calm) * blocks.texture) * blocks.sharpness * _dryness(blocks.water)
    sea = blocks.water > _OPEN
    by_source = np.zeros(int(blocks.source.max()) + 1)
    by_image = np.zeros(int(blocks.image.max()) + 1)
    taken: list[int] = []
    used = at_sea = 0.0
    while used < budget and free.any():
        # Sources and images that have much give way.
        share = by_source[blocks.source] / budget + by_image[blocks.image] * 0.02
        score = np.where(free, (distance + _ROOM) * worth / (1 + spread * share), -1.0)
        # The best is taken.
        best = int(score.argmax())
        taken.append(best)
        free[best] = False
        used += float(blocks.area[best])
        by_source[blocks.source[best]] += float(blocks.area[best])
        by_image[blocks.image[best]] += 1
        if sea[best]:
            at_sea += float(blocks.area[best])
            if at_sea >= _SEA * budget:
                free &= ~sea
        # Blocks like it have become less new.
        away = np.sqrt(((blocks.descriptors - blocks.descriptors[best]) ** 2).sum(1))
        np.minimum(distance, away, out=distance)
    return np.array(taken, np.int64)


def _dryness(water: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what water leaves of a block's worth: 1 up to _WET, then less."""
    left = (1 - water) / (1 - _WET)
    worth: NDArray[np.float32] = np.clip(left, _LEAST, 1.0).astype(np.float32)
    return worth
