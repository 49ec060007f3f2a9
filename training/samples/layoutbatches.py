"""Batches: the windows of a step, and all that chance decides about them.

Batch i of a recipe is always the same, so a run resumes exactly where it stopped; processes make
batches ahead of the step, and what remains for the trainer is arithmetic.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from generator.grid.tile import SCALE
from training.imagery.pyramid import Pyramid
from training.run.recipe import Recipe
from training.samples.collage import draw_cells, misfits
from training.samples.groups import Groups, joined, numbers

SPACINGS = (16, 24, 32)
"""Parent pixels between a collage's cells."""
SHARP = 0.3
"""Share of the own windows whose parent is sharp: strength 0; of collages, strength 1."""


class Batches(Dataset[dict[str, Tensor]]):
    """Batches of a recipe by step; raises TrainingError when a stage lacks imagery.

    A batch has `groups` groups of windows, as the step's phase says: some windows of each group
    are drawn from their own codes ("home"), the others as collages of their neighbours ("away").
    """

    def __init__(self, pyramid: Pyramid, recipe: Recipe) -> None:
        self.recipe = recipe
        self.groups = Groups(pyramid, recipe.window, recipe.group, recipe.shares, recipe.seed)

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step, its N windows row by row.

        child: uint8 [N, 3, 4w, 4w]; gsd: [N] metres per child pixel. home, away: int64, rows of
        windows; home_strength, away_strength: a strength for each. bare: bool, home windows without
        codes. Of the away windows A: members [A, G-1], the rows that lend to each; owner [A, w, w],
        the row that each parent pixel is lent by; grain [A], the row whose fine detail an invented
        parent gets; kept: bool [A], where the parent is not invented.
        """
        phase = self.recipe.phase(step)
        random = torch.Generator().manual_seed(self.recipe.seed * 1_000_003 + step)
        parts = []
        for place, number in enumerate(numbers(step, phase.groups)):
            group = self.groups[number]
            drawn = self._arrange(group["child"], phase.own, random)
            first = place * self.recipe.group
            drawn |= {name: drawn[name] + first for name in _ROWS}
            parts.append(drawn | {"child": group["child"], "gsd": group["gsd"]})
        return joined(parts)

    def _arrange(self, child: Tensor, own: float, random: torch.Generator) -> dict[str, Tensor]:
        """Draw what becomes of the windows of one group [G, 3, 4w, 4w]; rows count from 0."""
        size = len(child)
        order = torch.randperm(size, generator=random)
        home, away = order[: round(own * size)], order[round(own * size) :]
        others = [[k for k in range(size) if k != row] for row in away.tolist()]
        spacing = SPACINGS[int(torch.randint(len(SPACINGS), (), generator=random))]
        drawn = {
            "home": home,
            "bare": torch.rand(len(home), generator=random) < self.recipe.empty,
            "home_strength": _strengths(len(home), random),
            "away": away,
            "members": torch.tensor(others, dtype=torch.int64).reshape(len(away), size - 1),
            "owner": torch.zeros((0, child.shape[-1] // SCALE, child.shape[-1] // SCALE)).long(),
            "grain": (away + 1) % size,
            "kept": torch.rand(len(away), generator=random) < 0.5,
            "away_strength": 1 - _strengths(len(away), random),
        }
        if len(away):
            parent = F.avg_pool2d(child.float() / 127.5 - 1, SCALE)
            drawn["owner"] = draw_cells(others, misfits(parent)[away], spacing, random).owner
        return drawn


_ROWS = ("home", "away", "members", "owner", "grain")


def _strengths(count: int, random: torch.Generator) -> Tensor:
    """Strengths in [0, 1], 0 with a probability of SHARP; in steps of 1/16."""
    places = torch.rand(count, generator=random).tolist()
    steps = [0 if p < SHARP else math.ceil(16 * (p - SHARP) / (1 - SHARP)) for p in places]
    return torch.tensor(steps, dtype=torch.float32) / 16
