"""Batches of chains that resemble each other, each window with a real one that looks like it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from generator.grid.pixels import Pixels
from generator.grid.tile import STAGE_ZOOMS
from generator.memory.config import KEEP_EDGES
from generator.nets.config import SamplerConfig
from training.errors import TrainingError
from training.samples.chainfile import Chain
from training.samples.groups import joined, nearest, numbers
from training.samples.realwindows import RealWindows

FIRST_ZOOMS = (9, 11, 13)
"""Stages that chains begin with; those of 13 go on to LAST_ZOOM."""
LAST_ZOOM = 15
SPOTS = 24
"""Spots of a window of which the most even one gives a code."""
DRAWN = 20
"""Chains drawn at random, of which a group is the most alike."""


class ChainBatches(Dataset[dict[str, Tensor]]):
    """Batches of `count` groups of `size` chains, drawn by address.

    shares: of the groups that begin at each of FIRST_ZOOMS; levels: of zoom 15, one of which a
    group has; the other stages have those of the sampler, and all have its contrast.
    Raises TrainingError where no chain begins at a zoom with a share.
    """

    def __init__(
        self,
        chains: Sequence[Chain],
        real: RealWindows,
        sampler: SamplerConfig,
        shares: Sequence[float],
        levels: Sequence[float],
        *,
        size: int,
        count: int,
        seed: int,
    ) -> None:
        self.real, self.sampler, self.levels = real, sampler, levels
        self.size, self.count, self.seed = size, count, seed
        self.shares = np.array(shares) / sum(shares)
        self.chains = {
            zoom: [chain for chain in chains if chain.zooms[0] == zoom] for zoom in FIRST_ZOOMS
        }
        for (zoom, held), share in zip(self.chains.items(), shares, strict=True):
            if share and not held:
                raise TrainingError(f"no chain begins at zoom {zoom}, expected more places of them")

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        """Batch of a step: N windows that begin chains, group by group, then M that go on.

        parent: uint8 [N, 3, w, w]; above: int64 [M], whose child has the middle that a window goes
        on from; of all N + M: codes int8 [.., D, w, w]; coverage: uint8 [.., 4w, 4w]; contrast,
        level, gsd: float32; even: int8 [.., D], the code of a spot of even ground; edges: bool,
        whether steps of the parent stay sharp; real: uint8 [.., 3, 4w, 4w].
        """
        parents: list[Tensor] = []
        rows: tuple[list[dict[str, Tensor]], list[dict[str, Tensor]]] = ([], [])
        above: list[int] = []
        for number in numbers(step, self.count):
            random = np.random.Generator(np.random.Philox(key=[self.seed + 1, number]))
            group = self._group(random)
            if len(group[0].zooms) > 1:
                above += range(self.size * len(rows[0]), self.size * (len(rows[0]) + 1))
                rows[1].append(self._windows(group, 1, random))
            rows[0].append(self._windows(group, 0, random))
            parents.append(_images([chain.parent for chain in group]))
        whole = joined([*rows[0], *rows[1]])
        return whole | {"parent": torch.cat(parents), "above": torch.tensor(above).long()}

    def _group(self, random: np.random.Generator) -> list[Chain]:
        """Draw chains that begin at one zoom and look alike."""
        chains = self.chains[int(random.choice(FIRST_ZOOMS, p=self.shares))]
        # Where there are fewer than a group has, they come again.
        count = max(self.size, min(DRAWN, len(chains)))
        some = [chains[n] for n in np.resize(random.permutation(len(chains)), count)]
        kept = nearest(np.stack([chain.looks[0] for chain in some]), self.size, random)
        return [some[n] for n in kept]

    def _windows(
        self, group: list[Chain], place: int, random: np.random.Generator
    ) -> dict[str, Tensor]:
        """Return the windows at a place of a group's chains, and real ones like them."""
        zoom, count = int(group[0].zooms[place]), len(group)
        stage = STAGE_ZOOMS.index(zoom)
        level, contrast = self.sampler.augmentation[stage], self.sampler.contrast[stage]
        if zoom == LAST_ZOOM:
            level = float(random.choice(self.levels))
        coverage = torch.from_numpy(np.stack([chain.coverage[place] for chain in group]))
        # As in the cascade, nothing fades where the parent leads alone.
        if not level:
            contrast, coverage = 1.0, torch.full_like(coverage, 255)
        looks = [chain.looks[place] for chain in group]
        return {
            "codes": torch.from_numpy(np.stack([chain.codes[place] for chain in group])),
            "coverage": coverage,
            "even": torch.from_numpy(
                np.stack([_even(chain.codes[place], random) for chain in group])
            ),
            "contrast": torch.full((count,), contrast),
            "level": torch.full((count,), level),
            "edges": torch.full((count,), bool(level) and zoom in KEEP_EDGES),
            "gsd": torch.tensor([float(chain.gsd[place]) for chain in group]),
            "real": _images([self.real.like(zoom, look, random) for look in looks]),
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


def _images(pixels: list[Pixels]) -> Tensor:
    """Stack images uint8 [h, w, 3] as [B, 3, h, w]."""
    return torch.from_numpy(np.stack(pixels).transpose(0, 3, 1, 2).copy())
