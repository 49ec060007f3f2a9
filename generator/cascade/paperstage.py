"""The paper's sampling: half-overlapping windows that share one noise tile (Section III-C).

Each window is generated whole, from the same initial noise, and gives its central half. Windows lie
on a grid that is fixed in the world, half a window apart, so pixels depend on the address alone.
Where windows overlap, their noise must agree: the shared tile repeats every half window. Attention
and padding still see each window's edge, so neighbours agree nearly, not exactly.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from generator.cascade.diffusionstage import NoiseStage
from generator.cascade.sampler import sample
from generator.grid.noise import repeated
from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.conditioning import to_pixels, to_tensor
from generator.nets.diffusion import alpha_bar
from generator.nets.paper import PaperUNet


class PaperStage(NoiseStage):
    """Runs DDIM (eta = 0) on half-overlapping windows of the paper's network.

    margin: parent pixels needed round the core on each side, a quarter of a window; core sides
    must be multiples of half a window, and window origins congruent to that grid.
    noise: the noise that the method asks for, one tile of half a window's side, repeated.
    """

    def __init__(self, network: PaperUNet, steps: int) -> None:
        self.network = network
        self.steps = steps
        self.margin = network.config.window // 4
        self.noise = partial(repeated, period=network.window // 2)
        self._abar = alpha_bar().to(network.stem.weight.device)

    def __call__(
        self,
        parent: NDArray[np.uint8],
        noise: NDArray[np.float32],
        resolution: NDArray[np.float64],
        augmentation: float,
    ) -> NDArray[np.uint8]:
        """Generate the child of a core, window by window, as `Stage` does.

        parent: uint8 [h+2m, w+2m, 3]; noise: [3, 4(h+2m), 4(w+2m)]; resolution: metres per child
        pixel of each parent row, or [1]: that of its middle row serves a window. The paper's
        network has no input for the conditioning-augmentation level: `augmentation` has no effect.
        Returns uint8 [4h, 4w, 3].
        """
        # Windows lie half a window apart; each gives its central half.
        side, half = 4 * self.margin, 2 * self.margin
        height, width = (SCALE * (size - half) for size in parent.shape[:2])
        out = np.empty((height, width, 3), np.uint8)
        for y in range(0, parent.shape[0] - half, half):
            metres = float(resolution[min(y + half, len(resolution) - 1)])
            for x in range(0, parent.shape[1] - half, half):
                rows, columns = slice(y, y + side), slice(x, x + side)
                fine = np.s_[:, SCALE * y : SCALE * (y + side), SCALE * x : SCALE * (x + side)]
                core = np.s_[SCALE * y : SCALE * (y + half), SCALE * x : SCALE * (x + half)]
                out[core] = self._window(parent[rows, columns], noise[fine], metres)
        return out

    def _window(
        self, parent: NDArray[np.uint8], noise: NDArray[np.float32], metres: float
    ) -> NDArray[np.uint8]:
        network, device = self.network, self.network.stem.weight.device
        resolution = torch.tensor([metres], device=device)
        with torch.inference_mode():
            # The condition is encoded once for all steps.
            image = to_tensor(parent).to(device, network.stem.weight.dtype)
            features = network.encoder(image)
            start = torch.from_numpy(np.ascontiguousarray(noise))[None].to(device)

            def denoise(x: torch.Tensor, time: int) -> torch.Tensor:
                # The child that the predicted noise implies (Eq. 3), kept in range as ADM does.
                code = network.embedding(torch.tensor([float(time)], device=device), resolution)
                epsilon = network(x, features, code)
                abar = self._abar[time]
                clean: torch.Tensor = (x - (1 - abar).sqrt() * epsilon) / abar.sqrt()
                return clean.clamp(-1, 1)

            return to_pixels(crop(sample(denoise, start, self.steps), SCALE * self.margin))
