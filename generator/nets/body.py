"""The U-Net that the exact network and the layout decoder share: unpadded, on the parent's grid.

No layer sees the window's edge, so a pixel's value depends on its neighbourhood alone, whatever the
window.
"""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.grid.tile import SCALE
from generator.nets.blocks import PixelNorm, ResBlock, central_rows, crop_to, silu

Body = TypeVar("Body", bound="UNetBody")


class UNetBody(nn.Module):
    """Two levels of ResBlocks between 48 + 3 channels in and 48 out, one set for each child pixel.

    The names of its layers are those of stored weights. Sides and origins of windows are even.
    """

    def _add_body(
        self, widths: tuple[int, int], blocks: tuple[int, int, int], embedding: int
    ) -> None:
        """Make the layers, the last of which starts at zero; see NetworkConfig for the sizes."""
        wide, deep = widths
        before, middle, after = blocks
        self.stem = nn.Conv2d(3 * SCALE**2 + 3, wide, 3)
        self.before = nn.ModuleList(ResBlock(wide, wide, embedding) for _ in range(before))
        self.down = nn.Conv2d(wide, deep, 2, 2)
        self.middle = nn.ModuleList(ResBlock(deep, deep, embedding) for _ in range(middle))
        self.up = nn.Conv2d(deep, wide * 4, 1)
        self.after = nn.ModuleList(
            ResBlock(2 * wide if i == 0 else wide, wide, embedding) for i in range(after)
        )
        self.norm = PixelNorm(wide)
        self.head = nn.Conv2d(wide, 3 * SCALE**2, 3)
        for value in self.head.parameters():
            nn.init.zeros_(value)

    @property
    def exact(self) -> bool:
        """Say whether the convolutions are unpadded, as they are unless `padded` changed them."""
        return self.stem.padding == (0, 0)

    def modulations(self, embedding: Tensor) -> list[Tensor]:
        """Scale and shift of every ResBlock, in order: [B, E] -> [B, 2C, 1, 1] each."""
        blocks: list[Any] = [*self.before, *self.middle, *self.after]
        return [block.modulation(embedding)[:, :, None, None] for block in blocks]

    def _body(self, h: Tensor, modulations: list[Tensor], height: int) -> Tensor:
        """Run the layers.

        h: [B, 51, H, W]; modulations: as of `modulations`, or [B, 2C, height, 1] for the rows of a
        window in whose middle h lies. Returns [B, 48, H - 2r, W - 2r], float32, r being
        `NetworkConfig.reach`; all if padded.
        """
        each = iter(modulations)
        # The first level, on the parent's grid.
        h = self.stem(h.contiguous(memory_format=torch.channels_last))
        for block in self.before:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        skip = h
        # The second level, on half of it.
        h = self.down(h)
        for block in self.middle:
            h = block(h, central_rows(next(each), height, 2 * h.shape[-2], 2))
        # Back on the parent's grid, beside the skip connection.
        h = F.pixel_shuffle(self.up(h), 2)
        h = torch.cat([h, crop_to(skip, h)], 1)
        for block in self.after:
            h = block(h, central_rows(next(each), height, h.shape[-2]))
        # The 4 x 4 child pixels of each parent pixel.
        out: Tensor = self.head(silu(self.norm(h))).float()
        return out


def padded(network: Body) -> Body:
    """Pad a network's 3x3 convolutions with zeros, so that windows lose less margin.

    For training: values near a window's edge then depend on the window. Never for making tiles.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3):
            module.padding = (1, 1)
    return network
