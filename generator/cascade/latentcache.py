"""Several steps, exactly, with the intermediate states kept per block instead of K margins.

The evaluations of a block are cut into groups of as many as fit their margins into half a block.
What a group ends with, a state, is a pure function of (world, zoom, group, block): each is computed
in a window of one fixed shape from the states before it, down to the noise field, and kept
while there is room. Neighbours use it again. The grid of the states lies half a block further from
group to group, so that a window lies over 2 x 2 blocks of the group before, and what a block needs
grows by half a block per group on each side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.cascade.diffusionstage import denoiser, finish
from generator.cascade.sampler import ddim
from generator.grid.noise import field
from generator.grid.tile import SCALE
from generator.nets.conditioning import Conditioner, to_tensor
from generator.nets.diffusion import ddim_times
from generator.nets.unet import ExactUNet

SIDES = (128, 256, 512)
"""Parent pixels along a block that may be chosen; a product's block is the first, two tiles."""
MOST_GROUPS = 3
LIMIT = 2 << 30
"""Bytes of states kept for later blocks."""

Offset = tuple[int, int]
"""Parent pixels (x, y) from a block's corner to a state's."""


def evaluations_at_once(network: ExactUNet, side: int = SIDES[0]) -> int:
    """Return the evaluations whose margins fit into half a block of `side`, at least one.

    Up to so many steps a block needs no states: this is where the two ways are the same.
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
    the block; resolution: metres per child pixel of each row of it; augmentation: see `Stage`.
    """

    seed: int
    level: int
    x0: int
    y0: int
    width: int
    parent: NDArray[np.uint8]
    resolution: NDArray[np.float64]
    augmentation: float


class BlockSampler:
    """Samples blocks in several steps; not for several threads at once.

    Scenes of one seed and level must be windows of one and the same parent picture: the states are
    kept by address. margin: parent pixels that the whole recursion reads round a block;
    limit: bytes of states kept; side: parent pixels along a block; groups: timesteps of each
    group, the last evaluations first; state_bytes: of one state, float32 [1, 3, 4 side, 4 side],
    which is as exact as what a window hands on from step to step.
    """

    def __init__(
        self, network: ExactUNet, steps: int, limit: int = LIMIT, side: int = SIDES[0]
    ) -> None:
        self.network = network
        self.limit = limit
        self.side = side
        self.state_bytes = 3 * (SCALE * side) ** 2 * 4
        times, each = ddim_times(steps), evaluations_at_once(network, side)
        self.groups = [times[max(0, end - each) : end + 1] for end in range(steps, 0, -each)]
        self._condition = Conditioner(network)
        self._kept: OrderedDict[tuple[int, ...], Tensor] = OrderedDict()
        low = high = 0
        for group in range(len(self.groups) - 1):
            low, high = self._starts(group, low)[0], self._starts(group, high)[-1]
        self.margin = max(-low, high) + self._margin(len(self.groups) - 1)

    @property
    def kept_bytes(self) -> int:
        """Bytes of the states that are kept now."""
        return len(self._kept) * self.state_bytes

    def forget(self) -> None:
        """Drop all states."""
        self._kept.clear()

    def __call__(self, scene: BlockInputs) -> NDArray[np.uint8]:
        """Generate a block: uint8 [4 side, 4 side, 3]."""
        plan = self._plan(scene)
        before: dict[Offset, Tensor] = {}
        with torch.inference_mode():
            # From the noise on, each missing state once; a group's are let go when it is used up.
            while len(plan) > 1:
                states, missing = plan.pop()
                for place in missing:
                    states[place] = self._advance(scene, len(plan), place, before)[1]
                    self._keep(self._key(scene, len(plan), place), states[place])
                before = states
            return finish(*self._advance(scene, 0, (0, 0), before))

    def _plan(self, scene: BlockInputs) -> list[tuple[dict[Offset, Tensor], list[Offset]]]:
        """Per group, from the last back to the first needed: the states held, and those missing."""
        plan: list[tuple[dict[Offset, Tensor], list[Offset]]] = [({}, [(0, 0)])]
        while len(plan) < len(self.groups) and plan[-1][1]:
            group = len(plan) - 1
            needed = {place for user in plan[-1][1] for place in self._sources(group, user)}
            held = {place: self._kept.get(self._key(scene, group + 1, place)) for place in needed}
            found = {place: state for place, state in held.items() if state is not None}
            for place in found:
                self._kept.move_to_end(self._key(scene, group + 1, place))
            plan.append((found, sorted(needed - found.keys())))
        return plan

    def _advance(
        self, scene: BlockInputs, group: int, place: Offset, before: dict[Offset, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Follow one group's evaluations: the window's parent, and what it ends with."""
        margin = self._margin(group)
        side = self.side + 2 * margin
        left, top = place[0] - margin, place[1] - margin
        rows = slice(self.margin + top, self.margin + top + side)
        columns = slice(self.margin + left, self.margin + left + side)
        device = self.network.stem.weight.device
        if group == len(self.groups) - 1:
            x0, y0 = SCALE * (scene.x0 + left), SCALE * (scene.y0 + top)
            size = SCALE * side
            noise = field(scene.seed, scene.level, x0, y0, size, size)
            x = torch.from_numpy(noise)[None].to(device)
        else:
            x = torch.empty(1, 3, SCALE * side, SCALE * side, device=device)
            for source in self._sources(group, place):
                into, start = _overlap(place, source, self.side, margin)
                x[into] = before[source][start]
        image = to_tensor(scene.parent[rows, columns]).to(device)
        denoise = denoiser(self._condition, image, scene.resolution[rows], scene.augmentation)
        return image, ddim(denoise, x, self.groups[group])

    def _margin(self, group: int) -> int:
        """Return the parent pixels that a group's evaluations consume on each side."""
        return self.network.margin * (len(self.groups[group]) - 1)

    def _offset(self, group: int) -> int:
        """Return where the grid of a group's states lies: aligned as without states."""
        later = sum(map(self._margin, range(group)))
        return self.side // 2 * group - later % self.network.alignment

    def _starts(self, group: int, start: int) -> range:
        """Return where, along one axis, the states start that a window of a group lies over."""
        margin, offset = self._margin(group), self._offset(group + 1)
        first = (start - margin - offset) // self.side * self.side + offset
        return range(first, start + self.side + margin, self.side)

    def _sources(self, group: int, place: Offset) -> Iterator[Offset]:
        for y in self._starts(group, place[1]):
            for x in self._starts(group, place[0]):
                yield x, y

    def _key(self, scene: BlockInputs, group: int, place: Offset) -> tuple[int, ...]:
        x, y = (scene.x0 + place[0]) % scene.width, scene.y0 + place[1]
        return scene.seed, scene.level, group, x, y

    def _keep(self, key: tuple[int, ...], state: Tensor) -> None:
        self._kept[key] = state
        while self._kept and self.kept_bytes > self.limit:
            self._kept.popitem(last=False)


TensorSlices = tuple[slice, slice, slice, slice]
"""Of a tensor [1, 3, H, W]."""


def _overlap(
    place: Offset, source: Offset, side: int, margin: int
) -> tuple[TensorSlices, TensorSlices]:
    """Return the pixels shared by a window and a state: in the window, and in the state."""
    spans = []
    for window, state in zip(reversed(place), reversed(source), strict=True):
        low = max(window - margin, state)
        high = min(window + side + margin, state + side)
        spans.append((SCALE * (low - window + margin), SCALE * (low - state), SCALE * (high - low)))
    (y, from_y, height), (x, from_x, width) = spans
    return (
        np.s_[:, :, y : y + height, x : x + width],
        np.s_[:, :, from_y : from_y + height, from_x : from_x + width],
    )
