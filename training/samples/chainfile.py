"""Chains: windows of all stages of a world, each drawn from the middle of the one above."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from training.samples import keyedfile


@dataclass(frozen=True, slots=True)
class Chain:
    """K windows of w parent pixels, of stages that are drawn into each other.

    The middle w pixels along each side of a window's child, with what the world's geography adds to
    them, are the next one's parent. parent: uint8 [w, w, 3], of the first. zooms: of the stages,
    int64 [K]. ground: what geography adds to each parent, int16 [K, w, w, 3], 0 for the first.
    codes: int8 [K, D, w, w]. coverage: in 255ths how far codes lead at each pixel, uint8
    [K, 4w, 4w]. gsd: metres per child pixel, float32 [K]. looks: of the children as they were drawn
    when the chain was collected, float32 [K, 4] (`training.samples.realwindows.look_of`).
    """

    parent: Pixels
    zooms: NDArray[np.int64]
    ground: NDArray[np.int16]
    codes: NDArray[np.int8]
    coverage: NDArray[np.uint8]
    gsd: NDArray[np.float32]
    looks: NDArray[np.float32]


_FIELDS = tuple(each.name for each in dataclasses.fields(Chain))


def save(path: Path, chains: list[Chain], key: str) -> None:
    """Write the chains of one place, whole or not at all; key: names what they were made with."""
    arrays = {
        f"{number}/{name}": getattr(chain, name)
        for number, chain in enumerate(chains)
        for name in _FIELDS
    }
    keyedfile.save(path, key, arrays)


def load(path: Path, key: str) -> list[Chain] | None:
    """Read what `save` wrote; None where there is nothing whole, or what has another key."""
    held = keyedfile.load(path, key)
    if held is None:
        return None
    numbers = range(len(held) // len(_FIELDS))
    return [Chain(*(held[f"{number}/{name}"] for name in _FIELDS)) for number in numbers]
