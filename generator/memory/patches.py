"""Patches of all scenes that one stage may choose, as flat arrays, and as candidates by colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys
from generator.memory.bank import Scene
from generator.memory.config import STEP, WINDOW
from generator.memory.descriptor import GATES, SIZE
from generator.memory.groundterm import GroundTerm

COLOURS_ACROSS = 6, 3
"""Cells (i, j) begin at patches of colour n (i mod n) + j mod n alone, of n squared colours.

n is 6, or 3 where a bank has too little for that.
"""

LEAST = 32
"""Patches that each of 36 colours must have at least."""

_BLOCK = 32
"""Pixels along a square of patches of one colour."""

Integers = NDArray[np.int64]
Gates = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PatchClass:
    """Candidates of one colour, in the order of their patches; N of them.

    patches: int64 [N], indices of `Patches`; rows: float32 [d + 1, N], descriptors and their
    squared length; gates: uint8 [3, N], water, texture, luminance; words: uint32 [N], one random
    word each.
    """

    patches: Integers
    rows: NDArray[np.float32]
    gates: Gates
    words: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Patches:
    """All windows of S scenes, valid or not, scene by scene and row by row; P of them.

    first, rows, columns, heights, widths: int64 [S]; descriptors: int8 [P, d]; gates: uint8
    [P, 3], water, texture, luminance; valid: bool [P]; scene, ys, xs: int64 [P], the scene and
    the centre in it. d: 32, and what a ground term adds.
    """

    first: Integers
    rows: Integers
    columns: Integers
    heights: Integers
    widths: Integers
    descriptors: NDArray[np.int8]
    gates: Gates
    valid: NDArray[np.bool_]
    scene: Integers
    ys: Integers
    xs: Integers
    classes: tuple[PatchClass, ...]

    def colours(self, rows: Integers, columns: Integers) -> Integers:
        """Return the colours of cells; the arrays broadcast together."""
        across = math.isqrt(len(self.classes))
        return rows % across * across + columns % across

    def nearest(self, scene: Integers, ys: Integers, xs: Integers) -> Integers:
        """Return the index of the patch whose centre is nearest to (ys, xs) of a scene.

        The arrays broadcast together.
        """
        half = (WINDOW - STEP) // 2
        row = np.clip((ys - half) // STEP, 0, self.rows[scene] - 1)
        column = np.clip((xs - half) // STEP, 0, self.columns[scene] - 1)
        patch: Integers = self.first[scene] + row * self.columns[scene] + column
        return patch

    def depth(self, scene: Integers, ys: Integers, xs: Integers) -> Integers:
        """Return how far inside its scene a pixel corner lies, negative outside."""
        vertical = np.minimum(ys, self.heights[scene] - ys)
        inside: Integers = np.minimum(vertical, np.minimum(xs, self.widths[scene] - xs))
        return inside


def squared_gaps(asked: NDArray[np.int8], patches: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the squared distances of descriptors int8 [..., d] that broadcast together."""
    # Whole numbers below 2**24: exact in float32, in any order.
    gaps = np.subtract(asked, patches, dtype=np.float32)
    squares: NDArray[np.int64] = np.einsum("...d,...d->...", gaps, gaps).astype(np.int64)
    return squares


def mean_luminance(gates: Gates) -> Gates:
    """Return the mean luminance of gates uint8 [..., 5]."""
    r, g, b = (gates[..., k].astype(np.int16) for k in (2, 3, 4))
    return ((r + 2 * g + b) >> 2).astype(np.uint8)


def compared_gates(gates: Gates) -> Gates:
    """Return what is compared of gates uint8 [..., 5]: uint8 [..., 3]."""
    return np.stack([gates[..., 0], gates[..., 1], mean_luminance(gates)], -1)


def collect_patches(scenes: Sequence[Scene], ground: GroundTerm | None = None) -> Patches:
    """Lay the windows of scenes out flat, and the valid ones as candidates in 36 or nine colours.

    ground: adds its numbers to the descriptors.
    """
    # Sizes of the scenes' grids, and each patch's place in its own.
    grids = np.array([scene.valid.shape for scene in scenes], np.int64).reshape(-1, 2)
    sizes = grids.prod(1)
    rows, columns = grids.T
    scene = np.repeat(np.arange(len(scenes)), sizes)
    first = sizes.cumsum() - sizes
    row, column = np.divmod(np.arange(len(scene)) - first[scene], columns[scene])
    # Descriptors, gates and validity of all scenes, one after the other.
    shapes = np.array([scene.shape for scene in scenes], np.int64).reshape(-1, 2)
    described = [scene.descriptors for scene in scenes]
    if ground is not None:
        described = [np.concatenate([s.descriptors, ground.of_scene(s)], 2) for s in scenes]
    descriptors = [each.reshape(-1, each.shape[2]) for each in described]
    size = descriptors[0].shape[1] if descriptors else SIZE
    gates = [scene.gates.reshape(-1, GATES) for scene in scenes]
    valid = [scene.valid.ravel() for scene in scenes]
    ys, xs = (WINDOW // 2 + STEP * at for at in (row, column))
    flat = _FlatPatches(
        np.concatenate([np.empty((0, size), np.int8), *descriptors]),
        compared_gates(np.concatenate([np.empty((0, GATES), np.uint8), *gates])),
        np.concatenate([np.empty(0, bool), *valid]),
    )
    return Patches(
        first, rows, columns, shapes[:, 0], shapes[:, 1], flat.descriptors, flat.gates, flat.valid,
        scene, ys, xs, _classes(flat, scene, ys, xs),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _FlatPatches:
    """Descriptors int8 [P, d], gates uint8 [P, 3] and validity bool [P] of all patches."""

    descriptors: NDArray[np.int8]
    gates: Gates
    valid: NDArray[np.bool_]


def _classes(
    flat: _FlatPatches, scene: Integers, ys: Integers, xs: Integers
) -> tuple[PatchClass, ...]:
    """Sort the valid patches by colour; a colour without any is given all of them."""
    words = keys(scene, ys, xs).astype(np.uint32)
    every = np.flatnonzero(flat.valid)
    # Colours lie in squares of a scene, moved by chance from scene to scene.
    shift = keys(scene, 1).astype(np.int64) & 0xFFFF
    chosen: list[Integers] = []
    for across in COLOURS_ACROSS:
        row, column = ys // _BLOCK + shift % across, xs // _BLOCK + shift // across % across
        colour = row % across * across + column % across
        chosen = [np.flatnonzero(flat.valid & (colour == k)) for k in range(across * across)]
        if min(map(len, chosen)) >= LEAST:
            break
    found = []
    for patches in (part if len(part) else every for part in chosen):
        # Descriptors beside their squared lengths, so that one product gives all distances.
        wide = flat.descriptors[patches].astype(np.float32)
        lengths = (wide * wide).sum(1, keepdims=True)
        matrix = np.ascontiguousarray(np.concatenate([wide, lengths], 1).T)
        gates = np.ascontiguousarray(flat.gates[patches].T)
        found.append(PatchClass(patches, matrix, gates, words[patches]))
    return tuple(found)
