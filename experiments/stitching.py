"""Five ways to make four neighbouring blocks of a stage, to compare where they meet.

Four of them generate windows of 256 px, each for itself, as a network with ordinary padding does:
the shipped network with zero-padded convolutions, so that values near a window's edge depend on
the window. (A window is mirrored by the few parent pixels that low-frequency consistency takes
off, so that it sees nothing of what lies beyond its edge.) The fifth is the product's own way.
What is shared or not is the noise that a network draws from, or the layout codes of one that draws
layouts.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.scenery import ParentTile
from generator.cascade.cascade import Cascade
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.layoutstage import LayoutStage
from generator.grid.noise import repeated
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import EQUATOR_RESOLUTION, SCALE, STAGE_ZOOMS, TILE_SIZE, Tile
from generator.memory.field import Memory
from generator.memory.jitteredgrid import EARTH, MapSize
from generator.memory.view import ReadFilled
from generator.nets.body import padded
from generator.nets.build import AnyNetwork
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet
from training.errors import TrainingError

WINDOW = TILE_SIZE // SCALE
"""Parent pixels along a window's side."""
PERIOD = TILE_SIZE // 2
"""Side of the repeated noise tile in pixels: half a window, so that overlaps have equal noise."""
INDEPENDENT, OVERLAP, SHARED, OVERLAP_FIELD, EXACT = METHODS = (
    "independent windows",
    "overlap only",
    "overlap + repeated noise tile",
    "overlap + noise field",
    "exact (shipped)",
)


class Stitcher:
    """Makes the picture round the corner where a parent's four children meet, by each method.

    Raises TrainingError for the paper's network, which has its own windows.
    """

    def __init__(self, cascade: Cascade, seed: int) -> None:
        self.cascade, self.seed = cascade, seed
        self._repeating = repeating(cascade)
        self._padded = {
            zoom: _padded(cascade.checkpoint.network_of(zoom), cascade.sampler.steps)
            for zoom in STAGE_ZOOMS
        }

    def children(self, parent: ParentTile) -> Pixels:
        """Return the parent's four children as the product makes them, uint8 [512, 512, 3]."""
        read = reader(self.cascade, parent)
        made = [self.cascade.window(self.seed, tile, read) for tile in parent.children]
        return np.vstack([np.hstack(made[:2]), np.hstack(made[2:])])

    def stitch(self, method: str, parent: ParentTile) -> Pixels:
        """Return 256 x 256 px whose middle is the corner of the four blocks, uint8.

        Blocks of independent windows are whole windows; those of overlapping ones are a window's
        central half. Either way each block fills one quarter of the picture.
        """
        half = TILE_SIZE // 2
        if method == EXACT:
            return centre(self.children(parent))
        whole = np.empty((TILE_SIZE, TILE_SIZE, 3), np.uint8)
        for row in (0, 1):
            for column in (0, 1):
                # Where the window begins, and what is kept of it.
                if method == INDEPENDENT:
                    x0, y0 = WINDOW * (1 + column), WINDOW * (1 + row)
                    left, top = half * (1 - column), half * (1 - row)
                else:
                    x0, y0 = (WINDOW * 5 // 4 + WINDOW // 2 * n for n in (column, row))
                    left = top = half // 2
                window = self.window(method, parent, x0, y0)
                quarter = np.s_[half * row : half * (row + 1), half * column : half * (column + 1)]
                whole[quarter] = window[top : top + half, left : left + half]
        return whole

    def window(self, method: str, parent: ParentTile, x0: int, y0: int) -> Pixels:
        """Generate the window that begins at (x0, y0) of the parent's tile, uint8 [256, 256, 3]."""
        tile = parent.tile
        stage = self._padded[tile.z + 2]
        x, y = TILE_SIZE * tile.x + x0, TILE_SIZE * tile.y + y0
        latent = self._latent(method, parent, Rectangle(x, y, WINDOW, WINDOW))
        # What lies beyond the window is its mirror image, in the parent and in what is drawn from.
        edge = _edge(stage)
        pixels = parent.pixels[y0 : y0 + WINDOW, x0 : x0 + WINDOW]
        mirrored = np.pad(pixels, ((edge, edge), (edge, edge), (0, 0)), "symmetric")
        wide = edge * (latent.shape[1] // WINDOW)
        latent = np.pad(latent, ((0, 0), (wide, wide), (wide, wide)), "symmetric")
        # As in the paper: one resolution for the whole window, that of its middle row.
        mercator = math.pi * (1 - 2 * (y + WINDOW // 2) / (TILE_SIZE << tile.z))
        metres = EQUATOR_RESOLUTION / math.cosh(mercator) / (1 << (tile.z + 2))
        level = self.cascade.sampler.augmentation[STAGE_ZOOMS.index(tile.z + 2)]
        return centre(stage(mirrored, latent, np.full(1, metres), level))

    def _latent(self, method: str, parent: ParentTile, area: Rectangle) -> NDArray[Any]:
        """Return noise or codes of a window: its own, shared with neighbours, or repeated."""
        cascade = self._repeating if method == SHARED else self.cascade
        seed = own_seed(self.seed, area) if method == OVERLAP else self.seed
        return cascade.latent(seed, parent.tile.z + 2, area, reader(self.cascade, parent))


def reader(cascade: Cascade, parent: ParentTile) -> Callable[[Tile], Pixels]:
    """Return what a parent's children are made from: its tile, and around it where layouts are."""
    return parent.read if cascade.memory is None else parent.around


def own_seed(seed: int, area: Rectangle) -> int:
    """Return a seed of a window's own, so that it shares nothing with those that it overlaps."""
    return (seed + 1 + area.x0 * 2**32 + area.y0) % 2**64


def repeating(cascade: Cascade) -> Cascade:
    """Return the same cascade with one tile of noise, or of layouts, repeated.

    The given one is left alone.
    """
    other = copy.copy(cascade)
    other.stages = {zoom: copy.copy(stage) for zoom, stage in cascade.stages.items()}
    for stage in other.stages.values():
        if not isinstance(stage, LayoutStage):
            stage.noise = partial(repeated, period=PERIOD)
    if cascade.memory is not None:
        other.memory = RepeatedMemory(cascade.memory)
    return other


class RepeatedMemory(Memory):
    """A memory of which one tile of PERIOD child pixels is repeated.

    The tile is taken from the middle of the 256 x 256 parent pixels in which a rectangle begins.
    """

    def __init__(self, memory: Memory) -> None:
        # What the other has found out of its banks is shared, not found again.
        vars(self).update(vars(memory))

    def field(
        self,
        seed: int,
        zoom: int,
        area: Rectangle,
        pixels: Callable[[Rectangle], Pixels],
        *,
        filled: ReadFilled | None = None,
        world: MapSize | None = EARTH,
        latitude: float | None = None,
    ) -> NDArray[np.int8]:
        """Return codes as `Memory.field` does."""
        side = PERIOD // SCALE
        first, top = (at // TILE_SIZE * TILE_SIZE + 3 * side for at in (area.x0, area.y0))
        middle = Rectangle(first, top, side, side)
        tile = super().field(
            seed, zoom, middle, pixels, filled=filled, world=world, latitude=latitude
        )
        rows = np.arange(area.y0, area.y0 + area.height) % side
        columns = np.arange(area.x0, area.x0 + area.width) % side
        return np.ascontiguousarray(tile[:, rows[:, None], columns])


def _padded(network: AnyNetwork, steps: int) -> DiffusionStage | LayoutStage:
    """Return a stage of a copy with padded convolutions; raises TrainingError for the paper's."""
    if isinstance(network, PaperUNet):
        raise TrainingError(
            "these weights are of the paper's network; expected those of an exact one or of a "
            "layout decoder, which can be run in every one of the ways that are compared"
        )
    if isinstance(network, ExactUNet):
        return DiffusionStage(padded(copy.deepcopy(network)), steps)
    return LayoutStage(padded(copy.deepcopy(network)))


def _edge(stage: DiffusionStage | LayoutStage) -> int:
    """Return the parent pixels by which a padded stage's window is mirrored on each side.

    Unpadded, the body's coarse grid begins an odd number of pixels into the window; an odd edge
    puts it at the same places here.
    """
    if isinstance(stage, LayoutStage):
        return 1
    shift = 1 if stage.network.context is None else 0
    return stage.network.least_margin * stage.steps + shift


def centre(pixels: Pixels) -> Pixels:
    """Cut the central 256 x 256 px."""
    top, left = ((size - TILE_SIZE) // 2 for size in pixels.shape[:2])
    return pixels[top : top + TILE_SIZE, left : left + TILE_SIZE]
