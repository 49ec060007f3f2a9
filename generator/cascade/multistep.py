"""Blocks of networks that take more steps than have their margins in half a block.

Each network has a `BlockSampler` with its cache of intermediate latents; what is sampled with a
block is kept for a while, because it may hold other blocks too.
"""

from __future__ import annotations

from generator.cascade.blocksampler import (
    LIMIT,
    BlockInputs,
    BlockSampler,
    evaluations_at_once,
    side_for,
)
from generator.cascade.checkpoint import Checkpoint
from generator.cascade.renderer import PixelCache
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.nets.unet import ExactUNet

FINISHED = 8
"""Sampled windows whose pixels are kept for the other blocks in them."""


class MultiStepSampler:
    """Samples windows of several steps for all stages; not for several threads at once.

    side: parent pixels along a window, which lies on a grid of that size; margin: parent pixels
    that are read round it on each side; common: the sampler of stages without their own network.
    """

    def __init__(self, common: ExactUNet, own: dict[int, ExactUNet], steps: int) -> None:
        # One size of window for all, and the room for latents shared among the networks.
        side, limit = side_for(common, steps), LIMIT // (1 + len(own))
        self.common = BlockSampler(common, steps, limit, side)
        self._own = {z: BlockSampler(network, steps, limit, side) for z, network in own.items()}
        self.side, self.margin = side, self.common.margin
        self._finished = PixelCache(FINISHED)

    @classmethod
    def of(cls, checkpoint: Checkpoint, steps: int) -> MultiStepSampler | None:
        """Return the sampler that weights need for so many steps, None where a window has room."""
        common = checkpoint.network
        if not isinstance(common, ExactUNet) or steps <= evaluations_at_once(common):
            return None
        networks = checkpoint.specialists.items()
        own = {zoom: network for zoom, network in networks if isinstance(network, ExactUNet)}
        return cls(common, own, steps)

    def window_over(self, core: Rectangle) -> Rectangle:
        """Return the window of the grid that a block lies in, both in parent pixels."""
        x0, y0 = (start // self.side * self.side for start in (core.x0, core.y0))
        return Rectangle(x0, y0, self.side, self.side)

    def finished(self, seed: int, zoom: int, window: Rectangle) -> Pixels | None:
        """Return a window's pixels, uint8 [4 side, 4 side, 3], None where they are not kept."""
        return self._finished.get((seed, zoom, window.x0, window.y0))

    def __call__(self, inputs: BlockInputs) -> Pixels:
        """Sample a window and keep its pixels: uint8 [4 side, 4 side, 3]."""
        made = self._own.get(inputs.level, self.common)(inputs)
        self._finished.put((inputs.seed, inputs.level, inputs.x0, inputs.y0), made)
        return made
