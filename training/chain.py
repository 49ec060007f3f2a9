"""Parents that the network makes itself, so that it learns to continue its own chains.

Gradients pass through every stage of a chain: a stage can only move what is finer than about 16 of
its pixels, so what is wrong and coarser has to be put right by those before it. They are cheap
beside the last, each a sixteenth of the next one's area.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import crop_to
from generator.nets.diffusion import RESIDUAL_GAIN
from generator.nets.resampling import upsample
from generator.nets.unet import ExactUNet

GRANDCHILD = SCALE * SCALE


def mirrored(size: int, first: int, last: int, device: torch.device) -> Tensor:
    """Positions first..last-1 of an axis of `size`, mirrored at its ends again and again."""
    position = torch.arange(first, last, device=device) % (2 * size)
    return torch.where(position < size, position, 2 * size - 1 - position)


def generated_parent(
    network: ExactUNet,
    child: Tensor,
    gsd: Tensor,
    augmentation: Tensor,
    margin: int,
    random: torch.Generator,
    hops: int = 1,
    contrast: float = 1.0,
) -> Tensor:
    """Make the parent of a real child by a chain of `hops` stages, one step each.

    The chain starts from the child averaged by 4^(hops+1), mirrored again and again beyond its
    edges, so that any number of stages has something to stand on. contrast: of that start, beside
    its own; where the base map is fainter than imagery, a chain has to win the contrast back.
    network: padded; child: [B, 3, 16k, 16k] in [-1, 1]; gsd: metres per child pixel, [B];
    margin: even, pixels round each window. Returns [B, 3, 4k, 4k], rounded to 8 bits, with the
    gradient of what was not rounded.
    """
    real = F.avg_pool2d(child, GRANDCHILD)
    mean = real.mean((2, 3), keepdim=True)
    real = mean + contrast * (real - mean)
    spans = _spans(real.shape[-1], margin, hops, network.alignment)
    coarser = SCALE ** (hops - 1)
    first, last = spans[hops]
    index = mirrored(real.shape[-1], first * coarser, last * coarser, child.device)
    window = F.avg_pool2d(real[:, :, index][:, :, :, index], coarser)
    for hop in range(hops, 0, -1):
        made = one_step(network, window, gsd * SCALE**hop, augmentation, random)
        start = spans[hop - 1][0] - SCALE * (spans[hop][0] + network.least_margin)
        side = spans[hop - 1][1] - spans[hop - 1][0]
        window = made[..., start : start + side, start : start + side]
    return window


def _spans(size: int, margin: int, hops: int, alignment: int) -> list[tuple[int, int]]:
    """First and last pixel of each generation's window: the parent's, the grandparent's, ..."""
    spans = [(0, SCALE * size)]
    for _ in range(hops):
        first = spans[-1][0] // SCALE - margin
        last = -(-spans[-1][1] // SCALE) + margin
        spans.append((first, last + -(last - first) % alignment))
    return spans


def one_step(
    network: ExactUNet, window: Tensor, gsd: Tensor, augmentation: Tensor, random: torch.Generator
) -> Tensor:
    """One stage in one step, rounded to 8 bits, as training sees it; its gradient is not rounded.

    network: padded; window: parents [B, 3, w, w] in [-1, 1]; gsd: metres per child pixel and
    augmentation, [B]. Returns children [B, 3, 4(w-2m), 4(w-2m)], m the network's least margin.
    """
    side = SCALE * window.shape[-1]
    noise = torch.randn((len(window), 3, side, side), generator=random, device=window.device)
    time = torch.ones(len(window), device=window.device)
    with torch.autocast(window.device.type, torch.bfloat16):
        code = network.embedding(time, gsd, augmentation)
        residual = network(noise, window, network.modulations(code))
    image = crop_to(upsample(window), residual) + residual / RESIDUAL_GAIN
    plain = image.detach()
    rounded = ((plain.clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
    passed: Tensor = rounded + (image - plain)
    return passed
