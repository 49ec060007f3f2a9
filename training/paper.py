"""The paper's training: the noise's P2-weighted squared error, without any other term."""

from __future__ import annotations

import torch
from torch import Tensor

from generator.nets.diffusion import TIMESTEPS, alpha_bar, diffuse
from training.distributed import Group
from training.state import Batch, PaperState


class PaperTrainer:
    """Runs steps of a PaperState on batches of samples (Eq. 25-26).

    The child itself is diffused; all samples of a batch are denoised at random times. AdamW,
    clipping, averaging and accumulation are as in `training.trainer.Trainer`.
    """

    def __init__(self, state: PaperState, group: Group | None = None) -> None:
        self.state = state
        self.group = group or Group(device=state.device)
        self.abar = alpha_bar().to(state.device)
        self.random = torch.Generator(state.device)

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the network once; returns the loss and the gradient's norm."""
        state, config = self.state, self.state.config
        state.begin_step()
        share = self.group.share(config.accumulate)
        size = config.batch // config.accumulate
        total = torch.zeros((), device=state.device)
        for number, first in zip(share, range(0, size * len(share), size), strict=True):
            self.random.manual_seed(state.seed_of(number))
            part = {k: v[first : first + size].to(state.device) for k, v in batch.items()}
            loss = self.loss(part) / config.accumulate
            loss.backward()  # type: ignore[no-untyped-call]  # torch
            total += loss.detach()
        self.group.sum_gradients(state.network)
        self.group.sum([total])
        norm = torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        state.optimiser.step()
        state.ema.update(state.network)
        state.step += 1
        return {"noise": float(total), "norm": float(norm)}

    def loss(self, batch: Batch) -> Tensor:
        """P2-weighted squared error of the predicted noise, a scalar.

        batch: child [B, 3, 4w, 4w], parent [B, 3, w, w] in [-1, 1], gsd [B] in metres. The weight
        is 1/(k+SNR)^gamma with k = gamma = 1, which is 1-abar.
        """
        child, network = batch["child"], self.state.network
        count, device = len(child), child.device
        t = torch.randint(1, TIMESTEPS + 1, (count,), generator=self.random, device=device)
        noise = torch.randn(child.shape, generator=self.random, device=device)
        with torch.autocast(device.type, torch.bfloat16):
            features = network.encoder(batch["parent"])
            code = network.embedding(t.float(), batch["gsd"])
            predicted = network(diffuse(child, noise, self.abar[t]), features, code)
        error = (predicted - noise).square().mean((1, 2, 3))
        weighted: Tensor = (1 - self.abar[t]) * error
        return weighted.mean()
