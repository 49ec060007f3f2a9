"""Running moments: mean and variance of every channel of maps, which are standardised by them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MOMENTUM = 0.02


class RunningMoments(nn.Module):
    """Exponential moving averages of the channels' mean and variance, for several maps.

    channels: of each map. An average begins with the first update and forgets at MOMENTUM.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("updates", torch.zeros(()))
        for level, count in enumerate(channels):
            self.register_buffer(f"mean{level}", torch.zeros(count))
            self.register_buffer(f"variance{level}", torch.ones(count))

    @torch.no_grad()
    def update(self, maps: list[Tensor]) -> None:
        """Move the moments towards those of maps [B, C, h, w]."""
        self.updates: Tensor
        self.updates += 1
        keep = 1 - torch.clamp(1 / self.updates, min=MOMENTUM)
        for level, m in enumerate(maps):
            mean, variance = self._of(level)
            now = m.mean((0, 2, 3))
            spread = (m - mean[:, None, None]).square().mean((0, 2, 3))
            spread = torch.where(self.updates == 1, m.var((0, 2, 3)), spread)
            mean.lerp_(now, 1 - keep)
            variance.lerp_(spread, 1 - keep)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Maps -> maps of about zero mean and unit variance in every channel."""
        out = []
        for level, m in enumerate(maps):
            mean, variance = self._of(level)
            out.append((m - mean[:, None, None]) * torch.rsqrt(variance + 1e-4)[:, None, None])
        return out

    def _of(self, level: int) -> tuple[Tensor, Tensor]:
        return self.get_buffer(f"mean{level}"), self.get_buffer(f"variance{level}")
