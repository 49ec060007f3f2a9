"""Batches of the diffusion training: windows with degraded parents, drawn by address."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset

from training.samples.groups import numbers
from training.samples.layoutbatches import Phases
from training.samples.windows import Samples


class DiffusionBatches(Dataset[dict[str, Tensor]]):
    """Batches by step, of `group` windows for each group that the step's phase has."""

    def __init__(self, samples: Samples, phases: Phases, group: int) -> None:
        self.samples, self.phases, self.group = samples, phases, group

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step: child [N, 3, 4w, 4w], parent [N, 3, w, w] in [-1, 1], gsd [N] in metres.

        augmentation [N]: level at which each parent was degraded; band [N]: number of its stage.
        """
        first = numbers(step, 1).start * self.group
        count = self.phases.phase(step).groups * self.group
        drawn = [self.samples[first + number] for number in range(count)]
        return {name: torch.stack([each[name] for each in drawn]) for name in drawn[0]}
