"""A patch discriminator that sees the child, its colours sixteen times coarser, the resolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.network import frequencies


class Discriminator(nn.Module):
    """Strided convolutions on the child's grid; logits at two scales of patch."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        sizes = (width, 2 * width, 4 * width, 4 * width)
        self.stem = nn.Conv2d(9 * 4, width, 3, padding=1)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(sizes[:-1], sizes[1:], strict=True)
        )
        self.biases = nn.ModuleList(nn.Linear(128, size) for size in sizes)
        self.fine = _logits(sizes[2])
        self.coarse = _logits(sizes[3])

    def forward(self, child: Tensor, coarse: Tensor, gsd: Tensor) -> Tensor:
        """Child and its coarse colours [B, 3, H, W] in [-1, 1], gsd [B] in metres -> [B, N].

        The coarse colours are the same for a real child and for one whose parent was generated,
        so the logits tell how the child looks, never how its parent was made.
        """
        code = frequencies(torch.log2(gsd) / 12)
        # Detail within a parent pixel is faint; it gets planes of its own, amplified.
        smooth = F.interpolate(F.avg_pool2d(child, 4), scale_factor=4.0, mode="bilinear")
        x = torch.cat([10 * (child - smooth), 4 * (child - coarse), coarse], 1)
        h = self.stem(F.pixel_unshuffle(x, 2).contiguous(memory_format=torch.channels_last))
        logits = []
        for level, bias in enumerate(self.biases):
            h = F.leaky_relu(h + bias(code)[:, :, None, None], 0.2)
            if level == 2:
                logits.append(self.fine(h).flatten(1))
            if level < len(self.layers):
                h = self.layers[level](h)
        logits.append(self.coarse(h).flatten(1))
        return torch.cat(logits, 1).float()


def _logits(channels: int) -> nn.Sequential:
    """3x3 and 1x1 convolution to one logit per place."""
    return nn.Sequential(
        nn.Conv2d(channels, channels, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(channels, 1, 1)
    )
