"""A bank's codes as parameters: windows of them are chosen, read and moved, then rounded again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.memory.bank import Bank, Codes
from generator.memory.config import CHOSEN_AT, STEP, WINDOW, choosing_scale
from generator.memory.descriptor import describe
from generator.memory.patches import Patches, collect_patches, compared_gates
from generator.memory.search import passes

TRIED = 32
"""Places of which the one that fits a parent best is chosen."""

_KIND = (0, 1, 2, 23, 24, 25, 26, 27, 28)
"""Numbers of a descriptor that say colour, texture and water, without layout."""
_LATITUDE = 31
_MISFIT = 1e6

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class EntryWindow:
    """A window of a scene's codes: number of the scene among its stage's, corner in parent pixels.

    Part of it may lie outside the scene. fits: whether it passes the gates of its parent.
    """

    zoom: int
    scene: int
    y: int
    x: int
    fits: bool = True


class Entries:
    """The codes of a bank as numbers that move; `window` parent pixels are read at a time.

    values: float32 [N, D], the codes of all scenes one behind the other, on `device`; first: int8,
    those they began with.
    """

    def __init__(self, bank: Bank, window: int, device: torch.device | str = "cpu") -> None:
        self.bank, self.window = bank, window
        self.most = bank.levels // 2 + 0.49
        self.places: dict[int, Patches] = {}
        self._starts: dict[int, list[int]] = {}
        self._shapes: dict[int, list[tuple[int, int]]] = {}
        flat, start = [np.empty((0, bank.dimensions), np.int8)], 0
        for zoom, chosen in CHOSEN_AT.items():
            scenes = [scene for scene in bank.scenes if scene.chosen_at == chosen]
            places = collect_patches(scenes)
            if not places.valid.any():
                continue
            self.places[zoom] = places
            self._starts[zoom], self._shapes[zoom] = [], []
            for codes in (scene.codes[zoom] for scene in scenes):
                self._starts[zoom].append(start)
                self._shapes[zoom].append((codes.shape[0], codes.shape[1]))
                flat.append(codes.reshape(-1, bank.dimensions))
                start += len(flat[-1])
        self.first = torch.from_numpy(np.concatenate(flat)).to(device)
        self.values = self.first.float()

    def area(self, zoom: int) -> int:
        """Return the parent pixels that have codes at a zoom."""
        return sum(height * width for height, width in self._shapes.get(zoom, ()))

    def choose(self, zoom: int, parent: Pixels, random: np.random.Generator) -> EntryWindow:
        """Choose a window for a parent, uint8 [w, w, 3]: the best fit of TRIED random places."""
        places, scale = self.places[zoom], choosing_scale(zoom)
        every = np.flatnonzero(places.valid)
        tried = every[random.integers(len(every), size=TRIED)]
        descriptor, gates = described(parent, scale)
        seen = np.delete(np.arange(32), _LATITUDE) if scale == 1 else np.array(_KIND)
        gaps = places.descriptors[tried][:, seen].astype(np.float32) - descriptor[seen]
        misfits = (~passes(gates, places.gates[tried])).sum(0)
        first = int(((gaps**2).sum(1) + _MISFIT * misfits).argmin())
        best = int(tried[first])
        # The window lies round the place, a step of places to and fro.
        to_and_fro = random.integers(-STEP * scale // 2, STEP * scale // 2 + 1, 2)
        number = int(places.scene[best])
        corner = [
            _within(scale * int(centre[best]) + int(off) - self.window // 2, self.window, side)
            for centre, off, side in zip(
                (places.ys, places.xs), to_and_fro, self._shapes[zoom][number], strict=True
            )
        ]
        return EntryWindow(zoom, number, corner[0], corner[1], not misfits[first])

    def index(self, window: EntryWindow) -> Integers:
        """Return where a window's codes lie in `values`, [w, w]; -1 outside its scene."""
        height, width = self._shapes[window.zoom][window.scene]
        y, x = (np.arange(at, at + self.window) for at in (window.y, window.x))
        inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))
        rows: Integers = self._starts[window.zoom][window.scene] + y[:, None] * width + x
        return np.where(inside, rows, -1)

    def read(self, index: Tensor) -> Tensor:
        """Return the numbers of windows [B, w, w] of `values`, float32 [B, D, w, w]; 0 for -1."""
        return _read(self.values, index)

    def read_first(self, index: Tensor) -> Tensor:
        """Return the codes that windows began with, float32 [B, D, w, w]."""
        return _read(self.first, index)

    def move(self, index: Tensor, steps: Tensor) -> None:
        """Add steps [B, D, w, w] to windows [B, w, w]; numbers stay within bounds."""
        inside = index >= 0
        rows = index[inside]
        self.values.index_add_(0, rows, steps.permute(0, 2, 3, 1)[inside])
        self.values[rows] = self.values[rows].clamp(-self.most, self.most)

    def rounded(self) -> Bank:
        """Return the bank with the numbers as they are now, as whole numbers."""
        whole = self.values.round().to(torch.int8).cpu().numpy()
        made, count = [], dict.fromkeys(CHOSEN_AT, 0)
        for scene in self.bank.scenes:
            codes = dict(scene.codes)
            for zoom in codes.keys() & self._starts.keys():
                codes[zoom] = self._scene(whole, zoom, count[zoom])
                count[zoom] += 1
            made.append(dataclasses.replace(scene, codes=codes))
        return Bank(tuple(made), self.bank.encoder, self.bank.dimensions, self.bank.levels)

    def changed(self) -> float:
        """Return the share of all numbers that are another whole number than at first."""
        return float((self.values.round() != self.first).double().mean())

    def state(self) -> dict[str, Tensor]:
        """Return all that moves, for `load_state`."""
        return {"values": self.values.cpu()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Take what `state` returned; raises ValueError or KeyError for another bank's."""
        values = state["values"]
        if values.shape != self.values.shape:
            raise ValueError(f"{len(values)} codes, expected {len(self.values)}")
        self.values.copy_(values)

    def _scene(self, flat: NDArray[np.int8], zoom: int, number: int) -> Codes:
        start, (height, width) = self._starts[zoom][number], self._shapes[zoom][number]
        return flat[start : start + height * width].reshape(height, width, -1).copy()


def _read(held: Tensor, index: Tensor) -> Tensor:
    codes = held[index.clamp(min=0)].float() * (index >= 0)[..., None]
    return codes.permute(0, 3, 1, 2).contiguous()


def described(parent: Pixels, scale: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Describe the middle of a parent on the choosing grid, mirrored where it is too small."""
    pixels = averaged(parent, scale)
    lacks = [max(0, WINDOW - side) for side in pixels.shape[:2]]
    around = [(lack // 2, lack - lack // 2) for lack in lacks]
    pixels = np.pad(pixels, (*around, (0, 0)), "symmetric")
    y, x = ((side - WINDOW) // 2 for side in pixels.shape[:2])
    descriptors, gates = describe(pixels, np.array([y]), np.array([x]))
    return descriptors[0].astype(np.float32), compared_gates(gates)[0]


def _within(start: int, length: int, whole: int) -> int:
    """Move a window into its scene; one that is larger has the scene in its middle."""
    return (whole - length) // 2 if whole < length else min(max(start, 0), whole - length)
