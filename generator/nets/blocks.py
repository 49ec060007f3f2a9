"""The layers that networks are made of: per-pixel norm, modulated ResBlock, embedding, crops."""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def channels_last(network: Network) -> Network:
    """Lay a network's weights out channels last, which the convolutions prefer."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def crop(x: Tensor, margin: int) -> Tensor:
    """Cut `margin` pixels from each side: [..., H, W] -> [..., H-2m, W-2m]."""
    return x[..., margin:-margin, margin:-margin] if margin else x


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """Cut the centre of `x` to the height and width of `like`."""
    return crop(x, (x.shape[-2] - like.shape[-2]) // 2)


def silu(x: Tensor) -> Tensor:
    """Return the SiLU of what nobody else needs: in place where there are no gradients."""
    return F.silu(x, inplace=not torch.is_grad_enabled())


def frequencies(value: Tensor, count: int = 64) -> Tensor:
    """Sine and cosine of a scalar at geometric frequencies: [B] -> [B, 2*count] (Eq. 13-14)."""
    # Rates fall geometrically from 1 to about 1/10000.
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
        # The root of the mean square, summed up in float32 and rounded to the type of x.
        length = torch.linalg.vector_norm(x, dim=1, keepdim=True).float()
        inverse = torch.rsqrt(length.square() / x.shape[1] + 1e-5)
        h = x * inverse.to(x.dtype)
        gain = self.gain.to(x.dtype)[:, None, None]
        # In place where no gradient needs what was there.
        into = None if torch.is_grad_enabled() else h
        if scale is None or shift is None:
            return torch.mul(h, gain, out=into)
        # Not addcmul: fused, its last bit would depend on how the modulation is broadcast.
        modulated: Tensor = torch.mul(h, gain * (1 + scale), out=into)
        modulated += shift
        return modulated


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
        # The first convolution.
        h = self.conv1(silu(self.norm1(x)))
        # Modulations of single rows lose the two rows that it consumed.
        rows = modulation if modulation.shape[2] == 1 else modulation[:, :, 1:-1]
        scale, shift = rows.chunk(2, 1)
        # The second, modulated, and the skip connection.
        h = self.conv2(silu(self.norm2(h, scale, shift)))
        total: Tensor = h.add_(crop_to(self.skip(x), h))
        return total


class ScalarEmbedding(nn.Module):
    """Scalars, each at geometric frequencies and through its own MLP, summed (Eq. 13-17).

    width: of the embedding; scalars: how many; frequencies: numbers that one is spread to.
    """

    def __init__(self, width: int, scalars: int, frequencies: int = 128) -> None:
        super().__init__()
        self.frequencies = frequencies
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(frequencies, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(scalars)
        )

    def embed(self, *scalars: Tensor) -> Tensor:
        """Scalars of about 0 to 1, [B] each -> [B, E]."""
        dtype = next(self.parameters()).dtype
        each = [
            part(frequencies(scalar, self.frequencies // 2).to(dtype))
            for part, scalar in zip(self.parts, scalars, strict=True)
        ]
        total: Tensor = sum(each[1:], start=each[0])
        return F.silu(total)


class Embedding(ScalarEmbedding):
    """Time, resolution and conditioning-augmentation level of the exact network.

    Departs from the paper in two ways. Resolution enters as its logarithm, still continuous in
    metres: the stages are octaves apart, and so the same share of a metre counts alike in all of
    them. The conditioning-augmentation level is an input too. Without `guidance` the part of the
    resolution is left out.
    """

    def __init__(self, width: int, guidance: bool = True) -> None:
        super().__init__(width, 2 + guidance)
        self.guidance = guidance

    def forward(self, time: Tensor, resolution: Tensor, augmentation: Tensor) -> Tensor:
        """Time and level in [0, 1], metres per child pixel, [B] each -> [B, E]."""
        if not self.guidance:
            return self.embed(time, augmentation)
        return self.embed(time, torch.log2(resolution) / 12.0, augmentation)


class ScaleEmbedding(ScalarEmbedding):
    """Resolution and conditioning-augmentation level of a layout decoder."""

    def __init__(self, width: int) -> None:
        super().__init__(width, 2)

    def forward(self, resolution: Tensor, augmentation: Tensor) -> Tensor:
        """Metres per child pixel and level in [0, 1], [B] each -> [B, E]."""
        return self.embed(torch.log2(resolution) / 12.0, augmentation)


def central_rows(modulation: Tensor, height: int, rows: int, step: int = 1) -> Tensor:
    """Cut per-row modulations of a window of `height` rows to its central rows, by `step`."""
    if modulation.shape[2] == 1:
        return modulation
    first = (height - rows) // 2
    return modulation[:, :, first : first + rows : step]
