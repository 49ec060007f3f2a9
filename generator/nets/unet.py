"""The exact convolutional U-Net: unpadded, per-pixel norms, equal on every window.

Works on the parent's grid: the noisy child enters pixel-unshuffled by 4 (48 channels).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import Embedding, crop
from generator.nets.body import UNetBody
from generator.nets.config import NetworkConfig
from generator.nets.resampling import BINOMIAL, blur_evenly, pixel_shuffle, upsample_linearly

CONSISTENCY_MARGIN = len(BINOMIAL) // 2 + 1
"""Parent pixels that `low_frequency_consistency` consumes on each side."""


class ExactUNet(UNetBody):
    """Predicts the clean residual of the child over its upsampled parent, without its low band."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = Embedding(config.embedding, config.guidance)
        self._add_body(config.widths, config.blocks, config.embedding)

    @property
    def margin(self) -> int:
        """Parent pixels consumed on each side by one evaluation; even, to keep the alignment."""
        return self.config.reach + CONSISTENCY_MARGIN

    def forward(self, x: Tensor, parent: Tensor, modulations: list[Tensor]) -> Tensor:
        """One evaluation.

        x: noisy residual [B, 3, 4H, 4W]; parent: [B, 3, H, W] in [-1, 1];
        modulations: [B, 2C, 1, 1] each, or [B, 2C, H, 1] where rows differ in resolution.
        Returns the clean residual, [B, 3, 4(H-2m), 4(W-2m)], float32.
        """
        h = torch.cat([F.pixel_unshuffle(x, SCALE), parent], 1).to(self.stem.weight.dtype)
        return low_frequency_consistency(self._body(h, modulations, parent.shape[-2]))


def low_frequency_consistency(residual: Tensor) -> Tensor:
    """Remove what the parent decides, its colour and coarse shape, from a residual.

    residual: [B, 48, H, W], pixel-unshuffled on the parent's grid, float32.
    Returns [B, 3, 4(H-8), 4(W-8)]: minus its 4x4 averages, blurred over 5x5 parent pixels and
    interpolated linearly. Only what is coarser than about 16 child pixels is held to the parent.
    """
    b, _, height, width = residual.shape
    # The means of the child pixels of each parent pixel, smooth in between, are taken off.
    mean = residual.view(b, 3, SCALE**2, height, width).mean(2)
    coarse = upsample_linearly(blur_evenly(mean))
    return pixel_shuffle(crop(residual, CONSISTENCY_MARGIN)) - coarse
