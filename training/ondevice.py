"""Samples made on the device: all imagery in one tensor there, windows cut, toned and degraded.

Does in batches what `training.dataset` does one by one; which windows, `training.plan` decides.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator.grid.tile import SCALE
from training.chain import mirrored
from training.dataset import Samples, toned, toned_base
from training.degradation import MAX_BLUR, MAX_NOISE
from training.degrader import Degrader
from training.plan import Plan, Planner
from training.state import Batch

_CHUNK = 16
"""Windows cut at once: bounds the memory at some 50 MiB per window."""
_TRUNCATE = 3.0
_RADIUS = int(_TRUNCATE * MAX_BLUR + 0.5)


class DeviceSamples:
    """Batches of a split by step, made on `device` from imagery that lies there.

    Parents are degraded as the samples' are: mildly on the device, else by processes of the host,
    `workers` of them.
    """

    def __init__(self, samples: Samples, device: torch.device, workers: int = 0) -> None:
        self.planner, self.device = Planner(samples), device
        kind = samples.degradation
        self._degrader = None if kind == "mild" else Degrader(kind, samples.seed, workers)
        images = self.planner.images
        sizes = torch.tensor([image.height * image.width for image in images])
        self._pixels = torch.empty((int(sizes.sum()), 3), dtype=torch.uint8, device=device)
        self._first = (sizes.cumsum(0) - sizes).to(device)
        self._width = torch.tensor([image.width for image in images], device=device)
        for number, image in enumerate(images):
            first = int(self._first[number])
            # A copy: the folder is mapped read-only.
            whole = toned(image, samples.pyramid.pixels(image)).copy()
            pixels = torch.from_numpy(whole).reshape(-1, 3)
            self._pixels[first : first + len(pixels)] = pixels.to(device)
        bases = np.full((len(images), 3), np.nan, np.float32)
        for number, image in enumerate(images):
            if (base := toned_base(image)) is not None:
                bases[number] = base
        self._base = torch.from_numpy(bases).to(device)

    @property
    def bytes(self) -> int:
        """Bytes of imagery on the device."""
        return self._pixels.numel()

    def batch(self, step: int, groups: tuple[int, ...]) -> Batch:
        """The batch of a step, its groups one behind the other; always the same for a step.

        Returns child [B, 3, 4w, 4w] and parent [B, 3, w, w] in [-1, 1]; gsd (metres per child
        pixel), augmentation and band [B].
        """
        plan = self.planner.draw(step, groups)
        random = torch.Generator(self.device).manual_seed(self.planner.seed * 1_000_003 + step)
        child = torch.cat(
            [self._cut(plan, slice(i, i + _CHUNK)) for i in range(0, len(plan.band), _CHUNK)]
        )
        strength = self._floats(plan.strength)
        parent = F.avg_pool2d(child, SCALE)
        if self._degrader:
            parent = self._degrader(parent, plan.strength, step)
        else:
            parent = degrade(parent, strength, self._floats(plan.noise), random)
        return {
            "child": child.round() / 127.5 - 1,
            "parent": parent / 127.5 - 1,
            "gsd": self._floats(plan.gsd),
            "augmentation": strength,
            "band": torch.from_numpy(plan.band).to(self.device),
        }

    def close(self) -> None:
        """End the processes that degrade parents."""
        if self._degrader:
            self._degrader.close()

    def _floats(self, values: object) -> Tensor:
        return torch.as_tensor(values).to(self.device, torch.float32)

    def _cut(self, plan: Plan, part: slice) -> Tensor:
        """Toned children of some windows, [b, 3, S, S] in [0, 255]."""
        size = self.planner.size
        arrays = (plan.image, plan.top, plan.left, plan.side)
        image, top, left, side = (torch.from_numpy(a[part]).to(self.device) for a in arrays)
        most = int(plan.side[part].max())
        at = torch.minimum(torch.arange(most, device=self.device), side[:, None] - 1)
        rows = self._first[image][:, None] + (top[:, None] + at) * self._width[image][:, None]
        index = rows[:, :, None] + (left[:, None] + at)[:, None, :]
        window = self._pixels[index].float()
        flips = torch.from_numpy(plan.flips[part]).to(self.device)
        resize = resampling(side, size, most)
        down, across = (
            torch.where(flips[:, axis, None, None], resize.flip(1), resize) for axis in (0, 1)
        )
        tall = torch.bmm(down, window.flatten(2)).view(len(side), size, most, 3)
        child = tall.permute(0, 3, 1, 2) @ across.transpose(1, 2)[:, None]
        child = child.clamp(0, 255).round()
        mean = child.mean((2, 3)) + 4.0
        gain = ((self._base[image] + 4.0) / mean).clamp(0.45, 1.8)
        gain = gain ** self._floats(plan.tone[part])[:, None]
        gain = gain.nan_to_num(1.0) * self._floats(plan.gain[part])
        shift = self._floats(plan.shift[part])[:, None]
        child = (child * gain[:, :, None, None] + shift[:, :, None, None]).clamp(0, 255)
        contrast = self._floats(plan.contrast[part])[:, None, None, None]
        colour = self._floats(plan.colour[part])[:, :, None, None]
        mean = child.mean((2, 3), keepdim=True)
        flat = torch.where(colour.isnan(), mean, colour) + contrast * (child - mean)
        return torch.where(contrast == 1, child, flat).clamp(0, 255)


def resampling(side: Tensor, size: int, most: int) -> Tensor:
    """Matrices that bring windows of `side` [B] pixels, of `most` at most, to `size`: [B, S, M].

    Coarser windows are averaged with a Hamming-windowed sinc as Pillow's; those that are too small
    are mirrored at their edges.
    """
    device = side.device
    source = torch.arange(most, device=device)[None, None, :]
    target = torch.arange(size, device=device)[None, :, None]
    extent = side[:, None, None]
    ratio = (extent / size).clamp(min=1.0)
    x = (source + 0.5) / ratio - (target + 0.5)
    weights = torch.sinc(x) * (0.54 + 0.46 * torch.cos(math.pi * x))
    weights = weights * ((x.abs() < 1) & (source < extent))
    weights = weights / weights.sum(2, keepdim=True)
    position = (target - (size - extent).div(2, rounding_mode="floor")).abs()
    position = torch.minimum(position, 2 * (extent - 1) - position)
    return torch.where(extent < size, (source == position).float(), weights)


def degrade(parent: Tensor, strength: Tensor, noise: Tensor, random: torch.Generator) -> Tensor:
    """Blur and noise parents, then round them, as the mild `training.degradation.degrade` does.

    parent: [B, 3, H, W] in [0, 255]; strength, noise: [B] in [0, 1]. Returns the same shape.
    """
    count, _, height, width = parent.shape
    sigma = (MAX_BLUR * strength).clamp(min=1e-3)[:, None]
    at = torch.arange(-_RADIUS, _RADIUS + 1, device=parent.device)
    kernel = torch.exp(-0.5 * (at / sigma).square()) * (
        at.abs() <= (_TRUNCATE * sigma + 0.5).floor()
    )
    kernel = (kernel / kernel.sum(1, keepdim=True)).repeat_interleave(3, 0)[:, None, :, None]
    rows = mirrored(height, -_RADIUS, height + _RADIUS, parent.device)
    columns = mirrored(width, -_RADIUS, width + _RADIUS, parent.device)
    planes = parent[:, :, rows][:, :, :, columns].flatten(0, 1)[None]
    planes = F.conv2d(planes, kernel, groups=3 * count)
    blurred = F.conv2d(planes, kernel.transpose(2, 3), groups=3 * count).view_as(parent)
    grain = torch.randn(parent.shape, generator=random, device=parent.device)
    level = (MAX_NOISE * strength * noise)[:, None, None, None]
    return (blurred + grain * level).round().clamp(0, 255)
