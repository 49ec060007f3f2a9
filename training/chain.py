"""Parents that the network makes itself, so that it learns to continue its own chains."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.blocks import crop_to
from generator.diffusion import RESIDUAL_GAIN
from generator.network import SCALE, ExactUNet, upsample

GRANDCHILD = SCALE * SCALE


def mirrored(size: int, first: int, last: int, device: torch.device) -> Tensor:
    """Positions first..last-1 of an axis of `size`, mirrored at its ends again and again."""
    position = torch.arange(first, last, device=device) % (2 * size)
    return torch.where(position < size, position, 2 * size - 1 - position)


@torch.no_grad()
def generated_parent(
    network: ExactUNet,
    child: Tensor,
    gsd: Tensor,
    augmentation: Tensor,
    margin: int,
    random: torch.Generator,
) -> Tensor:
    """Make the parent of a real child from the child averaged by 16, in one step.

    network: padded; child: [B, 3, 16k, 16k] in [-1, 1]; gsd: metres per child pixel, [B].
    The grandparent is mirrored at its edges by an even `margin` of its pixels.
    Returns [B, 3, 4k, 4k], rounded to 8 bits.
    """
    grandparent = F.avg_pool2d(child, GRANDCHILD)
    size = grandparent.shape[-1]
    aligned = size + -size % network.alignment
    index = mirrored(size, -margin, aligned + margin, child.device)
    window = grandparent[:, :, index][:, :, :, index]
    noise = torch.randn(
        (len(child), 3, SCALE * window.shape[-1], SCALE * window.shape[-1]),
        generator=random,
        device=child.device,
    )
    time = torch.ones(len(child), device=child.device)
    with torch.autocast(child.device.type, torch.bfloat16):
        code = network.embedding(time, gsd * SCALE, augmentation)
        residual = network(noise, window, network.modulations(code))
    parent = crop_to(upsample(window), residual) + residual / RESIDUAL_GAIN
    first = SCALE * (margin - network.least_margin)
    parent = parent[..., first : first + SCALE * size, first : first + SCALE * size]
    rounded: Tensor = ((parent.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    return rounded
