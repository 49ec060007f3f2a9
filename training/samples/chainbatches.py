"""Batches of chains that resemble each other, each window with a real one that looks like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from generator.grid.pixels import Pixels
from generator.nets.config import SamplerConfig
from training.errors import TrainingError
from training.samples.chainfile import Chain
from training.samples.groups import nearest, numbers
from training.samples.realwindows import RealWindows

SPOTS = 24
"""Spots of a window of which the most even one gives a code."""
DRAWN = 20
"""Chains drawn at random, of which a group is the most alike."""


class ChainBatches(Dataset[dict[str, Tensor]]):
    """Batches of `count` groups of `size` chains, drawn by address.

    sampler: of the weights, whose stages all chains have.
    Raises TrainingError where there is no chain.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        real: RealWindows,
        sampler: SamplerConfig,
        *,
        size: int,
        count: int,
        seed: int,
    ) -> None:
        self.chains, self.real, self.sampler = chains, real, sampler
        self.size, self.count, self.seed = size, count, seed
        if not chains:
            raise TrainingError("no chain shows any layouts, expected more places")
        # What makes chains alike: the looks of all their windows.
        self._looks = np.stack([chain.looks.ravel() for chain in chains])

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step: N chains of K windows, group by group.

        zoom: of the stages, int64 [K]; parent: of the first windows, uint8 [N, 3, w, w]; and for
        all windows, stage by stage, B = K N: ground int16 [B, 3, w, w]; codes int8 [B, D, w, w];
        coverage: uint8 [B, 4w, 4w]; gsd, level: float32 [B]; even: int8 [B, D], the code of a spot
        of even ground; real: uint8 [B, 3, 4w, 4w].
        """
        chains: list[Chain] = []
        stages: list[list[dict[str, Tensor]]] = [[] for _ in self.sampler.zooms]
        # A group is drawn by its own address, however many a step has.
        for number in numbers(step, self.count):
            random = np.random.Generator(np.random.Philox(key=[self.seed + 1, number]))
            group = self._group(random)
            chains += group
            for place, rows in enumerate(stages):
                rows.append(self._windows(group, place, random))
        parts = [row for rows in stages for row in rows]
        whole = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return whole | {
            "zoom": torch.tensor(self.sampler.zooms),
            "parent": _images([chain.parent for chain in chains]),
        }

    def _group(self, random: np.random.Generator) -> list[Chain]:
        """Draw chains that look alike."""
        # Where there are fewer than a group has, they come again.
        count = max(self.size, min(DRAWN, len(self.chains)))
        some = np.resize(random.permutation(len(self.chains)), count)
        return [self.chains[some[n]] for n in nearest(self._looks[some], self.size, random)]

    def _windows(
        self, chains: list[Chain], place: int, random: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return the windows at a place of chains, and real ones like them."""
        zoom, level = self.sampler.zooms[place], self.sampler.augmentation[place]
        coverage = torch.from_numpy(np.stack([chain.coverage[place] for chain in chains]))
        # As in the cascade, nothing fades where the parent leads alone.
        if not level:
            coverage = torch.full_like(coverage, 255)
        codes = [chain.codes[place] for chain in chains]
        return {
            "ground": _images([chain.ground[place] for chain in chains]),
            "codes": torch.from_numpy(np.stack(codes)),
            "coverage": coverage,
            "gsd": torch.tensor([float(chain.gsd[place]) for chain in chains]),
            "level": torch.full((len(chains),), level),
            "even": torch.from_numpy(np.stack([_even(each, random) for each in codes])),
            "real": _images([self.real.like(zoom, c.looks[place], random) for c in chains]),
        }


def _even(codes: NDArray[np.int8], random: np.random.Generator) -> NDArray[np.int8]:
    """Return the code of codes [D, w, w] whose neighbours are most like it, of a few spots: [D]."""
    ys, xs = random.integers(1, codes.shape[1] - 1, (2, SPOTS))
    gaps = [
        np.abs(
            codes[:, y - 1 : y + 2, x - 1 : x + 2].astype(int) - codes[:, y, x, None, None]
        ).sum()
        for y, x in zip(ys, xs, strict=True)
    ]
    spot = int(np.argmin(gaps))
    return codes[:, ys[spot], xs[spot]]


def _images(pixels: Sequence[Pixels] | Sequence[NDArray[np.int16]]) -> Tensor:
    """Stack images [h, w, 3] as [B, 3, h, w]."""
    return torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy())
