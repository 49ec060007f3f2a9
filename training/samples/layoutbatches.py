"""Batches of the layout training: windows of a step, and all that chance decides about them.

Batch i of a recipe is always the same, so a run resumes exactly where it stopped; processes make
batches ahead of the step, and what remains for the step is arithmetic.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from generator.grid.tile import SCALE
from training.samples.collage import draw_cells, misfits
from training.samples.groups import Groups, joined, numbers

SPACINGS = (16, 24, 32)
"""Parent pixels between a collage's cells."""
SHARP = 0.3
"""Share of the own-layout windows whose parent is sharp: level 0; of collages, level 1."""
_ROWS = ("own", "transplanted", "members", "owner", "grain")


class PhaseLike(Protocol):
    """How the windows of a step are drawn: groups in it, and share with their own layouts."""

    @property
    def groups(self) -> int:
        """Groups of windows."""

    @property
    def own(self) -> float:
        """Share of a group's windows that are drawn from their own codes."""


class Phases(Protocol):
    """Says how the windows of each step are drawn."""

    def phase(self, step: int) -> PhaseLike:
        """Return the phase of a step."""


class LayoutBatches(Dataset[dict[str, Tensor]]):
    """Batches by step; some windows of each group get their own layouts, the others collages.

    bare: share of the own-layout windows that get no codes at all.
    """

    def __init__(self, groups: Groups, phases: Phases, bare: float) -> None:
        self.groups, self.phases, self.bare = groups, phases, bare

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step, its N windows row by row.

        child: uint8 [N, 3, 4w, 4w]; gsd: [N] metres per child pixel. own, transplanted: int64, rows
        of windows with their own and with other windows' layouts; own_level, transplanted_level:
        conditioning-augmentation level of each. bare: bool, own-layout windows without codes. Of
        the transplanted windows T: members [T, G-1], the rows that lend to each; owner [T, w, w],
        the row that each parent pixel is lent by; grain [T], the row whose fine detail an invented
        parent gets; kept: bool [T], where the parent is not invented.
        """
        phase, size = self.phases.phase(step), self.groups.size
        random = torch.Generator().manual_seed(self.groups.seed * 1_000_003 + step)
        parts = []
        for place, number in enumerate(numbers(step, phase.groups)):
            group = self.groups[number]
            drawn = self._arrange(group["child"], phase.own, random)
            drawn |= {name: drawn[name] + place * size for name in _ROWS}
            parts.append(drawn | {"child": group["child"], "gsd": group["gsd"]})
        return joined(parts)

    def _arrange(self, child: Tensor, own: float, random: torch.Generator) -> dict[str, Tensor]:
        """Draw what becomes of the windows of one group [G, 3, 4w, 4w]; rows count from 0."""
        size = len(child)
        # Divide the windows, and let each of the second part borrow from all others.
        order = torch.randperm(size, generator=random)
        first, second = order[: round(own * size)], order[round(own * size) :]
        others = [[k for k in range(size) if k != row] for row in second.tolist()]
        spacing = SPACINGS[int(torch.randint(len(SPACINGS), (), generator=random))]
        drawn = {
            "own": first,
            "bare": torch.rand(len(first), generator=random) < self.bare,
            "own_level": _levels(len(first), random),
            "transplanted": second,
            "members": torch.tensor(others, dtype=torch.int64).reshape(len(second), size - 1),
            "owner": torch.zeros((0, child.shape[-1] // SCALE, child.shape[-1] // SCALE)).long(),
            "grain": (second + 1) % size,
            "kept": torch.rand(len(second), generator=random) < 0.5,
            "transplanted_level": 1 - _levels(len(second), random),
        }
        # Cut the collages into cells, each lent by a window that fits it there.
        if len(second):
            parent = F.avg_pool2d(child.float() / 127.5 - 1, SCALE)
            drawn["owner"] = draw_cells(others, misfits(parent)[second], spacing, random).owner
        return drawn


def _levels(count: int, random: torch.Generator) -> Tensor:
    """Levels in [0, 1], 0 with a probability of SHARP; in steps of 1/16."""
    places = torch.rand(count, generator=random).tolist()
    steps = [0 if p < SHARP else math.ceil(16 * (p - SHARP) / (1 - SHARP)) for p in places]
    return torch.tensor(steps, dtype=torch.float32) / 16
