"""The encoder of the paper's condition: residual-in-residual dense blocks (RRDBNet).

The paper names RRDBNet [41], "upsampling and convolution layers" behind it and concatenation with
the noisy image (Eq. 12). What it leaves open is ESRGAN's: 23 blocks of 64 features that grow by
32, residuals scaled by 0.2, leaky rectifiers of slope 0.2, two nearest-neighbour upsamplings. Only
the last convolution, which would make an image, is left out: its 64 features are the result.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_RESIDUAL = 0.2
_SLOPE = 0.2


class DenseBlock(nn.Module):
    """Five convolutions that each see all features before them; keeps the shape."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(features + i * growth, growth if i < 4 else features, 3, padding=1)
            for i in range(5)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, H, W] -> the same shape."""
        # Every convolution sees the input and all results before its own.
        seen = x
        for conv in self.convs[:-1]:
            seen = torch.cat([seen, F.leaky_relu(conv(seen), _SLOPE)], 1)
        total: Tensor = x + _RESIDUAL * self.convs[-1](seen)
        return total


class ResidualDenseBlocks(nn.Module):
    """Three dense blocks with a residual round them (an RRDB); keeps the shape."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(DenseBlock(features, growth) for _ in range(3)))

    def forward(self, x: Tensor) -> Tensor:
        """[B, F, H, W] -> the same shape."""
        total: Tensor = x + _RESIDUAL * self.blocks(x)
        return total


class ConditionEncoder(nn.Module):
    """Parent image to features on the child's grid, E and its upsampling in Eq. 12.

    blocks: RRDBs; features: channels throughout and of the result; growth: of the dense blocks.
    """

    def __init__(self, blocks: int, features: int, growth: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, features, 3, padding=1)
        self.trunk = nn.Sequential(*(ResidualDenseBlocks(features, growth) for _ in range(blocks)))
        self.last = nn.Conv2d(features, features, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(features, features, 3, padding=1) for _ in range(2))
        self.out = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, parent: Tensor) -> Tensor:
        """[B, 3, H, W] in [-1, 1] -> [B, F, 4H, 4W]."""
        # Features on the grid of the parent.
        h = self.first(parent)
        h = h + self.last(self.trunk(h))
        # Twice enlarged by two, to the grid of the child.
        for conv in self.up:
            h = F.leaky_relu(conv(F.interpolate(h, scale_factor=2, mode="nearest")), _SLOPE)
        features: Tensor = F.leaky_relu(self.out(h), _SLOPE)
        return features
