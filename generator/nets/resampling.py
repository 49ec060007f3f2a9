"""Separable filters of images on the parent's grid: blurs, and interpolation by SCALE.

All are unpadded, so that a pixel depends on its neighbourhood alone.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE

BINOMIAL = (0.0, 1.0, 4.5, 10.0, 4.5, 1.0, 0.0)
"""Weights of the blur of `blur_evenly`; the outer zeros keep margins, and so all windows, even."""


def upsample(parent: Tensor) -> Tensor:
    """Cubic (Catmull-Rom) interpolation by 4: [B, 3, H, W] -> [B, 3, 4(H-4), 4(W-4)]."""
    return _interpolated(parent, _cubic_kernel(parent.device))


def upsample_linearly(x: Tensor) -> Tensor:
    """Linear interpolation by 4: [B, C, H, W] -> [B, C, 4(H-2), 4(W-2)]."""
    return _interpolated(x, _linear_kernel(x.device))


def blur_evenly(x: Tensor) -> Tensor:
    """Blur over 5 x 5 pixels, near a Gaussian: [B, C, H, W] -> [B, C, H-6, W-6]."""
    taps = torch.tensor(BINOMIAL, device=x.device) / sum(BINOMIAL)
    planes = separable(x.reshape(-1, 1, *x.shape[-2:]), taps[None])
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def separable(planes: Tensor, taps: Tensor) -> Tensor:
    """Filter planes down and across, each group of channels by its own taps.

    planes: [N, G, H, W]; taps: [G, 2r + 1]. Returns [N, G, H - 2r, W - 2r].
    """
    kernels = taps[:, None]
    down = F.conv2d(planes, kernels[..., None], groups=len(taps))
    return F.conv2d(down, kernels[:, :, None], groups=len(taps))


def pixel_shuffle(x: Tensor) -> Tensor:
    """Return torch's `pixel_shuffle` by SCALE, [B, 16 C, H, W] -> [B, C, 4 H, 4 W].

    As one copy it takes a third of the time, for float32 on a processor.
    """
    batch, channels, height, width = x.shape
    parts = x.reshape(batch, channels // SCALE**2, SCALE, SCALE, height, width)
    planes = parts.permute(0, 1, 4, 2, 5, 3)
    return planes.reshape(batch, channels // SCALE**2, SCALE * height, SCALE * width)


def _interpolated(x: Tensor, kernel: Tensor) -> Tensor:
    planes = F.conv2d(x.reshape(-1, 1, *x.shape[-2:]), kernel)
    planes = pixel_shuffle(planes)
    return planes.view(*x.shape[:2], *planes.shape[-2:])


def _cubic_weight(distance: float) -> float:
    """Return the weight of Keys' cubic kernel with a = -1/2 at a distance in pixels."""
    d = abs(distance)
    if d < 1:
        return 1.5 * d**3 - 2.5 * d**2 + 1
    return -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2 if d < 2 else 0.0


def _kernel(reach: int, weight: list[list[float]], device: torch.device) -> Tensor:
    """Return the kernels of all SCALE x SCALE child pixels, [16, 1, 2 reach + 1, 2 reach + 1]."""
    taps = torch.tensor(weight, dtype=torch.float32, device=device)
    size = 2 * reach + 1
    return torch.einsum("iy,jx->ijyx", taps, taps).reshape(SCALE**2, 1, size, size).contiguous()


def _offsets() -> list[float]:
    """Return where the child pixels' centres lie from their parent's, in parent pixels."""
    return [(phase + 0.5) / SCALE - 0.5 for phase in range(SCALE)]


def _linear_kernel(device: torch.device) -> Tensor:
    # Weights of three and five parent pixels for each of the four child pixels along an axis.
    rows = [[max(0.0, 1 - abs(tap - at)) for tap in (-1, 0, 1)] for at in _offsets()]
    return _kernel(1, rows, device)


def _cubic_kernel(device: torch.device) -> Tensor:
    rows = [[_cubic_weight(tap - at) for tap in (-2, -1, 0, 1, 2)] for at in _offsets()]
    return _kernel(2, rows, device)
