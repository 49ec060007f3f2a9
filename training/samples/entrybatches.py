"""Batches of parents of many places, each with an entry that fits it, drawn by the step."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from generator.grid.tile import SCALE
from training.drawing import rounded
from training.samples.entrybank import Entries
from training.samples.groups import Groups, joined, numbers
from training.samples.windows import BANDS

LEAST_LEVEL = 0.6
"""Windows are drawn at levels from here to 1: the entries lead, as in a cascade."""


class EntryBatches(Dataset[dict[str, Tensor]]):
    """Batches of `count` groups of windows under which entries are drawn.

    A window for which no entry is found has none: its index is -1 everywhere.
    """

    def __init__(self, groups: Groups, entries: Entries, count: int) -> None:
        self.groups, self.entries, self.count = groups, entries, count

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step, its N windows group by group.

        child: uint8 [N, 3, 4w, 4w]; gsd [N], metres per child pixel; zoom: int64 [N]; level [N];
        index: int64 [N, w, w], rows of the entries' values.
        """
        return joined([self._group(number) for number in numbers(step, self.count)])

    def _group(self, number: int) -> dict[str, Tensor]:
        group = self.groups[number]
        random = np.random.Generator(np.random.Philox(key=[self.groups.seed + 1, number]))
        zoom = BANDS[int(group["band"])].zoom
        parent = rounded(F.avg_pool2d(group["child"].float() / 127.5 - 1, SCALE))
        pixels = ((parent + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        chosen = [self.entries.choose(zoom, each, random) for each in pixels]
        # A parent that nothing fits would only teach its entry to fade.
        index = [self.entries.index(window) if window.fits else np.full(each.shape[:2], -1)
                 for window, each in zip(chosen, pixels, strict=True)]  # fmt: skip
        levels = [math.ceil(16 * random.uniform(LEAST_LEVEL - 1 / 16, 1)) / 16 for _ in chosen]
        return {
            "child": group["child"],
            "gsd": group["gsd"],
            "zoom": torch.full((len(chosen),), zoom),
            "level": torch.tensor(levels, dtype=torch.float32),
            "index": torch.from_numpy(np.stack(index)),
        }
