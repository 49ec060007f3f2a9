"""Five ways to make four neighbouring blocks of a stage, to compare where they meet.

Four of them generate windows of 256 px, each for itself, as a network with ordinary padding does:
the shipped network with zero-padded convolutions, so that values near a window's edge depend on
the window. (A window is mirrored by the few parent pixels that pinning takes off, so that it sees
nothing of what lies beyond its edge.) The fifth is the product's own way.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from generator.cascade import Cascade, Pixels
from generator.network import SCALE, ExactUNet, padded
from generator.noise import field, repeated
from generator.stage import Stage
from generator.tile import EQUATOR_RESOLUTION, STAGE_ZOOMS, TILE_SIZE
from training.errors import TrainingError
from training.scenery import Scene

WINDOW = TILE_SIZE // SCALE
"""Parent pixels along a window's side."""
PERIOD = TILE_SIZE // 2
"""Side of the repeated noise tile in pixels: half a window, so that overlaps have equal noise."""
_OWN = 16
"""Added to the noise level where each window has noise of its own."""

Noise = Callable[[int, int, int, int, int, int], NDArray[np.float32]]
"""(seed, level, x0, y0, width, height) -> [3, height, width]; see `generator.noise.field`."""

INDEPENDENT, OVERLAP, SHARED, OVERLAP_FIELD, EXACT = METHODS = (
    "independent windows",
    "overlap only",
    "overlap + repeated noise tile",
    "overlap + noise field",
    "exact (shipped)",
)


class Joiner:
    """Makes the picture round the corner where a scene's four children meet, by each method.

    Raises TrainingError for the paper's network, which has its own windows.
    """

    def __init__(self, cascade: Cascade, seed: int) -> None:
        network = cascade.checkpoint.network
        if not isinstance(network, ExactUNet):
            raise TrainingError(
                "these weights are of the paper's network; expected those of an exact one, "
                "which can be run in every one of the ways that are compared"
            )
        self.cascade, self.seed = cascade, seed
        self._padded = {
            zoom: Stage(padded(copy.deepcopy(own)), cascade.sampler.steps)
            for zoom in STAGE_ZOOMS
            if isinstance(own := cascade.checkpoint.network_of(zoom), ExactUNet)
        }

    def children(self, scene: Scene) -> Pixels:
        """Return the scene's four children as the product makes them, uint8 [512, 512, 3]."""
        made = [self.cascade.window(self.seed, tile, scene.read) for tile in scene.children]
        return np.vstack([np.hstack(made[:2]), np.hstack(made[2:])])

    def join(self, method: str, scene: Scene) -> Pixels:
        """Return 256 x 256 px whose middle is the corner of the four blocks, uint8.

        Blocks of independent windows are whole windows; those of overlapping ones are a window's
        central half. Either way each block fills one quarter of the picture.
        """
        half = TILE_SIZE // 2
        if method == EXACT:
            return centre(self.children(scene))
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
                window = self.window(method, scene, x0, y0)
                quarter = np.s_[half * row : half * (row + 1), half * column : half * (column + 1)]
                whole[quarter] = window[top : top + half, left : left + half]
        return whole

    def window(self, method: str, scene: Scene, x0: int, y0: int) -> Pixels:
        """Generate the window that begins at (x0, y0) of the scene's tile, uint8 [256, 256, 3]."""
        tile = scene.tile
        stage = self._padded[tile.z + 2]
        x, y = TILE_SIZE * tile.x + x0, TILE_SIZE * tile.y + y0
        noise = self._noise(method)(
            self.seed, tile.z + 2, SCALE * x, SCALE * y, TILE_SIZE, TILE_SIZE
        )
        # Unpadded, the body's coarse grid begins an odd number of pixels into the window; a
        # further pixel at the edge puts it at the same places here.
        shift = 1 if stage.network.context is None else 0
        edge = stage.network.least_margin * stage.steps + shift
        parent = scene.pixels[y0 : y0 + WINDOW, x0 : x0 + WINDOW]
        mirrored = np.pad(parent, ((edge, edge), (edge, edge), (0, 0)), "symmetric")
        wide = SCALE * edge
        noise = np.pad(noise, ((0, 0), (wide, wide), (wide, wide)), "symmetric")
        # As the paper's: one resolution for the whole window, that of its middle row.
        mercator = math.pi * (1 - 2 * (y + WINDOW // 2) / (TILE_SIZE << tile.z))
        metres = EQUATOR_RESOLUTION / math.cosh(mercator) / (1 << (tile.z + 2))
        strength = self.cascade.sampler.augmentation[STAGE_ZOOMS.index(tile.z + 2)]
        made = stage(mirrored, noise, np.full(1, metres), strength)
        return centre(made)

    def _noise(self, method: str) -> Noise:
        if method == SHARED:
            return partial(repeated, period=PERIOD)
        return own if method == OVERLAP else field


def own(seed: int, level: int, x0: int, y0: int, width: int, height: int) -> NDArray[np.float32]:
    """Noise of a window that shares none with the windows it overlaps by half or more.

    Windows half their size apart read rectangles of another field that lie side by side; see
    `generator.noise.field`.
    """
    columns, rows = 2 * x0 // width, 2 * y0 // height
    return field(seed, level + _OWN, columns * width, rows * height, width, height)


def repeating(cascade: Cascade) -> Cascade:
    """Return the same cascade with the repeated noise tile; the given one is left alone."""
    other = copy.copy(cascade)
    other.stages = {zoom: copy.copy(stage) for zoom, stage in cascade.stages.items()}
    for stage in other.stages.values():
        stage.noise = partial(repeated, period=PERIOD)
    return other


def centre(pixels: Pixels) -> Pixels:
    """Cut the central 256 x 256 px."""
    top, left = ((size - TILE_SIZE) // 2 for size in pixels.shape[:2])
    return pixels[top : top + TILE_SIZE, left : left + TILE_SIZE]
