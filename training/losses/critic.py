"""The critic of the adversarial term: small heads on frozen features (Sauer et al. 2021)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from generator.nets.blocks import frequencies
from training.losses.perceptual import CHANNELS, DETAIL

INPUTS = (DETAIL, *CHANNELS)
_WIDTHS = (32, 32, 64, 64, 64)
_MOMENTUM = 0.02


class Critic(nn.Module):
    """Scores how real an image of a given resolution looks, place by place and level by level.

    One head for the map of detail and one per map of Perceptual: two 3x3 convolutions, scaled by
    the resolution, and a score per pixel. Spectral norms and a gradient penalty keep the heads
    from running ahead of the generator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.standard = Standard()
        self.heads = nn.ModuleList(
            _Head(channels, width) for channels, width in zip(INPUTS, _WIDTHS, strict=True)
        )

    def forward(self, maps: list[Tensor], gsd: Tensor) -> list[Tensor]:
        """Standardised maps and metres per pixel [B] -> scores [B, 1, h, w], one per map."""
        code = frequencies(torch.log2(gsd) / 12.0)
        with torch.autocast(gsd.device.type, torch.bfloat16):
            return [head(m, code) for head, m in zip(self.heads, maps, strict=True)]


class Standard(nn.Module):
    """Standardises maps by the running mean and deviation of real images' channels."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("updates", torch.zeros(()))
        for level, channels in enumerate(INPUTS):
            self.register_buffer(f"mean{level}", torch.zeros(channels))
            self.register_buffer(f"variance{level}", torch.ones(channels))

    @torch.no_grad()
    def update(self, maps: list[Tensor]) -> None:
        """Move the statistics towards those of real images' maps."""
        self.updates: Tensor
        self.updates += 1
        keep = 1 - torch.clamp(1 / self.updates, min=_MOMENTUM)
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


class _Head(nn.Module):
    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(channels, width, 3))
        self.second = spectral_norm(nn.Conv2d(width, width, 3))
        self.code = nn.Linear(128, width)
        self.score = spectral_norm(nn.Conv2d(width, 1, 1))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        h = F.leaky_relu(self.first(x), 0.2)
        h = h * (1 + self.code(code).to(h.dtype)[:, :, None, None])
        h = F.leaky_relu(self.second(h), 0.2)
        score: Tensor = self.score(h)
        return score.float()
