"""The exact convolutional U-Net: unpadded, per-pixel norms, equal on every window.

Works on the parent's grid: the noisy child enters pixel-unshuffled by 4 (48 channels). No layer
sees the window's edge, so a pixel's value depends on its neighbourhood alone, whatever the window.
"""

from __future__ import annotations

import math
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.config import NetworkConfig

SCALE = 4
"""A child has SCALE times its parent's pixels on each side."""

Network = TypeVar("Network", bound=nn.Module)

_BLUR = (0.0, 1.0, 4.5, 10.0, 4.5, 1.0, 0.0)
"""Weights of the pinning's blur; the outer zeros keep the margin, and so all windows, even."""
PIN_MARGIN = len(_BLUR) // 2 + 1
"""Parent pixels that pinning consumes on each side."""


def crop(x: Tensor, margin: int) -> Tensor:
    """Cut `margin` pixels from each side: [..., H, W] -> [..., H-2m, W-2m]."""
    return x[..., margin:-margin, margin:-margin] if margin else x


def crop_to(x: Tensor, like: Tensor) -> Tensor:
    """Cut the centre of `x` to the height and width of `like`."""
    return crop(x, (x.shape[-2] - like.shape[-2]) // 2)


def channels_last(network: Network) -> Network:
    """Lay a network's weights out channels last, which the convolutions prefer."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def padded(network: Network) -> Network:
    """Pad a network's 3x3 convolutions with zeros, so that windows lose PIN_MARGIN pixels alone.

    For training: windows need little margin, at the price of values near their edge that depend
    on the window. Never for making tiles.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.padding = (1, 1)
    return network


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
    """Time, resolution and augmentation strength, summed (Eq. 13-17)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(3)
        )

    def forward(self, time: Tensor, resolution: Tensor, augmentation: Tensor) -> Tensor:
        """Three [B] -> [B, E]. Resolution in metres per child pixel enters as its logarithm."""
        scalars = (time, torch.log2(resolution) / 12.0, augmentation)
        total = torch.zeros((), device=time.device)
        dtype = next(self.parameters()).dtype
        for part, scalar in zip(self.parts, scalars, strict=True):
            total = total + part(frequencies(scalar).to(dtype))
        return F.silu(total)


class ExactUNet(nn.Module):
    """Predicts the clean, pinned residual of the child over its upsampled parent."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        wide, deep = config.widths
        before, middle, after = config.blocks
        size = config.embedding
        self.embedding = Embedding(size)
        self.stem = nn.Conv2d(3 * SCALE**2 + 3, wide, 3)
        self.before = nn.ModuleList(ResBlock(wide, wide, size) for _ in range(before))
        self.down = nn.Conv2d(wide, deep, 2, 2)
        self.middle = nn.ModuleList(ResBlock(deep, deep, size) for _ in range(middle))
        self.up = nn.Conv2d(deep, wide * 4, 1)
        self.after = nn.ModuleList(
            ResBlock(2 * wide if i == 0 else wide, wide, size) for i in range(after)
        )
        self.norm = PixelNorm(wide)
        self.head = nn.Conv2d(wide, 3 * SCALE**2, 3)
        for value in self.head.parameters():
            nn.init.zeros_(value)

    @property
    def margin(self) -> int:
        """Parent pixels consumed on each side by one evaluation; even, to keep the alignment."""
        return self.config.reach + PIN_MARGIN

    def modulations(self, embedding: Tensor) -> list[Tensor]:
        """Scale and shift of every ResBlock, in order: [B, E] -> [B, 2C, 1, 1] each."""
        blocks = [*self.before, *self.middle, *self.after]
        return [block.modulation(embedding)[:, :, None, None] for block in blocks]

    def forward(self, x: Tensor, parent: Tensor, modulations: list[Tensor]) -> Tensor:
        """One evaluation.

        x: noisy residual [B, 3, 4H, 4W]; parent: [B, 3, H, W] in [-1, 1];
        modulations: [B, 2C, 1, 1] each, or [B, 2C, H, 1] where rows differ in resolution.
        Returns the clean residual, [B, 3, 4(H-2m), 4(W-2m)], float32.
        """
        dtype = self.stem.weight.dtype
        height = parent.shape[-2]
        each = iter(modulations)
        h = torch.cat([F.pixel_unshuffle(x, SCALE), parent], 1).to(dtype)
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        for block in self.before:
            h = block(h, _rows(next(each), height, h.shape[-2]))
        skip = h
        h = self.down(h)
        for block in self.middle:
            h = block(h, _rows(next(each), height, 2 * h.shape[-2], 2))
        h = F.pixel_shuffle(self.up(h), 2)
        h = torch.cat([h, crop_to(skip, h)], 1)
        for block in self.after:
            h = block(h, _rows(next(each), height, h.shape[-2]))
        h = self.head(F.silu(self.norm(h))).float()
        return pin(h)


def _rows(modulation: Tensor, height: int, rows: int, step: int = 1) -> Tensor:
    """Cut per-row modulations of a window of `height` rows to its central rows, by `step`."""
    if modulation.shape[2] == 1:
        return modulation
    first = (height - rows) // 2
    return modulation[:, :, first : first + rows : step]


def pin(residual: Tensor) -> Tensor:
    """Remove what the parent decides, its colour and coarse shape, from a residual.

    residual: [B, 48, H, W], pixel-unshuffled on the parent's grid, float32.
    Returns [B, 3, 4(H-8), 4(W-8)]: minus its 4x4 averages, blurred over 5x5 parent pixels and
    interpolated linearly. Only what is coarser than about 16 child pixels is held to the parent.
    """
    b, _, height, width = residual.shape
    mean = residual.view(b, 3, SCALE**2, height, width).mean(2)
    coarse = _upsample(_blur(mean), _linear_kernel(residual.device))
    return F.pixel_shuffle(crop(residual, PIN_MARGIN), SCALE) - coarse


def upsample(parent: Tensor) -> Tensor:
    """Cubic (Catmull-Rom) interpolation by 4: [B, 3, H, W] -> [B, 3, 4(H-4), 4(W-4)]."""
    return _upsample(parent, _cubic_kernel(parent.device))


def _blur(x: Tensor) -> Tensor:
    taps = torch.tensor(_BLUR, device=x.device) / sum(_BLUR)
    planes = x.reshape(-1, 1, *x.shape[-2:])
    planes = F.conv2d(F.conv2d(planes, taps.view(1, 1, -1, 1)), taps.view(1, 1, 1, -1))
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def _upsample(x: Tensor, kernel: Tensor) -> Tensor:
    planes = F.conv2d(x.reshape(-1, 1, *x.shape[-2:]), kernel)
    planes = F.pixel_shuffle(planes, SCALE)
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def _cubic_weight(distance: float) -> float:
    d = abs(distance)
    if d < 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def _kernel(reach: int, weight: list[list[float]], device: torch.device) -> Tensor:
    taps = torch.tensor(weight, dtype=torch.float32, device=device)
    size = 2 * reach + 1
    return torch.einsum("iy,jx->ijyx", taps, taps).reshape(SCALE**2, 1, size, size).contiguous()


def _offsets() -> list[float]:
    return [(phase + 0.5) / SCALE - 0.5 for phase in range(SCALE)]


def _linear_kernel(device: torch.device) -> Tensor:
    rows = [[max(0.0, 1 - abs(tap - at)) for tap in (-1, 0, 1)] for at in _offsets()]
    return _kernel(1, rows, device)


def _cubic_kernel(device: torch.device) -> Tensor:
    rows = [[_cubic_weight(tap - at) for tap in (-2, -1, 0, 1, 2)] for at in _offsets()]
    return _kernel(2, rows, device)
