"""One stage of the cascade: a parent's pixels and a noise field become the child's pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.cascade.sampler import Denoise, sample
from generator.grid.noise import field
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE
from generator.nets.blocks import crop, crop_to
from generator.nets.conditioning import Conditioner, to_pixels, to_tensor
from generator.nets.diffusion import RESIDUAL_GAIN
from generator.nets.resampling import upsample
from generator.nets.unet import ExactUNet


class NoiseStage:
    """What stages that draw from noise have in common.

    noise: the globally fixed field. faithful_augmentation: see
    `generator.upscaling.parentpicture.StageLike`.
    """

    faithful_augmentation: float | None = None
    noise: Callable[[int, int, int, int, int, int], NDArray[np.float32]] = staticmethod(field)

    def latent(self, seed: int, level: int, area: Rectangle) -> NDArray[np.float32]:
        """Return the noise of a rectangle of parent pixels, [3, 4h, 4w]; level: its zoom."""
        child = area.finer(SCALE)
        return self.noise(seed, level, child.x0, child.y0, child.width, child.height)


class DiffusionStage(NoiseStage):
    """Runs the sampler on windows; equal pixels for equal places, whatever the window.

    Keeps nothing between windows, so that each of several steps costs one more margin; see
    `generator.cascade.latentcache` for the other way.
    margin: parent pixels needed round the core on each side; window origins and sides must be
    even.
    """

    def __init__(self, network: ExactUNet, steps: int) -> None:
        self.network = network
        self.steps = steps
        self.margin = network.margin * steps
        self._condition = Conditioner(network)

    def __call__(
        self,
        parent: NDArray[np.uint8],
        noise: NDArray[np.float32],
        resolution: NDArray[np.float64],
        augmentation: float,
    ) -> NDArray[np.uint8]:
        """Generate the child of a window's core.

        parent: uint8 [h+2m, w+2m, 3], h and w even; noise: standard normal [3, 4(h+2m), 4(w+2m)];
        resolution: metres per child pixel of each parent row, [h+2m], or [1];
        augmentation: conditioning-augmentation level in [0, 1], how degraded the parent is taken to
        be.
        Returns uint8 [4h, 4w, 3].
        """
        device = self.network.stem.weight.device
        # Parent and noise as tensors.
        image = to_tensor(parent).to(device)
        start = torch.from_numpy(noise)[None].to(device)
        with torch.inference_mode():
            # From noise to the residual, which is added to the upsampled parent.
            denoise = denoiser(self._condition, image, resolution, augmentation)
            return finish(image, sample(denoise, start, self.steps))


def denoiser(
    condition: Conditioner, image: Tensor, resolution: NDArray[np.float64], augmentation: float
) -> Denoise:
    """Return the network's prediction of x_0 in the window of a parent.

    image: [1, 3, H, W] in [-1, 1]; resolution: metres per child pixel, [H], or [1]. What is asked
    for may be the centre of that window, as after earlier evaluations.
    """
    network = condition.network

    def denoise(x: Tensor, time: int) -> Tensor:
        # The margins that earlier evaluations consumed are cut off.
        spent = (image.shape[-1] - x.shape[-1] // SCALE) // 2
        rows = resolution[spent : len(resolution) - spent] if len(resolution) > 1 else resolution
        clean: Tensor = network(x, crop(image, spent), condition(rows, augmentation, time))
        return clean

    return denoise


def finish(image: Tensor, residual: Tensor) -> NDArray[np.uint8]:
    """Add a clean residual to the centre of its upsampled parent: uint8 [4h, 4w, 3].

    image: [1, 3, H, W] in [-1, 1]; residual: [1, 3, 4h, 4w].
    """
    return to_pixels(crop_to(upsample(image), residual) + residual / RESIDUAL_GAIN)
