"""Which scenes serve a world's land best: greedy facility location, in whole numbers.

A scene serves a cell by the squared distance of its best windows that pass the cell's gates. The
next scene is the one that lessens the cells' costs most, for its area; the second best scene of a
cell counts too, so that there is something to choose from.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from generator.banks.options import SCALES
from generator.memory.bank import Scene
from generator.memory.groundterm import GroundTerm
from generator.memory.patches import collect_patches
from generator.memory.search import passes
from training.run.demand import Demand

UNSERVED = 8000
"""Squared distance of descriptors from which on a scene does not serve a cell."""
_WINDOWS = 4
"""Best windows of a scene that count for a cell."""
_FAR = np.float32(1 << 23)
_FIRST, _SECOND = 10, 7
"""Weights of the best scene of a cell and of the second best."""

Integers = NDArray[np.int64]


def costs(scenes: Sequence[Scene], demand: Demand, ground: GroundTerm | None = None) -> Integers:
    """Return how well scenes serve cells: squared distances int64 [scenes, cells].

    ground: what descriptors of the demand know beside the pixels, None for nothing. UNSERVED for a
    scene of too few windows.
    """
    asked = demand.descriptors.astype(np.float32)
    made = np.full((len(scenes), len(asked)), UNSERVED, np.int64)
    for number, scene in enumerate(scenes):
        patches = collect_patches([scene], ground)
        shown = patches.descriptors[patches.valid].astype(np.float32)
        if len(shown) < _WINDOWS:
            continue
        # Whole numbers below 2**24: exact in float32, in any order.
        gaps = (asked**2).sum(1)[:, None] + (shown**2).sum(1) - 2 * asked @ shown.T
        gates = patches.gates[patches.valid]
        gaps[~passes(demand.gates[:, None], gates[None]).all(0)] = _FAR
        best = np.partition(gaps, _WINDOWS - 1, 1)[:, :_WINDOWS].astype(np.int64)
        made[number] = np.minimum(best.sum(1) // _WINDOWS, UNSERVED)
    return made


def area_of(scene: Scene) -> int:
    """Return the child pixels of a scene that show something, about, at the finest it is shown."""
    height, width = scene.shape
    return int(SCALES[scene.chosen_at].unit ** 2 * height * width * scene.valid.mean())


def select(candidates: Integers, areas: Integers, budget: float, present: Integers) -> list[int]:
    """Return the numbers of the candidates that are taken, the most useful one first.

    candidates: costs [n, cells]; areas: int64 [n], pixels of each; budget: pixels of all that is
    taken; present: costs [m, cells] of scenes that are there anyway. Ties go to the smaller number.
    """
    # Costs of the best and the second best scene of each cell.
    nothing = np.full((2, candidates.shape[1]), UNSERVED, np.int64)
    first, second = np.sort(np.concatenate([nothing, present]), 0)[:2]
    free, left = np.ones(len(candidates), bool), budget
    taken: list[int] = []
    while True:
        free &= areas <= left
        gains = _FIRST * (first - np.minimum(candidates, first)).sum(1)
        gains += _SECOND * (second - np.clip(candidates, first, second)).sum(1)
        worth = np.where(free, gains / np.maximum(areas, 1), 0.0)
        if not (worth > 0).any():
            return taken
        best = int(worth.argmax())
        taken.append(best)
        free[best] = False
        left -= float(areas[best])
        second = np.clip(candidates[best], first, second)
        first = np.minimum(candidates[best], first)
