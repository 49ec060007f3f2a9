"""The layers that networks are made of: per-pixel norm, modulated ResBlock, embedding, crops."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def crop(x: Tensor, margin: int) -> Tensor:
    """Cut `margin` pixels from each side: [..., H, W] -> [..., H-2m, W-2m]."""
    return x[..., margin:-margin, margin:-margin] if margin else x


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """Cut the centre of `x` to the height and width of `like`."""
    return crop(x, (x.shape[-2] - like.shape[-2]) // 2)


def frequencies(value: Tensor, count: int = 64) -> Tensor:
    """Sine and cosine of a scalar at geometric frequencies: [B] -> [B, 2*count] (Eq. 13-14)."""
    rates = torch.exp(torch.arange(count, device=value.device) * (-math.log(1e4) / count))
    angle = value.float()[:, None] * 1000.0 * rates
    return torch.cat([angle.cos(), angle.sin()], 1)


class PixelNorm(nn.Module):
    """RMS norm over the channels of each pixel, with a learned gain per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))

    def forward(
        self, x: Tensor, scale: Tensor | None = None, shift: Tensor | None = None
    ) -> Tensor:
        """[B, C, H, W] -> the same shape, times (1 + scale), plus shift, where they are given."""
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=torch.float32)
        inverse = torch.rsqrt(length.square() / x.shape[1] + 1e-5)
        h = x * inverse.to(x.dtype)
        gain = self.gain.to(x.dtype)[:, None, None]
        if scale is None or shift is None:
            return h * gain
        # Not addcmul: fused, its last bit would depend on how the modulation is broadcast.
        return h * (gain * (1 + scale)) + shift


class ResBlock(nn.Module):
    """Two unpadded 3x3 convolutions, modulated as norm(h) (1+scale) + shift (Eq. 22)."""

    def __init__(self, inputs: int, outputs: int, embedding: int) -> None:
        super().__init__()
        self.norm1 = PixelNorm(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3)
        self.modulation = nn.Linear(embedding, 2 * outputs)
        self.norm2 = PixelNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for value in (*self.modulation.parameters(), *self.conv2.parameters()):
            nn.init.zeros_(value)

    def forward(self, x: Tensor, modulation: Tensor) -> Tensor:
        """[B, C, H, W] with [B, 2C', H or 1, 1] -> [B, C', H-4, W-4]."""
        h = self.conv1(F.silu(self.norm1(x)))
        rows = modulation if modulation.shape[2] == 1 else modulation[:, :, 1:-1]
        scale, shift = rows.chunk(2, 1)
        h = self.conv2(F.silu(self.norm2(h, scale, shift)))
        total: Tensor = crop_to(self.skip(x), h) + h
        return total


class Embedding(nn.Module):
    """Time, resolution and augmentation level, each through its own MLP, summed (Eq. 13-17).

    Departs from the paper in two ways. Resolution enters as its logarithm, still continuous in
    metres: the stages are octaves apart, and so the same share of a metre counts alike in all of
    them. The conditioning-augmentation level is an input too. Without `guidance` the part of the
    resolution is left out.
    """

    def __init__(self, width: int, guidance: bool = True) -> None:
        super().__init__()
        self.guidance = guidance
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(2 + guidance)
        )

    def forward(self, time: Tensor, resolution: Tensor, augmentation: Tensor) -> Tensor:
        """Time and level in [0, 1], metres per child pixel, [B] each -> [B, E]."""
        scalars = [time, augmentation]
        if self.guidance:
            scalars.insert(1, torch.log2(resolution) / 12.0)
        total = torch.zeros((), device=time.device)
        dtype = next(self.parameters()).dtype
        for part, scalar in zip(self.parts, scalars, strict=True):
            total = total + part(frequencies(scalar).to(dtype))
        return F.silu(total)


def central_rows(modulation: Tensor, height: int, rows: int, step: int = 1) -> Tensor:
    """Cut per-row modulations of a window of `height` rows to its central rows, by `step`."""
    if modulation.shape[2] == 1:
        return modulation
    first = (height - rows) // 2
    return modulation[:, :, first : first + rows : step]
