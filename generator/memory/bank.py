"""Banks: scenes of layout codes, each with what is needed to choose it, and where it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import BankError
from generator.memory.config import CHOICES, CHOSEN_AT, WINDOW, choosing_scale
from generator.memory.descriptor import GATES, SIZE, grid_shape

Codes = NDArray[np.int8]

LEVELS = 7
"""Levels of a code unless a bank says otherwise: -3 to 3."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One place: its layout codes, and descriptors of its windows on the choosing grid.

    codes: by zoom, int8 [h, w, D], one vector per parent pixel of that zoom. The keys are 7, or 9,
    or 15, or 17, or 11 and 13: then those of 13 are four times as high and wide. The choosing grid
    is that of the smallest key. descriptors: int8 [hd, wd, 32]; gates: uint8 [hd, wd, 5]; valid:
    bool [hd, wd]: as `describe_scene` returns them; entry (i, j) belongs to the window centred at
    the pixel corner (12 + 8 i, 12 + 8 j). latitude, longitude: in degrees, None where unknown.
    Raises BankError for arrays that do not fit each other.
    """

    name: str
    codes: Mapping[int, Codes]
    descriptors: NDArray[np.int8]
    gates: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    source: str = ""
    licence: str = ""
    credit: str = ""
    latitude: float | None = None
    longitude: float | None = None

    def __post_init__(self) -> None:
        """Refuse zooms that are not shown together, and shapes that do not fit."""
        # The zooms of one choice: 7, 9, 11 with 13, 15, or 17.
        expected = [
            tuple(zoom for zoom, chosen in CHOSEN_AT.items() if chosen == at) for at in CHOICES
        ]
        if tuple(sorted(self.codes)) not in expected:
            raise BankError(
                f"scene {self.name!r} has codes of zooms {sorted(self.codes)}, "
                f"expected {', or '.join(' and '.join(map(str, zooms)) for zooms in expected)}"
            )
        height, width = self.shape
        if min(height, width) < WINDOW:
            raise BankError(
                f"scene {self.name!r} has {width} x {height} pixels, expected at least 24 x 24"
            )
        # Shapes and types of all arrays follow from the size of the scene.
        grid = grid_shape(height, width)
        shape: tuple[int, ...]
        wanted: list[tuple[str, NDArray[np.generic], tuple[int, ...], str]] = [
            ("descriptors", self.descriptors, (*grid, SIZE), "int8"),
            ("gates", self.gates, (*grid, GATES), "uint8"),
            ("valid", self.valid, grid, "bool"),
        ]
        for zoom, codes in self.codes.items():
            scale = choosing_scale(zoom)
            shape = (scale * height, scale * width, self.dimensions)
            wanted.append((f"codes of zoom {zoom}", codes, shape, "int8"))
        for what, array, shape, kind in wanted:
            if array.shape != shape or array.dtype != kind:
                raise BankError(
                    f"{what} of scene {self.name!r} are {array.dtype} {list(array.shape)}, "
                    f"expected {kind} {list(shape)}"
                )

    @property
    def chosen_at(self) -> int:
        """Return the zoom of the stage that chooses the scene."""
        return min(self.codes)

    @property
    def shape(self) -> tuple[int, int]:
        """Return height and width in pixels of the choosing grid."""
        height, width = self.codes[self.chosen_at].shape[:2]
        return height, width

    @property
    def dimensions(self) -> int:
        """Return D, the numbers of a code."""
        return int(self.codes[self.chosen_at].shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Scenes whose codes one encoder made.

    encoder: digest of the encoder, 64 hexadecimal digits; dimensions: numbers of a code; levels:
    values that each may have, symmetric about 0. Raises BankError for scenes of other codes.
    """

    scenes: tuple[Scene, ...]
    encoder: str
    dimensions: int
    levels: int = LEVELS
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """Refuse codes of other dimensions or levels, and name what decides the field."""
        for scene in self.scenes:
            if scene.dimensions != self.dimensions:
                raise BankError(
                    f"scene {scene.name!r} has codes of {scene.dimensions} numbers, "
                    f"expected {self.dimensions}"
                )
            top = self.levels // 2
            if any(codes.min() < -top or codes.max() > top for codes in scene.codes.values()):
                raise BankError(f"codes of scene {scene.name!r} are not all from -{top} to {top}")
        object.__setattr__(self, "digest", _digest(self))

    @property
    def credits(self) -> list[str]:
        """Return one line for each source, sorted: source, licence, credit."""
        lines = {
            ", ".join(part for part in (scene.source, scene.licence, scene.credit) if part)
            for scene in self.scenes
        }
        return sorted(lines - {""})


def _digest(bank: Bank) -> str:
    """Return the SHA-256 of all that decides the code field, 64 hexadecimal digits."""
    digest = hashlib.sha256(
        json.dumps([bank.encoder, bank.dimensions, bank.levels, len(bank.scenes)]).encode()
    )
    for scene in bank.scenes:
        digest.update(json.dumps([scene.shape, sorted(scene.codes)]).encode())
        # Shape and zooms, then the bytes of all arrays.
        arrays = [scene.codes[zoom] for zoom in sorted(scene.codes)]
        for array in (*arrays, scene.descriptors, scene.gates, scene.valid):
            digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
