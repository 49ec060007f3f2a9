"""The exact convolutional U-Net: unpadded, per-pixel norms, equal on every window.

Works on the parent's grid: the noisy child enters pixel-unshuffled by 4 (48 channels). No layer
sees the window's edge, so a pixel's value depends on its neighbourhood alone, whatever the window.
"""

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.blocks import Embedding, PixelNorm, ResBlock, central_rows, crop, crop_to
from generator.nets.config import CONTEXT_STEP, NetworkConfig
from generator.nets.context import Context

Network = TypeVar("Network", bound=nn.Module)

_BLUR = (0.0, 1.0, 4.5, 10.0, 4.5, 1.0, 0.0)
"""Weights of the pinning's blur; the outer zeros keep the margin, and so all windows, even."""
CONSISTENCY_MARGIN = len(_BLUR) // 2 + 1
"""Parent pixels that pinning consumes on each side."""


def channels_last(network: Network) -> Network:
    """Lay a network's weights out channels last, which the convolutions prefer."""
    for parameter in network.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network


def padded(network: ExactUNet) -> ExactUNet:
    """Pad a network's 3x3 convolutions with zeros, so that windows lose `least_margin` alone.

    For training: windows need little margin, at the price of values near their edge that depend
    on the window. Never for making tiles. The context branch stays unpadded: it is cheap, and zeros
    would take its view away.
    """
    unpadded = set(network.context.modules()) if network.context is not None else set()
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.padding = (0, 0) if module in unpadded else (1, 1)
    return network


class ExactUNet(nn.Module):
    """Predicts the clean, pinned residual of the child over its upsampled parent.

    With a context branch (see `generator.nets.context`) the layers on the parent's own grid see the
    centre of the window only, and are then exactly the network without it, shifted by a pixel.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        wide, deep = config.widths
        before, middle, after = config.blocks
        size = config.embedding
        self.embedding = Embedding(size, config.guidance)
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
        self.context: Context | None = None
        if config.context[1]:
            self.context = Context(*config.context, deep, size)

    @property
    def margin(self) -> int:
        """Parent pixels consumed on each side by one evaluation; even, to keep the alignment."""
        return self.config.reach + CONSISTENCY_MARGIN

    @property
    def least_margin(self) -> int:
        """The same when padded: what pinning and the context branch still consume."""
        return CONSISTENCY_MARGIN + (0 if self.context is None else self.context.reach)

    @property
    def alignment(self) -> int:
        """Sides and origins of windows are multiples of this many parent pixels."""
        return 2 if self.context is None else CONTEXT_STEP

    def modulations(self, embedding: Tensor) -> list[Tensor]:
        """Scale and shift of every ResBlock, in order: [B, E] -> [B, 2C, 1, 1] each."""
        wide = () if self.context is None else self.context.blocks
        blocks = [*self.before, *self.middle, *self.after, *wide]
        return [block.modulation(embedding)[:, :, None, None] for block in blocks]

    def forward(self, x: Tensor, parent: Tensor, modulations: list[Tensor]) -> Tensor:
        """One evaluation.

        x: noisy residual [B, 3, 4H, 4W]; parent: [B, 3, H, W] in [-1, 1];
        modulations: [B, 2C, 1, 1] each, or [B, 2C, H, 1] where rows differ in resolution.
        Returns the clean residual, [B, 3, 4(H-2m), 4(W-2m)], float32.
        """
        dtype = self.stem.weight.dtype
        height = parent.shape[-2]
        wide: Tensor | None = None
        exact = self.stem.padding == (0, 0)
        if self.context is not None:
            count = len(self.context.blocks)
            wide = self.context(x, parent, modulations[-count:])
            edge = self.context.reach - (1 + 2 * len(self.before) if exact else 0)
            x, parent = crop(x, SCALE * edge), crop(parent, edge)
        each = iter(modulations)
        h = torch.cat([F.pixel_unshuffle(x, SCALE), parent], 1).to(dtype)
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        for block in self.before:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        skip = h
        h = self.down(h)
        if wide is not None:
            h = h + wide
        for block in self.middle:
            h = block(h, central_rows(next(each), height, 2 * h.shape[-2], 2))
        h = F.pixel_shuffle(self.up(h), 2)
        if wide is not None and exact:
            h = crop(h, 1)
        h = torch.cat([h, crop_to(skip, h)], 1)
        for block in self.after:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        h = self.head(F.silu(self.norm(h))).float()
        return low_frequency_consistency(h)


def low_frequency_consistency(residual: Tensor) -> Tensor:
    """Remove what the parent decides, its colour and coarse shape, from a residual.

    residual: [B, 48, H, W], pixel-unshuffled on the parent's grid, float32.
    Returns [B, 3, 4(H-8), 4(W-8)]: minus its 4x4 averages, blurred over 5x5 parent pixels and
    interpolated linearly. Only what is coarser than about 16 child pixels is held to the parent.
    """
    b, _, height, width = residual.shape
    mean = residual.view(b, 3, SCALE**2, height, width).mean(2)
    coarse = _upsample(_blur(mean), _linear_kernel(residual.device))
    return F.pixel_shuffle(crop(residual, CONSISTENCY_MARGIN), SCALE) - coarse


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
