"""The condition: parent pixels in the network's range, and its scalars as modulations.

Images are uint8 [H, W, 3] outside and float32 [1, 3, H, W] in [-1, 1] inside; they are converted
here and nowhere else.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.nets.decoder import LayoutDecoder
from generator.nets.diffusion import TIMESTEPS
from generator.nets.unet import ExactUNet

RESOLUTION_STEPS = 64
"""Resolutions are rounded to this many steps per octave, so that equal rows get equal numbers."""


def to_tensor(pixels: NDArray[np.uint8]) -> Tensor:
    """uint8 [H, W, 3] -> float32 [1, 3, H, W] in [-1, 1]."""
    planes = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return (torch.from_numpy(planes).float() / 127.5 - 1)[None]


def to_pixels(image: Tensor) -> NDArray[np.uint8]:
    """float [1, 3, H, W] in [-1, 1] -> uint8 [H, W, 3], rounded half to even and clipped."""
    levels = ((image[0] + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def quantise_resolution(resolution: float) -> int:
    """Metres per pixel -> steps of 1/64 octave above one metre."""
    return round(math.log2(resolution) * RESOLUTION_STEPS)


class Conditioner:
    """Modulations of a network by its scalars, each computed once.

    Every entry is computed alone, as a batch of one: rows of one window can never influence each
    other through the choice of a matrix kernel.
    network: an exact U-Net, whose scalars are time, resolution and conditioning-augmentation level,
    or a layout decoder, whose scalars are resolution and level.
    """

    def __init__(self, network: ExactUNet | LayoutDecoder) -> None:
        self.network = network
        self._entry = lru_cache(maxsize=4096)(self._compute)

    def __call__(
        self, rows: NDArray[np.float64], augmentation: float, time: int = TIMESTEPS
    ) -> list[Tensor]:
        """Modulations at timestep `time` for parent rows of the given child resolutions.

        rows: metres per child pixel, [H], or [1] where it is the same everywhere.
        Returns one tensor [1, 2C, H, 1] per ResBlock.
        """
        keys = [quantise_resolution(float(value)) for value in rows]
        # One entry serves all rows where they are alike.
        if len(set(keys)) == 1:
            return self._entry(time, keys[0], augmentation)
        entries = [self._entry(time, key, augmentation) for key in keys]
        joined = (torch.cat(parts, 2) for parts in zip(*entries, strict=True))
        # Laid out as the features that they modulate, which is more than twice as fast.
        return [each.contiguous(memory_format=torch.channels_last) for each in joined]

    def _compute(self, time: int, step: int, augmentation: float) -> list[Tensor]:
        weight = self.network.stem.weight
        # The scalars as batches of one.
        scalars = (2 ** (step / RESOLUTION_STEPS), augmentation)
        resolution, level = (torch.tensor([value], device=weight.device) for value in scalars)
        with torch.inference_mode():
            if isinstance(self.network, LayoutDecoder):
                return self.network.modulations(self.network.embedding(resolution, level))
            share = torch.tensor([time / TIMESTEPS], device=weight.device)
            return self.network.modulations(self.network.embedding(share, resolution, level))
