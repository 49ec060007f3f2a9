"""The decoder: a parent and a field of layout codes become the child, equal on every window.

An unpadded U-Net on the parent's grid, as `generator.nets.unet` has it, with codes in the place of
noise and the conditioning-augmentation level as an input. No layer sees the window's edge.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.bands import (
    REACH,
    SIGMA,
    SPLIT_REACH,
    blur,
    contrast_scale,
    high_band,
    low_band,
)
from generator.nets.blocks import PixelNorm, ResBlock, central_rows, crop_to, frequencies
from generator.nets.config import LayoutConfig

OUTPUT_GAIN = 6.0
"""What the network puts out is this many times the normalised detail."""
_CODE_WIDTH = 128


class LayoutDecoder(nn.Module):
    """Draws a child from its parent, its codes, its resolution and its augmentation level.

    The level in [0, 1] says how far the parent leads: at 0 it is sharp and the codes add what it
    lacks, at 1 it is blurred and the codes lead down to its own pixels (`generator.nets.bands`).
    """

    def __init__(self, config: LayoutConfig) -> None:
        super().__init__()
        self.config = config
        wide, deep = config.widths
        before, middle, after = config.blocks
        size = config.embedding
        self.embedding = ScaleEmbedding(size)
        self.code = nn.Sequential(
            nn.Conv2d(config.dimensions, _CODE_WIDTH, 1), nn.SiLU(),
            nn.Conv2d(_CODE_WIDTH, 3 * SCALE**2, 1),
        )  # fmt: skip
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
        """Parent pixels consumed on each side; even, to keep the alignment."""
        return self.config.reach + SPLIT_REACH + REACH

    @property
    def alignment(self) -> int:
        """Sides and origins of windows are multiples of this many parent pixels."""
        return 2

    def modulations(self, embedding: Tensor) -> list[Tensor]:
        """Scale and shift of every ResBlock, in order: [B, E] -> [B, 2C, 1, 1] each."""
        blocks = [*self.before, *self.middle, *self.after]
        return [block.modulation(embedding)[:, :, None, None] for block in blocks]

    def forward(
        self,
        codes: Tensor,
        parent: Tensor,
        augmentations: Sequence[float],
        modulations: list[Tensor],
        contrast: float | Tensor = 1.0,
    ) -> Tensor:
        """Draw children.

        codes: [B, D, H, W], integers in any dtype; parent: [B, 3, H, W] in [-1, 1]; augmentations:
        levels in [0, 1], one per sample; modulations: [B, 2C, 1, 1] each, or [B, 2C, H, 1] where
        rows differ in resolution; contrast: factor on the codes' detail, one or a map of the
        child's size. Returns [B, 3, 4 (H - 2m), 4 (W - 2m)], float32, m the margin; of a padded
        network the whole window.
        """
        padded = self.stem.padding != (0, 0)
        sigmas = [SIGMA * augmentation for augmentation in augmentations]
        seen = blur(parent, sigmas, padded=padded)
        out = self._network(crop_to(codes, seen), seen, modulations, parent.shape[-2])
        base = low_band(parent, augmentations, padded=padded)
        detail = high_band(F.pixel_shuffle(out, SCALE) / OUTPUT_GAIN, augmentations, padded=padded)
        base = crop_to(base, detail)
        return base + contrast * contrast_scale(base) * detail

    def _network(
        self, codes: Tensor, parent: Tensor, modulations: list[Tensor], height: int
    ) -> Tensor:
        dtype = self.stem.weight.dtype
        each = iter(modulations)
        laid = (codes.to(dtype) / self.config.most).contiguous(memory_format=torch.channels_last)
        code = self.code(laid)
        h = torch.cat([code, parent.to(code.dtype)], 1)
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        for block in self.before:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        skip = h
        h = self.down(h)
        for block in self.middle:
            h = block(h, central_rows(next(each), height, 2 * h.shape[-2], 2))
        h = F.pixel_shuffle(self.up(h), 2)
        h = torch.cat([h, crop_to(skip, h)], 1)
        for block in self.after:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        out: Tensor = self.head(F.silu(self.norm(h))).float()
        return out


class ScaleEmbedding(nn.Module):
    """Resolution and conditioning-augmentation level, each through its own MLP, summed (Eq. 13-17).

    Resolution enters as its logarithm, continuous in metres.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(
            nn.Sequential(nn.Linear(128, width), nn.SiLU(), nn.Linear(width, width))
            for _ in range(2)
        )

    def forward(self, resolution: Tensor, augmentation: Tensor) -> Tensor:
        """Metres per child pixel and level in [0, 1], [B] each -> [B, E]."""
        resolutions, augmentations = self.parts
        dtype = next(self.parameters()).dtype
        total = resolutions(frequencies(torch.log2(resolution) / 12.0).to(dtype))
        total = total + augmentations(frequencies(augmentation).to(dtype))
        return F.silu(total)


def padded(network: LayoutDecoder) -> LayoutDecoder:
    """Pad a network's convolutions with zeros, so that windows keep their size.

    For training: windows need little margin, at the price of values near their edge that depend
    on the window. Never for making tiles.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.padding = (1, 1)
    return network
