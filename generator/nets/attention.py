"""Self-attention over the pixels of a feature map, and the group norm in float32 beside it."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class GroupNorm(nn.GroupNorm):
    """Group norm over 32 groups of channels, computed in float32 whatever the input is."""

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape and type."""
        weight, bias = self.weight.float(), self.bias.float()
        return F.group_norm(x.float(), self.num_groups, weight, bias, self.eps).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention with a residual, as in ADM (Dhariwal and Nichol 2021).

    width: channels of one head; the number of heads is channels / width. The last layer starts at
    zero.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.norm = GroupNorm(channels)
        self.queries = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        for value in self.out.parameters():
            nn.init.zeros_(value)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> the same shape."""
        b, c, height, width = x.shape
        # Queries, keys and values of all pixels, head by head: [B, heads, pixels, width] each.
        heads = self.queries(self.norm(x)).view(b, 3, c // self.width, self.width, height * width)
        query, key, value = heads.transpose(-1, -2).contiguous().unbind(1)
        # Every pixel takes from all others; the result is added to the input.
        h = F.scaled_dot_product_attention(query, key, value)
        total: Tensor = x + self.out(h.transpose(-1, -2).reshape(b, c, height, width))
        return total
