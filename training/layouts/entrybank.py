"""A bank's codes as parameters: windows of them are chosen, read and moved, then rounded again.

Which entries a window shows is said by addresses, int16 [w, w, 3]: for each parent pixel the number
of a scene among its stage's, from 1 on and 0 for none, and row and column in it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
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
from generator.memory.stages import CHOICES, CHOSEN_AT, STEP, WINDOW, finer

TRIED = 64
"""Places of which the one that fits a parent best is chosen."""

_KIND = (0, 1, 2, 23, 24, 25, 26, 27, 28)
"""Numbers of a descriptor that say colour, texture and water, without layout."""
_LATITUDE = 31
_FLOOR = 400.0
_MISFIT = 1e6

Pixels = NDArray[np.uint8]
Addresses = NDArray[np.int16]


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

    def addresses(self, spot: Spot) -> Addresses:
        """Return the addresses of a window, int16 [w, w, 3]; outside its scene there is nothing."""
        height, width = self.first[spot.zoom][spot.scene].shape[:2]
        at = np.arange(self.window, dtype=np.int16)
        rows, columns = (at + spot.y)[:, None], (at + spot.x)[None, :]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        parts = np.broadcast_arrays(np.int16(spot.scene + 1), rows, columns)
        return np.where(inside[..., None], np.stack(parts, -1), np.int16(0))

    def read(self, zoom: int, addresses: Sequence[Addresses]) -> Tensor:
        """Return the numbers that windows show, float32 [B, D, w, w]; 0 where nothing is."""
        return self._read(self.values[zoom], addresses)

    def read_first(self, zoom: int, addresses: Sequence[Addresses]) -> Tensor:
        """Return the codes that windows began with, float32 [B, D, w, w]."""
        return self._read(self.first[zoom], addresses)

    def move(self, zoom: int, addresses: Sequence[Addresses], steps: Tensor) -> None:
        """Add steps [B, D, w, w] to what windows show, one after the other, within bounds."""
        for each, step in zip(addresses, steps.permute(0, 2, 3, 1).numpy(), strict=True):
            for number, here in _by_scene(each):
                at = each[here][:, 1:].astype(np.int64)
                first, last = at.min(0), at.max(0) + 1
                values = self.values[zoom][number][first[0] : last[0], first[1] : last[1]]
                moved = values.astype(np.float32)
                np.add.at(moved, tuple((at - first).T), step[here])
                values[...] = np.clip(moved, -self.most, self.most).astype(np.float16)

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
        self, held: list[NDArray[np.float16]] | list[Codes], addresses: Sequence[Addresses]
    ) -> Tensor:
        shape = (len(addresses), *addresses[0].shape[:2], self.bank.dimensions)
        out = np.zeros(shape, np.float32)
        for row, each in zip(out, addresses, strict=True):
            for number, here in _by_scene(each):
                at = each[here]
                row[here] = held[number][at[:, 1], at[:, 2]]
        return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()


def _by_scene(addresses: Addresses) -> Iterator[tuple[int, NDArray[np.bool_]]]:
    """Go through the scenes of addresses: a scene's number from 0 on, and where it is shown."""
    for number in np.unique(addresses[..., 0]):
        if number:
            yield int(number) - 1, addresses[..., 0] == number


def addressed(bank: Bank) -> Bank:
    """Return a bank whose codes are their own addresses, each number as two bytes.

    A memory of it tells which entries are shown where; `addresses_of` reads what it says.
    """
    made, count = [], dict.fromkeys(CHOICES, 0)
    for scene in bank.scenes:
        count[scene.chosen_at] += 1
        codes = {}
        for zoom, old in scene.codes.items():
            rows, columns = np.indices(old.shape[:2], np.int16)
            number = np.full_like(rows, count[scene.chosen_at])
            codes[zoom] = np.stack([number, rows, columns], -1).view(np.int8)
        made.append(dataclasses.replace(scene, codes=codes))
    return Bank(tuple(made), bank.encoder, 6, 257)


def addresses_of(field: Codes) -> Addresses:
    """Return the addresses int16 [h, w, 3] that the code field [6, h, w] of such a bank says."""
    return np.ascontiguousarray(np.moveaxis(field, 0, 2)).view(np.int16)


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
