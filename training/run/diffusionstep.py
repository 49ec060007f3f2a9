"""The steps of diffusion networks: a clean image is diffused, and predicted from noise and parent.

The exact U-Net diffuses the residual of the child over its upsampled parent, held to the parent's
low frequencies, and predicts it; the paper's diffuses the child itself and predicts the noise
(Eq. 25-26). Terms see clean images.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.diffusion import RESIDUAL_GAIN, TIMESTEPS, alpha_bar, diffuse
from generator.nets.paper import PaperUNet
from generator.nets.resampling import upsample
from generator.nets.unet import CONSISTENCY_MARGIN, ExactUNet, low_frequency_consistency
from training.errors import TrainingError
from training.losses.context import Drawn
from training.run.state import TrainingState
from training.run.statestep import StateStep
from training.run.step import Batch


class DiffusionStep(StateStep):
    """Takes steps of a diffusion network's state on `DiffusionBatches`."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__(state)
        self.alpha_bar = alpha_bar().to(state.device)
        self.random = torch.Generator(state.device)

    def draw(self, batch: Batch) -> Drawn:
        """Predict clean images of a batch from random times."""
        batch, state = self.on_device(batch), self.state
        self.random.manual_seed(state.recipe.seed * 1_000_003 + state.step)
        time = torch.randint(
            1, TIMESTEPS + 1, (len(batch["gsd"]),), generator=self.random, device=state.device
        )
        return self.predict(batch, time)

    def noise_like(self, clean: Tensor) -> Tensor:
        """Return Gaussian noise of the shape of clean images."""
        return torch.randn(clean.shape, generator=self.random, device=clean.device)

    @abstractmethod
    def predict(self, batch: Batch, time: Tensor) -> Drawn:
        """Predict clean images that were diffused until `time`, int64 [B] in 1..TIMESTEPS."""


class ExactUNetStep(DiffusionStep):
    """Steps of the exact U-Net; raises TrainingError for a window that it cannot be trained on."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__(state)
        assert isinstance(state.network, ExactUNet)
        self.network, recipe = state.network, state.recipe
        core, least = recipe.window - 2 * recipe.edge, CONSISTENCY_MARGIN
        if recipe.edge % 2 or core % 4 or core <= 0 or recipe.edge < least:
            raise TrainingError(
                f"[train] window is {recipe.window} and edge {recipe.edge}, expected an even edge "
                f"of at least {least} and a window that leaves a multiple of 4 between two edges"
            )

    def predict(self, batch: Batch, time: Tensor) -> Drawn:
        """Predict residuals; returns the children that they make of their parents."""
        network, edge, parent = self.network, self.state.recipe.edge, batch["parent"]
        # Diffuse the residual.
        residual = consistent_residual(batch["child"], parent)
        noisy = diffuse(residual, self.noise_like(residual), self.alpha_bar[time])
        # Predict it from the noisy one and the parent.
        with torch.autocast(noisy.device.type, torch.bfloat16):
            code = network.embedding(time / TIMESTEPS, batch["gsd"], batch["augmentation"])
            whole: Tensor = network(noisy, parent, network.modulations(code))
        made = crop(whole, SCALE * (edge - CONSISTENCY_MARGIN))
        base = crop(upsample(parent), SCALE * (edge - 2))
        truth = base + crop(residual, SCALE * edge) / RESIDUAL_GAIN
        return Drawn(
            base + made / RESIDUAL_GAIN, truth, batch["gsd"],
            alpha_bar=self.alpha_bar[time], gain=RESIDUAL_GAIN,
        )  # fmt: skip


class PaperStep(DiffusionStep):
    """Steps of the paper's network; raises TrainingError for a window that is not its own."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__(state)
        assert isinstance(state.network, PaperUNet)
        self.network, recipe = state.network, state.recipe
        if (recipe.window, recipe.edge) != (self.network.config.window, 0):
            raise TrainingError(
                f"[train] window is {recipe.window} and edge {recipe.edge}, expected window = "
                f"{self.network.config.window} and edge = 0 for this network"
            )

    def predict(self, batch: Batch, time: Tensor) -> Drawn:
        """Predict the noise; returns the clean children that it leaves."""
        network, child, abar = self.network, batch["child"], self.alpha_bar[time]
        # Diffuse the child.
        noisy = diffuse(child, self.noise_like(child), abar)
        # Predict its noise, and take that away.
        with torch.autocast(child.device.type, torch.bfloat16):
            features = network.encoder(batch["parent"])
            noise = network(noisy, features, network.embedding(time.float(), batch["gsd"])).float()
        a = abar.view(-1, 1, 1, 1)
        clean = (noisy - (1 - a).sqrt() * noise) / a.sqrt()
        return Drawn(clean, child, batch["gsd"], alpha_bar=abar)


def consistent_residual(child: Tensor, parent: Tensor) -> Tensor:
    """Return x_0 of a window, [B, 3, 4w, 4w]: as the parent at low frequencies, 0 near the edge."""
    residual = (crop(child, 2 * SCALE) - upsample(parent)) * RESIDUAL_GAIN
    consistent = low_frequency_consistency(F.pixel_unshuffle(residual, SCALE))
    edge = (child.shape[-1] - consistent.shape[-1]) // 2
    return F.pad(consistent, (edge,) * 4)
