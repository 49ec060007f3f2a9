"""A bank's codes as parameters: windows of them are chosen, read and moved, then rounded again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.memory.bank import Bank, Codes
from generator.memory.building.resample import reduced
from generator.memory.descriptor import describe
from generator.memory.places import Places, collect, narrow
from generator.memory.search import passes
from generator.memory.stages import CHOSEN_AT, STEP, WINDOW, finer

TRIED = 64
"""Places of which the one that fits a parent best is chosen."""

_KIND = (0, 1, 2, 23, 24, 25, 26, 27, 28)
"""Numbers of a descriptor that say colour, texture and water, without layout."""
_LATITUDE = 31
_FLOOR = 400.0
_MISFIT = 1e6

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Spot:
    """A window of a scene's codes: number of the scene among its stage's, corner in parent pixels.

    Part of it may lie outside the scene. fits: whether it passes the gates of its parent.
    """

    zoom: int
    scene: int
    y: int
    x: int
    fits: bool = True


class Entries:
    """The codes of a bank as numbers that move; `window` parent pixels are read at a time."""

    def __init__(self, bank: Bank, window: int) -> None:
        self.bank, self.window = bank, window
        self.most = bank.levels // 2 + 0.49
        self.values: dict[int, list[NDArray[np.float16]]] = {}
        self.first: dict[int, list[Codes]] = {}
        self.places: dict[int, Places] = {}
        self.visits: dict[int, NDArray[np.int32]] = {}
        for zoom, chosen in CHOSEN_AT.items():
            scenes = [scene for scene in bank.scenes if scene.chosen_at == chosen]
            places = collect(scenes)
            if places.valid.any():
                self.first[zoom] = [scene.codes[zoom] for scene in scenes]
                self.values[zoom] = [codes.astype(np.float16) for codes in self.first[zoom]]
                self.places[zoom] = places
                self.visits[zoom] = np.zeros(len(places.valid), np.int32)

    def area(self, zoom: int) -> int:
        """Return the parent pixels that have codes at a zoom."""
        return sum(codes.shape[0] * codes.shape[1] for codes in self.first.get(zoom, ()))

    def choose(self, zoom: int, parent: Pixels, random: np.random.Generator) -> Spot:
        """Choose a window for a parent, uint8 [w, w, 3]: the best fit of TRIED random places.

        Places that were often chosen give way, so that all are visited.
        """
        places, visits, scale = self.places[zoom], self.visits[zoom], finer(zoom)
        every = np.flatnonzero(places.valid)
        tried = every[random.integers(len(every), size=TRIED)]
        descriptor, gates = described(parent, scale)
        seen = np.delete(np.arange(32), _LATITUDE) if scale == 1 else np.array(_KIND)
        gaps = places.descriptors[tried][:, seen].astype(np.float32) - descriptor[seen]
        misfits = (~passes(gates, places.gates[tried])).sum(0)
        cost = ((gaps**2).sum(1) + _FLOOR) * (1 + visits[tried]) + _MISFIT * misfits
        first = int(cost.argmin())
        best, fits = int(tried[first]), not misfits[first]
        visits[best] += int(fits)
        # The window lies round the place, a step of places to and fro.
        to_and_fro = random.integers(-STEP * scale // 2, STEP * scale // 2 + 1, 2)
        number = int(places.scene[best])
        corner = [
            _within(scale * int(centre[best]) + int(off) - self.window // 2, self.window, side)
            for centre, off, side in zip(
                (places.ys, places.xs), to_and_fro, self.first[zoom][number].shape, strict=False
            )
        ]
        return Spot(zoom, number, corner[0], corner[1], bool(fits))

    def read(self, spots: list[Spot]) -> Tensor:
        """Return the numbers of windows, float32 [B, D, w, w]; 0 outside their scenes."""
        return self._read(self.values, spots)

    def read_first(self, spots: list[Spot]) -> Tensor:
        """Return the codes that windows began with, float32 [B, D, w, w]."""
        return self._read(self.first, spots)

    def move(self, spots: list[Spot], steps: Tensor) -> None:
        """Add steps [B, D, w, w] to windows, one after the other; numbers stay within bounds."""
        for spot, step in zip(spots, steps.permute(0, 2, 3, 1).numpy(), strict=True):
            values = self.values[spot.zoom][spot.scene]
            inside, part = self._parts(spot, values.shape[:2])
            moved = values[inside] + step[part]
            values[inside] = np.clip(moved, -self.most, self.most).astype(np.float16)

    def rounded(self) -> Bank:
        """Return the bank with the numbers as they are now, as whole numbers."""
        made, count = [], dict.fromkeys(CHOSEN_AT, 0)
        for scene in self.bank.scenes:
            codes = dict(scene.codes)
            for zoom in codes.keys() & self.values.keys():
                codes[zoom] = np.rint(self.values[zoom][count[zoom]]).astype(np.int8)
                count[zoom] += 1
            made.append(dataclasses.replace(scene, codes=codes))
        return Bank(tuple(made), self.bank.encoder, self.bank.dimensions, self.bank.levels)

    def changed(self) -> float:
        """Return the share of all numbers that are another whole number than at first."""
        pairs = [
            (codes, value)
            for zoom in self.first
            for codes, value in zip(self.first[zoom], self.values[zoom], strict=True)
        ]
        other = sum(int((np.rint(value) != codes).sum()) for codes, value in pairs)
        return other / max(1, sum(codes.size for codes, _ in pairs))

    def state(self) -> dict[str, Tensor]:
        """Return all that moves, flat, for `load_state`."""
        made: dict[str, Tensor] = {}
        for zoom, values in self.values.items():
            made[f"values-{zoom}"] = torch.from_numpy(np.concatenate([v.ravel() for v in values]))
            made[f"visits-{zoom}"] = torch.from_numpy(self.visits[zoom])
        return made

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take what `state` returned; raises ValueError or KeyError for another bank's."""
        for zoom, values in self.values.items():
            flat = state[f"values-{zoom}"].numpy()
            cuts = np.cumsum([v.size for v in values])
            if len(flat) != cuts[-1]:
                raise ValueError(f"{len(flat)} numbers of zoom {zoom}, expected {cuts[-1]}")
            parts = np.split(flat, cuts[:-1])
            self.values[zoom] = [p.reshape(v.shape) for p, v in zip(parts, values, strict=True)]
            self.visits[zoom] = state[f"visits-{zoom}"].numpy()

    def _read(
        self, held: dict[int, list[NDArray[np.float16]]] | dict[int, list[Codes]], spots: list[Spot]
    ) -> Tensor:
        out = np.zeros((len(spots), self.window, self.window, self.bank.dimensions), np.float32)
        for row, spot in zip(out, spots, strict=True):
            codes = held[spot.zoom][spot.scene]
            inside, part = self._parts(spot, codes.shape[:2])
            row[part] = codes[inside]
        return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()

    def _parts(self, spot: Spot, sides: tuple[int, ...]) -> tuple[tuple[slice, ...], ...]:
        """Return where a window lies in its scene, and where the scene lies in the window."""
        inside, part = [], []
        for at, side in zip((spot.y, spot.x), sides, strict=True):
            first, last = max(0, at), min(side, at + self.window)
            inside.append(slice(first, last))
            part.append(slice(first - at, last - at))
        return tuple(inside), tuple(part)


def described(parent: Pixels, scale: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Describe the middle of a parent on the choosing grid, mirrored where it is too small."""
    pixels = reduced(parent, scale)
    lacks = [max(0, WINDOW - side) for side in pixels.shape[:2]]
    around = [(lack // 2, lack - lack // 2) for lack in lacks]
    pixels = np.pad(pixels, (*around, (0, 0)), "symmetric")
    y, x = ((side - WINDOW) // 2 for side in pixels.shape[:2])
    descriptors, gates = describe(pixels, np.array([y]), np.array([x]))
    return descriptors[0].astype(np.float32), narrow(gates)[0]


def _within(start: int, length: int, whole: int) -> int:
    """Move a window into its scene; one that is larger has the scene in its middle."""
    return (whole - length) // 2 if whole < length else min(max(start, 0), whole - length)
