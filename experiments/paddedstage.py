"""A stage whose convolutions are padded: many steps in one window, for measurements alone.

Each evaluation keeps the window's size, so steps cost no margin; pixels near its edge depend on
the window. Tiles are never made like this: neighbours would not agree.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.sampler import sample
from generator.grid.tile import SCALE
from generator.nets.blocks import crop, crop_to
from generator.nets.body import padded
from generator.nets.conditioning import Conditioner, to_pixels, to_tensor
from generator.nets.diffusion import RESIDUAL_GAIN
from generator.nets.resampling import upsample
from generator.nets.unet import ExactUNet


class PaddedStage(DiffusionStage):
    """Runs the sampler on windows like a Stage, with the same noise.

    network: is padded in place. margin: parent pixels round the core on each side, whatever the
    steps; from the network's own margin on, one step gives a Stage's pixels up to the rounding
    of the arithmetic (a network with a context branch: pixels as good as a Stage's).
    """

    def __init__(self, network: ExactUNet, steps: int, margin: int) -> None:
        super().__init__(padded(network), steps)
        self.margin = margin
        self._conditioner = Conditioner(network)

    def __call__(
        self,
        parent: NDArray[np.uint8],
        noise: NDArray[np.float32],
        resolution: NDArray[np.float64],
        augmentation: float,
    ) -> NDArray[np.uint8]:
        """Generate the child of a window's core; arguments and result as those of a Stage."""
        device = self.network.stem.weight.device
        # Unpadded convolutions halve the grid an odd number of pixels from the window's edge.
        image = to_tensor(parent[1:-1, 1:-1]).to(device)
        start = torch.from_numpy(noise[:, SCALE:-SCALE, SCALE:-SCALE].copy())[None].to(device)
        least = self.network.least_margin

        def denoise(x: Tensor, time: int) -> Tensor:
            clean: Tensor = self.network(
                x, image, self._conditioner(resolution, augmentation, time)
            )
            return F.pad(clean, (SCALE * least,) * 4)

        with torch.inference_mode():
            residual = crop(sample(denoise, start, self.steps), SCALE * (self.margin - 1))
            return to_pixels(crop_to(upsample(image), residual) + residual / RESIDUAL_GAIN)
