"""Groups of windows of one stage that resemble each other, drawn by address.

Group i of a seed is always the same, so a run resumes exactly where it stopped. The windows of a
group lend each other their layouts: what stands at one place is drawn at another, as the product
does. They are the nearest of a larger draw in colour and texture, and of different images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from training.imagery.pyramid import Pyramid
from training.samples.windows import BANDS, Samples

MOST_GROUPS = 1024
"""Groups of windows in a step."""
DRAWN = 2
"""Windows drawn for each one kept."""


class Groups(Dataset[dict[str, Tensor]]):
    """Groups of `size` windows of `window` parent pixels.

    shares: of the groups, for the stages from 7 on; an unused one may be 0.
    Raises TrainingError when a stage with a share has no imagery.
    """

    def __init__(
        self, pyramid: Pyramid, window: int, size: int, shares: tuple[float, ...], seed: int = 0
    ) -> None:
        self.samples = Samples(pyramid, "train", window, seed, shares)
        self.size, self.seed = size, seed

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Group `index`: child uint8 [size, 3, 4w, 4w], gsd [size] metres per pixel, band."""
        random = np.random.Generator(np.random.Philox(key=[self.seed, index]))
        # Draw a stage, then more of its windows than are kept.
        band = int(random.choice(len(BANDS), p=self.samples.shares))
        drawn = [self.samples.child(band, random) for _ in range(DRAWN * self.size)]
        children = [np.clip(np.rint(pixels), 0, 255).astype(np.uint8) for pixels, _ in drawn]
        # Keep those that are most alike in colour and texture.
        kept = nearest(np.stack([_look(child) for child in children]), self.size, random)
        pixels = np.stack([children[k].transpose(2, 0, 1) for k in kept])
        return {
            "child": torch.from_numpy(pixels),
            "gsd": torch.tensor([drawn[k][1] for k in kept], dtype=torch.float32),
            "band": torch.tensor(band),
        }


def numbers(step: int, count: int) -> range:
    """Return the numbers of the `count` groups of a step, MOST_GROUPS at most."""
    return range(step * MOST_GROUPS, step * MOST_GROUPS + count)


def joined(groups: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Lay the windows of groups one behind the other."""
    return {name: torch.cat([group[name] for group in groups]) for name in groups[0]}


def _look(child: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean colour and texture of a window: what layouts must share to be exchanged."""
    pixels = child[::2, ::2].astype(np.float64)
    rough = np.abs(np.diff(pixels.mean(-1), axis=1)).mean()
    look: NDArray[np.float64] = np.append(np.sqrt(pixels.mean((0, 1))), np.log1p(rough))
    return look


def nearest(looks: NDArray[np.floating[Any]], size: int, random: np.random.Generator) -> list[int]:
    """Draw one of looks [N, K] and return the numbers of the `size` nearest, itself first."""
    first = int(random.integers(len(looks)))
    order = np.argsort(((looks - looks[first]) ** 2).sum(1), kind="stable")
    return [int(number) for number in order[:size]]
