"""Several steps, exactly, with the intermediate latents kept per block instead of K margins.

The evaluations of a block are cut into groups of as many as fit their margins into half a block.
What a group ends with, a latent, is a pure function of (world, zoom, group, block): each is
computed in a window of one fixed shape from the latents before it, down to the noise field, and
kept while there is room. Neighbours use it again. The grid of the latents lies half a block further
from group to group, so that a window lies over 2 x 2 blocks of the group before, and what a block
needs grows by half a block per group on each side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.cascade.diffusionstage import denoiser, finish
from generator.cascade.latentcache import LatentCache
from generator.cascade.sampler import ddim
from generator.grid.noise import field
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.nets.conditioning import Conditioner, to_tensor
from generator.nets.diffusion import ddim_times
from generator.nets.unet import ExactUNet

SIDES = (128, 256, 512)
"""Parent pixels along a block that may be chosen; a product's block is the first, two tiles."""
MOST_GROUPS = 3
LIMIT = 2 << 30
"""Bytes of latents kept for later blocks."""

Offset = tuple[int, int]
"""Parent pixels (x, y) from a block's corner to a latent's."""
Latents = dict[Offset, Tensor]


def evaluations_at_once(network: ExactUNet, side: int = SIDES[0]) -> int:
    """Return the evaluations whose margins fit into half a block of `side`, at least one.

    Up to so many steps a block needs no latents: this is where the two ways are the same.
    """
    return max(1, side // 2 // network.margin)


def side_for(network: ExactUNet, steps: int) -> int:
    """Return the least side that takes `steps` in at most MOST_GROUPS groups, or the largest.

    More groups cost more in a region than larger blocks do, and the first tile as much.
    """
    enough = (s for s in SIDES if MOST_GROUPS * evaluations_at_once(network, s) >= steps)
    return next(enough, SIDES[-1])


@dataclass(frozen=True, slots=True)
class BlockInputs:
    """What a block is made from.

    seed, level: of the noise field; x0, y0: the block's first parent pixel, multiples of its side;
    width: parent pixels round the world; parent: uint8 [side + 2 margin, side + 2 margin, 3] round
    the block; resolution: metres per child pixel of each row of it; augmentation: level in [0, 1].
    """

    seed: int
    level: int
    x0: int
    y0: int
    width: int
    parent: Pixels
    resolution: NDArray[np.float64]
    augmentation: float


class BlockSampler:
    """Samples blocks in several steps; not for several threads at once.

    Inputs of one seed and level must be windows of one and the same parent picture: the latents
    are kept by address. margin: parent pixels that the whole recursion reads round a block;
    limit: bytes of latents kept; side: parent pixels along a block; groups: timesteps of each
    group, the last evaluations first; latents: float32 [1, 3, 4 side, 4 side] each, which is as
    exact as what a window hands on from step to step.
    """

    def __init__(
        self, network: ExactUNet, steps: int, limit: int = LIMIT, side: int = SIDES[0]
    ) -> None:
        self.network = network
        self.side = side
        self.latents = LatentCache(limit, 3 * (SCALE * side) ** 2 * 4)
        times, each = ddim_times(steps), evaluations_at_once(network, side)
        self.groups = [times[max(0, end - each) : end + 1] for end in range(steps, 0, -each)]
        self._condition = Conditioner(network)
        # The recursion's reach: the first and last latents of every group, back to the noise.
        low = high = 0
        for group in range(len(self.groups) - 1):
            low, high = self._starts(group, low)[0], self._starts(group, high)[-1]
        self.margin = max(-low, high) + self._margin(len(self.groups) - 1)

    def __call__(self, inputs: BlockInputs) -> Pixels:
        """Generate a block: uint8 [4 side, 4 side, 3]."""
        plan = self._plan(inputs)
        before: Latents = {}
        with torch.inference_mode():
            # From the noise on, each missing latent once; a group's are let go when it is used up.
            while len(plan) > 1:
                latents, missing = plan.pop()
                for offset in missing:
                    latents[offset] = self._advance(inputs, len(plan), offset, before)[1]
                    self.latents.keep(self._key(inputs, len(plan), offset), latents[offset])
                before = latents
            return finish(*self._advance(inputs, 0, (0, 0), before))

    def _plan(self, inputs: BlockInputs) -> list[tuple[Latents, list[Offset]]]:
        """Return per group, from the last back to the first needed, latents kept and missing."""
        plan: list[tuple[Latents, list[Offset]]] = [({}, [(0, 0)])]
        while len(plan) < len(self.groups) and plan[-1][1]:
            group = len(plan) - 1
            needed = {offset for user in plan[-1][1] for offset in self._sources(group, user)}
            found: Latents = {}
            for offset in needed:
                latent = self.latents.get(self._key(inputs, group + 1, offset))
                if latent is not None:
                    found[offset] = latent
            plan.append((found, sorted(needed - found.keys())))
        return plan

    def _advance(
        self, inputs: BlockInputs, group: int, offset: Offset, before: Latents
    ) -> tuple[Tensor, Tensor]:
        """Follow one group's evaluations: the window's parent, and what it ends with."""
        margin = self._margin(group)
        side = self.side + 2 * margin
        left, top = offset[0] - margin, offset[1] - margin
        rows = slice(self.margin + top, self.margin + top + side)
        columns = slice(self.margin + left, self.margin + left + side)
        image = to_tensor(inputs.parent[rows, columns]).to(self.network.stem.weight.device)
        # The first group starts from the noise, the others from the latents of the one before.
        if group == len(self.groups) - 1:
            x0, y0 = SCALE * (inputs.x0 + left), SCALE * (inputs.y0 + top)
            noise = field(inputs.seed, inputs.level, x0, y0, SCALE * side, SCALE * side)
            x = torch.from_numpy(noise)[None].to(image.device)
        else:
            x = torch.empty(1, 3, SCALE * side, SCALE * side, device=image.device)
            for source in self._sources(group, offset):
                into, start = _overlap(offset, source, self.side, margin)
                x[into] = before[source][start]
        denoise = denoiser(self._condition, image, inputs.resolution[rows], inputs.augmentation)
        return image, ddim(denoise, x, self.groups[group])

    def _margin(self, group: int) -> int:
        """Return the parent pixels that a group's evaluations consume on each side."""
        return self.network.margin * (len(self.groups[group]) - 1)

    def _starts(self, group: int, start: int) -> range:
        """Return where, along one axis, the latents start that a window of a group lies over."""
        margin, offset = self._margin(group), self.side // 2 * (group + 1)
        first = (start - margin - offset) // self.side * self.side + offset
        return range(first, start + self.side + margin, self.side)

    def _sources(self, group: int, offset: Offset) -> Iterator[Offset]:
        """Yield the latents of the group before that a window of a group lies over."""
        for y in self._starts(group, offset[1]):
            for x in self._starts(group, offset[0]):
                yield x, y

    def _key(self, inputs: BlockInputs, group: int, offset: Offset) -> tuple[int, ...]:
        """Return the address of a latent in its world."""
        x, y = (inputs.x0 + offset[0]) % inputs.width, inputs.y0 + offset[1]
        return inputs.seed, inputs.level, group, x, y


TensorSlices = tuple[slice, slice, slice, slice]
"""Of a tensor [1, 3, H, W]."""


def _overlap(
    offset: Offset, source: Offset, side: int, margin: int
) -> tuple[TensorSlices, TensorSlices]:
    """Return the pixels shared by a window and a latent: in the window, and in the latent."""
    spans = []
    for window, latent in zip(reversed(offset), reversed(source), strict=True):
        low = max(window - margin, latent)
        high = min(window + side + margin, latent + side)
        size = SCALE * (high - low)
        spans.append((SCALE * (low - window + margin), SCALE * (low - latent), size))
    (y, from_y, height), (x, from_x, width) = spans
    return (
        np.s_[:, :, y : y + height, x : x + width],
        np.s_[:, :, from_y : from_y + height, from_x : from_x + width],
    )
