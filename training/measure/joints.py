"""Joints between layouts: how well a small network says where they are, from pixels alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE, TILE_SIZE
from training.errors import TrainingError
from training.measure.chains import AROUND, Layouts
from training.measure.classifier import (
    CROP,
    STEPS,
    ClassifierTrial,
    ClassifierWindows,
    two_sample_accuracy,
)
from training.measure.metrics import Images
from training.measure.report import markdown
from training.progress import track

CLEAR = 16
"""Child pixels round the middle of a crop in which a crop without a joint has none."""
FOLDS = 3
"""Parts of the places; each is judged by a network that learned on the others."""
_PAIRS = 16
"""Crops of either kind that a block gives at most."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class JointsRow:
    """One zoom: accuracy on held-out places, 0.5 = nobody can tell.

    found: by fold; chance: the same with each block's joints taken from another place, which tells
    how far from 0.5 chance leads; pairs: of crops.
    """

    zoom: int
    pairs: int
    found: list[float]
    chance: list[float]


def measure_joints(
    zoom: int, blocks: Sequence[Pixels], layouts: Sequence[Layouts], seed: int, device: torch.device
) -> JointsRow:
    """Localise the joints of blocks, uint8 [512, 512, 3], whose layouts reach AROUND pixels.

    A network is shown crops of 64 pixels, half of them with a joint through their middle and half
    with none within CLEAR pixels of it, equally many of each block, and says which is which.
    """
    row = JointsRow(zoom, 0, [], [])
    # The same blocks with the joints of the next place: nothing to be found there.
    others = [*layouts[1:], *layouts[:1]]
    pairs, misled = (paired_crops(blocks, known, seed) for known in (layouts, others))
    if min(len(pairs), len(misled)) < FOLDS:
        raise TrainingError(
            f"{len(pairs)} places have joints at zoom {zoom}, expected at least {FOLDS}"
        )
    tests = [(row.found, pairs, fold) for fold in range(FOLDS)]
    tests.append((row.chance, misled, 0))
    for found, crops, fold in track(tests, f"zoom {zoom}: joints"):
        held_out, known = (
            _joined([pair for n, pair in enumerate(crops) if (n % FOLDS == fold) == judged])
            for judged in (True, False)
        )
        trial = ClassifierTrial(fold, STEPS)
        found.append(two_sample_accuracy(known, held_out, trial, device, middle=True))
    return JointsRow(zoom, sum(len(pair.real) for pair in pairs), row.found, row.chance)


def paired_crops(
    blocks: Sequence[Pixels], layouts: Sequence[Layouts], seed: int
) -> list[ClassifierWindows]:
    """Cut crops without a joint (`real`) and with one (`other`), equally many of each block.

    Blocks that give none of either are left out.
    """
    found = []
    for number, (block, around) in enumerate(zip(blocks, layouts, strict=True)):
        random = np.random.default_rng([seed, number])
        with_joint, without = crop_middles(joints_of(around))
        count = min(_PAIRS, len(with_joint), len(without))
        if count:
            parts = (random.permutation(some)[:count] for some in (without, with_joint))
            found.append(ClassifierWindows(*(_cut(block, middles) for middles in parts)))
    return found


def joints_of(layouts: Layouts) -> tuple[Mask, Mask]:
    """Say at which lower right corners of pixels layouts [3, h, w] join: bool [h, w].

    That is where the four pixels round the corner do not go on with one scene. The second mask says
    where all four show something.
    """
    scene = layouts[0]
    # Pixels side by side show codes side by side within a piece, however it is turned.
    steps = [np.abs(np.diff(layouts, axis=axis)) for axis in (1, 2)]
    down, across = ((step[0] > 0) | (step[1] + step[2] != 1) for step in steps)
    joint, shown = np.zeros(scene.shape, bool), np.zeros(scene.shape, bool)
    joint[:-1, :-1] = down[:, :-1] | down[:, 1:] | across[:-1] | across[1:]
    quarters = [scene[y, x] for y in (slice(None, -1), slice(1, None))
                for x in (slice(None, -1), slice(1, None))]  # fmt: skip
    shown[:-1, :-1] = np.all([quarter >= 0 for quarter in quarters], 0)
    return joint & shown, shown


def crop_middles(joints: tuple[Mask, Mask]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the middles of crops with a joint and without one, in pixels of a block, [n, 2].

    joints: of the parent pixels of AROUND child pixels, as `joints_of` returns them.
    """
    joint, shown = joints
    # Corners whose crop lies in the block and shows layouts alone.
    edge, half = (AROUND - 2 * TILE_SIZE) // 2 // SCALE, CROP // 2 // SCALE
    last = edge + 2 * TILE_SIZE // SCALE
    inside = np.zeros_like(joint)
    inside[edge + half - 1 : last - half, edge + half - 1 : last - half] = True
    usable = inside & (_count(~shown, half) == 0)
    clear = _count(joint, CLEAR // SCALE) == 0
    found = (np.argwhere(usable & mask) for mask in (joint, clear))
    with_joint, without = (SCALE * (corners + 1 - edge) for corners in found)
    return with_joint, without


def _count(mask: Mask, reach: int) -> NDArray[np.int64]:
    """Count the true within `reach` pixels of each along both axes; those beyond the edge are."""
    padded = np.pad(mask, reach, constant_values=True)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * reach + 1, 2 * reach + 1))
    counted: NDArray[np.int64] = windows.sum((2, 3))
    return counted


def _cut(block: Pixels, middles: NDArray[np.int64]) -> Images:
    half = CROP // 2
    return np.stack([block[y - half : y + half, x - half : x + half] for y, x in middles])


def _joined(parts: Sequence[ClassifierWindows]) -> ClassifierWindows:
    return ClassifierWindows(
        np.concatenate([part.real for part in parts]),
        np.concatenate([part.other for part in parts]),
    )


def joints_table(rows: Sequence[JointsRow]) -> str:
    """Tabulate the accuracies by zoom."""
    headers = ["zoom", "pairs of crops", "accuracy", "over folds", "joints of another place"]
    lines = [
        [str(r.zoom), str(r.pairs), f"{np.mean(r.found):.2f}",
         f"{min(r.found):.2f} to {max(r.found):.2f}", f"{np.mean(r.chance):.2f}"]
        for r in rows
    ]  # fmt: skip
    return markdown(headers, lines)
