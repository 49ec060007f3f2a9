"""Copy distance: how far a drawn window is from a real one, wherever and however it lies there.

Maps of stride 8 of a pretrained network, tone evened out, are compared place by place; the least
distance over shifts and the mirror image counts. `whole` shifts a window as one, `tiles` each of
its 64-pixel squares on its own, so that a bent copy is found too.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.pixels import Pixels
from training.losses.perceptual import Perceptual

SIDE = 256
"""Pixels along a window."""
SHIFT = 24
"""Pixels by which a window is shifted at most."""
REGION = SIDE + 2 * SHIFT + 8
"""Pixels along what is looked at of a real picture."""

_STRIDE, _LEVEL = 8, 2
_TILE = 8
_MEAN = 95.0


class CopyDistance:
    """Distances of windows; standardised by the real windows [n, SIDE, SIDE, 3] that are given."""

    def __init__(self, real: Pixels) -> None:
        self._perceptual = Perceptual()
        self._mean, self._scale = torch.zeros(()), torch.ones(())
        maps = self.maps(real)
        self._mean = maps.mean((0, 2, 3), keepdim=True)
        self._scale = maps.std((0, 2, 3), keepdim=True).clamp(min=1e-6)
        self.real = (maps - self._mean) / self._scale

    @torch.inference_mode()
    def maps(self, windows: Pixels) -> Tensor:
        """Standardised maps of uint8 [n, H, W, 3]: [n, C, H/8, W/8]."""
        made = []
        for window in windows:
            # Even the tone out: every channel has the same mean.
            image = torch.from_numpy(window.transpose(2, 0, 1).astype(np.float32))
            image = image * (_MEAN / image.mean((1, 2), keepdim=True).clamp(min=1.0))
            made.append(self._perceptual(image.clamp(0, 255)[None] / 127.5 - 1)[_LEVEL])
        return (torch.cat(made) - self._mean) / self._scale

    @torch.inference_mode()
    def __call__(self, drawn: Tensor, region: Pixels) -> tuple[Tensor, Tensor]:
        """Distances of maps [n, C, 32, 32] from the middle of a region: `whole`, `tiles`, [n] each.

        region: uint8 [REGION, REGION, 3].
        """
        # The region and its mirror image, at four offsets of half a stride.
        side, half = REGION - _STRIDE, _STRIDE // 2
        views = [
            picture[y : y + side, x : x + side]
            for picture in (region, region[:, ::-1])
            for y in (half, 0)
            for x in (half, 0)
        ]
        seen = self.maps(np.ascontiguousarray(np.stack(views)))
        whole = _least(seen, drawn, 1)
        tiles = _least(seen, drawn, SIDE // _STRIDE // _TILE)
        return whole, tiles


def _least(seen: Tensor, drawn: Tensor, count: int) -> Tensor:
    """Least distance over views and shifts, each of count x count tiles shifted on its own.

    seen: [8, C, h, h], the last four mirrored; drawn: [n, C, k, k]. Returns [n].
    """
    # Each tile may be shifted within what surrounds it.
    n, channels, k = drawn.shape[:3]
    tile, shifts = k // count, seen.shape[-1] - k
    corners = [(i * tile, j * tile) for i in range(count) for j in range(count)]
    grown = torch.cat(
        [seen[..., y : y + tile + shifts, x : x + tile + shifts] for y, x in corners], 1
    )
    parts = torch.cat([drawn[..., y : y + tile, x : x + tile] for y, x in corners])
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a b, for all shifts at once.
    product = F.conv2d(grown, parts, groups=len(corners))
    product = product.view(len(seen), len(corners), n, *product.shape[2:])
    power = F.avg_pool2d(grown.square(), tile, 1)
    power = power.view(len(seen), len(corners), channels, *power.shape[2:]).sum(2)
    own = parts.square().sum((1, 2, 3)).view(len(corners), n, 1, 1)
    squares = power[:, :, None] * tile**2 + own - 2 * product
    least = squares.clamp(min=0).flatten(3).amin(-1) / (channels * tile**2)
    # Offsets are free for each tile, the mirror is not.
    mirrors = least.view(2, -1, len(corners), n).amin(1).mean(1)
    nearest: Tensor = mirrors.amin(0).sqrt()
    return nearest
