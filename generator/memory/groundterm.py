"""The term of the choice that geography gives: how built-up a cell is, and how built-up a patch is.

It is one more number behind the 32 of a descriptor, so that search, phases and labels weigh it as
they weigh colour and texture.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import GroundLayer
from generator.memory.bank import Scene
from generator.memory.builtupprobe import BuiltUpProbe

VERSION = 1
"""Raised whenever the same layer and probe would give another field."""

STRENGTH = 110
"""Number of ground that is wholly built-up; open country has 0."""

SLACK = 48
"""By how much more than elsewhere a patch may be rougher, or of another tone, in a town."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class GroundTerm:
    """What is known of the ground of cells, and a probe of the patches of one encoder."""

    layer: GroundLayer
    probe: BuiltUpProbe

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides the term."""
        parts = f"{VERSION} {self.layer.digest} {self.probe.digest}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def serves(self, zoom: int, encoder: str) -> bool:
        """Say whether patches chosen at a zoom, of an encoder's codes, can be told."""
        return encoder == self.probe.encoder and zoom in self.probe.weights

    def of_scene(self, scene: Scene) -> NDArray[np.int8]:
        """Return the further numbers of a scene's descriptors, int8 [rows, columns, 1]."""
        degrees = self.probe.degrees(scene)
        if degrees is None:
            degrees = np.zeros(scene.valid.shape, np.uint8)
        return scaled(degrees)[..., None]

    def at(self, zoom: int, ys: Integers, xs: Integers) -> NDArray[np.int8]:
        """Return the further numbers of windows centred at pixel corners of a grid: int8 [n, 1].

        zoom: of the grid's pixels.
        """
        return scaled(self.layer.figures(zoom, ys, xs)[:, 0])[:, None]


def scaled(degrees: NDArray[np.uint8]) -> NDArray[np.int8]:
    """Return built-up degrees, 255ths, as numbers of a descriptor."""
    numbers: NDArray[np.int8] = ((degrees.astype(np.int32) * STRENGTH + 127) // 255).astype(np.int8)
    return numbers


def slack(numbers: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Return by how much the gates of cells with these numbers, int8 [n, 1], are wider: [n]."""
    wider: NDArray[np.uint8] = (numbers[:, 0].astype(np.int32) * SLACK // STRENGTH).astype(np.uint8)
    return wider
