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
from generator.memory.groundterm import GroundTerm, built_up
from generator.memory.orientation import ORIENTATIONS, PLAIN, centres, oriented

COLOURS_ACROSS = 6, 3
"""Cells (i, j) begin at patches of colour n (i mod n) + j mod n alone, of n squared colours.

n is 6, or 3 where a bank has too little for that.
"""

LEAST = 32
"""Patches that each of 36 colours must have at least."""

_BLOCK = 32
"""Pixels along a square of patches of one colour."""

_APART = 3
"""Cells between two that begin at the same ground, in any orientation, where there are 36."""

Integers = NDArray[np.int64]
Gates = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PatchClass:
    """Candidates of one colour, in the order of their patches; N of them.

    patches: int64 [N], indices of `Patches`; rows: float32 [d + 1, N], descriptors and their
    squared length; gates: uint8 [3 or 4, N] as of `Patches`; words: uint32 [N], one random
    word each.
    """

    patches: Integers
    rows: NDArray[np.float32]
    gates: Gates
    words: NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Patches:
    """All windows of S scenes, valid or not, scene by scene and row by row; P of them.

    A scene that is shown in several orientations counts as so many: those as they are first.
    first, rows, columns, heights, widths: int64 [S]; descriptors: int8 [P, d]; gates: uint8
    [P, 3 or 4], water, texture, luminance and, with a ground term, its number for built-up ground;
    valid: bool [P]; scene, ys, xs: int64 [P], the scene and the centre in it; home, orientation:
    int64 [S], the scene as it is and how it is turned. d: 32, and what a ground term adds. classes:
    candidates by colour; every: all of them.
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
    home: Integers
    orientation: Integers
    classes: tuple[PatchClass, ...]
    every: PatchClass

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

    def origin(self, scene: Integers, ys: Integers, xs: Integers) -> tuple[Integers, ...]:
        """Return the scene as it is, and where in it the pixel corner (ys, xs) of a turned one is.

        The arrays broadcast together; a scene of -1 stays -1.
        """
        turned = self.orientation[scene]
        down, across = centres(turned, self.heights[scene], self.widths[scene], ys, xs)
        return np.where(scene < 0, -1, self.home[scene]), down, across

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


def collect_patches(
    scenes: Sequence[Scene],
    ground: GroundTerm | None = None,
    orientations: Sequence[int] = (PLAIN,),
) -> Patches:
    """Lay the windows of scenes out flat, and the valid ones as candidates in 36 or nine colours.

    ground: adds its numbers to the descriptors; orientations: numbers of ORIENTATIONS in which all
    scenes are shown, the plain one first.
    """
    plain = [_Described.of(scene, ground) for scene in scenes]
    shown = [each.turned(orientation) for orientation in orientations for each in plain]
    # Sizes of the scenes' grids, and each patch's place in its own.
    grids = np.array([each.valid.shape for each in shown], np.int64).reshape(-1, 2)
    sizes = grids.prod(1)
    rows, columns = grids.T
    scene = np.repeat(np.arange(len(shown)), sizes)
    first = sizes.cumsum() - sizes
    row, column = np.divmod(np.arange(len(scene)) - first[scene], columns[scene])
    # Descriptors, gates and validity of all scenes, one after the other.
    heights, widths = np.array([each.shape for each in shown], np.int64).reshape(-1, 2).T
    descriptors = [each.descriptors.reshape(-1, each.descriptors.shape[2]) for each in shown]
    size = descriptors[0].shape[1] if descriptors else SIZE
    gates = [each.gates.reshape(-1, GATES) for each in shown]
    valid = [each.valid.ravel() for each in shown]
    ys, xs = (WINDOW // 2 + STEP * at for at in (row, column))
    compared = compared_gates(np.concatenate([np.empty((0, GATES), np.uint8), *gates]))
    laid_out = np.concatenate([np.empty((0, size), np.int8), *descriptors])
    if ground is not None:
        compared = np.concatenate([compared, built_up(laid_out[:, SIZE:])[:, None]], 1)
    flat = _FlatPatches(
        laid_out,
        compared,
        np.concatenate([np.empty(0, bool), *valid]),
    )
    # Where each patch lies in its scene as it is, which decides its colour in all orientations.
    home = np.tile(np.arange(len(plain)), len(orientations))
    orientation = np.repeat(np.array(orientations, np.int64), len(plain))
    down, across = centres(orientation[scene], heights[scene], widths[scene], ys, xs)
    words = keys(scene, ys, xs).astype(np.uint32)
    colours = _colours(flat.valid, orientation[scene], (home[scene], down, across))
    every = flat.candidates(np.flatnonzero(flat.valid), words)
    classes = tuple(flat.candidates(part, words) if len(part) else every for part in colours)
    return Patches(
        first, rows, columns, heights, widths, flat.descriptors, flat.gates, flat.valid,
        scene, ys, xs, home, orientation, classes, every,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Described:
    """What a scene is chosen by: descriptors int8 [h, w, d], gates uint8 [h, w, 5], validity.

    shape: height and width in pixels of the choosing grid.
    """

    descriptors: NDArray[np.int8]
    gates: Gates
    valid: NDArray[np.bool_]
    shape: tuple[int, int]

    @classmethod
    def of(cls, scene: Scene, ground: GroundTerm | None) -> _Described:
        """Describe a scene as it is."""
        described = scene.descriptors
        if ground is not None:
            described = np.concatenate([described, ground.of_scene(scene)], 2)
        return cls(described, scene.gates, scene.valid, scene.shape)

    def turned(self, orientation: int) -> _Described:
        """Return it in an orientation, without what lies beyond its last windows."""
        if orientation == PLAIN:
            return self
        turn = ORIENTATIONS[orientation].of
        valid = turn(self.valid)
        height, width = (STEP * (count - 1) + WINDOW for count in valid.shape)
        described = oriented(orientation, self.descriptors)
        return _Described(described, turn(self.gates), valid, (height, width))


@dataclass(frozen=True, slots=True)
class _FlatPatches:
    """Descriptors int8 [P, d], gates uint8 [P, 3 or 4] and validity bool [P] of all patches."""

    descriptors: NDArray[np.int8]
    gates: Gates
    valid: NDArray[np.bool_]

    def candidates(self, patches: Integers, words: NDArray[np.uint32]) -> PatchClass:
        """Return some patches [N] as candidates; words: uint32 [P]."""
        # Descriptors beside their squared lengths, so that one product gives all distances.
        wide = self.descriptors[patches].astype(np.float32)
        lengths = (wide * wide).sum(1, keepdims=True)
        matrix = np.ascontiguousarray(np.concatenate([wide, lengths], 1).T)
        gates = np.ascontiguousarray(self.gates[patches].T)
        return PatchClass(patches, matrix, gates, words[patches])


def _colours(
    valid: NDArray[np.bool_], orientation: Integers, origin: tuple[Integers, Integers, Integers]
) -> list[Integers]:
    """Sort the valid patches by colour; returns those of each colour.

    origin: the scene as it is, and where in it each patch lies.
    """
    scene, ys, xs = origin
    # Colours lie in squares of a scene, moved by chance from scene to scene.
    shift = keys(scene, 1).astype(np.int64) & 0xFFFF
    chosen: list[Integers] = []
    for across in COLOURS_ACROSS:
        row, column = ys // _BLOCK + shift % across, xs // _BLOCK + shift // across % across
        if across == 2 * _APART:
            # Pairs of orientations of the same ground have colours of cells three apart.
            row = row + _APART * (orientation // 4)
            column = column + _APART * (orientation // 2)
        colour = row % across * across + column % across
        chosen = [np.flatnonzero(valid & (colour == k)) for k in range(across * across)]
        if min(map(len, chosen)) >= LEAST:
            break
    return chosen
