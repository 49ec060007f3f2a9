"""Windows of whole chains: parents that the product makes, and the entries that it shows there.

No truth exists for them. A critic and statistics of real places of the same colour say what their
children should look like; so entries and decoder learn at the cells, joints and invented parents
that they will meet.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mercantile
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import generator
from generator.block import Block
from generator.cascade import Cascade
from generator.memory.field import Memory, Rectangle
from generator.network import SCALE
from generator.tile import EQUATOR_RESOLUTION, STAGE_ZOOMS, TILE_SIZE, Tile
from training.layouts.entrybank import Addresses, Pixels, addressed, addresses_of
from training.progress import track

LEAST_SHOWN = 0.8
"""Share of a window that must show entries; open sea and snow show none."""
ANYWHERE = 0.15
"""Share of the places that may be open sea or snow, which the bare decoder draws."""
FARTHEST = math.sin(math.radians(66))
"""Sine of the latitude beyond which no place lies."""
TRIED = 64
"""Windows of which the one of the nearest colour is taken."""
_LAST = 4
"""How often windows are gathered before the first give way."""
_CORE = 2 * TILE_SIZE // SCALE
"""Parent pixels along a block."""
_TRIES = 12
"""Places tried for each one that is on land."""


@dataclass(frozen=True, slots=True)
class ChainWindow:
    """parent: uint8 [w, w, 3]; addresses: int16 [w, w, 3], the entries shown; gsd: metres per
    child pixel."""

    parent: Pixels
    addresses: Addresses
    gsd: float


class ChainWindows:
    """Windows by the zoom of their stage; those of the last few times that they were gathered."""

    def __init__(self) -> None:
        self.held: dict[int, list[list[ChainWindow]]] = {}

    def gather(
        self,
        weights: Path,
        side: int,
        places: int,
        random: np.random.Generator,
        stopped: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Make chains of weights with a bank at random places on land, in random worlds.

        side: parent pixels along a window; stopped: asked before each chain. Shows its progress.
        Returns whether all were made; where not, none is kept.
        """
        cascade = generator.load(weights=weights)
        assert cascade.checkpoint.bank is not None
        teller = copy.copy(cascade)
        teller.memory = Memory([addressed(cascade.checkpoint.bank)])
        found: dict[int, list[ChainWindow]] = {zoom: [] for zoom in STAGE_ZOOMS}
        for _ in track(range(places), "chains"):
            for _ in range(_TRIES):
                if stopped():
                    return False
                made = _chain(cascade, teller, side, random)
                if made:
                    break
            for zoom, windows in made.items():
                found[zoom] += windows
        for zoom, windows in found.items():
            self.held[zoom] = [*self.held.get(zoom, []), windows][-_LAST:]
        return True

    def like(self, zoom: int, child: Tensor, random: np.random.Generator) -> list[ChainWindow]:
        """Return for each child [B, 3, h, w] in [-1, 1] a window whose parent has its colour.

        Returns fewer where there are fewer windows.
        """
        windows = [window for part in self.held.get(zoom, []) for window in part]
        colours = np.array([window.parent.mean((0, 1)) for window in windows])
        wanted = (child.mean((2, 3)).numpy() + 1) * 127.5
        taken: list[int] = []
        for colour in wanted[: len(windows)]:
            tried = random.permutation(np.setdiff1d(np.arange(len(windows)), taken))[:TRIED]
            taken.append(int(tried[((colours[tried] - colour) ** 2).sum(1).argmin()]))
        return [windows[number] for number in taken]

    def state(self) -> list[dict[str, Tensor | int]]:
        """Return all windows as tensors, for `load_state`."""
        return [
            {
                "zoom": zoom, "time": time, "gsd": torch.tensor([w.gsd for w in windows]),
                "parents": torch.from_numpy(np.stack([w.parent for w in windows])),
                "addresses": torch.from_numpy(np.stack([w.addresses for w in windows])),
            }
            for zoom, times in self.held.items() for time, windows in enumerate(times) if windows
        ]  # fmt: skip

    def load_state(self, state: list[dict[str, Tensor]]) -> None:
        """Take over what `state` returned; raises KeyError for something else."""
        self.held = {}
        for part in state:
            pairs = zip(part["parents"].numpy(), part["addresses"].numpy(), part["gsd"].tolist(),
                        strict=True)  # fmt: skip
            windows = [ChainWindow(*pair) for pair in pairs]
            self.held.setdefault(int(part["zoom"]), []).append(windows)


def _chain(
    cascade: Cascade, teller: Cascade, side: int, random: np.random.Generator
) -> dict[int, list[ChainWindow]]:
    """Make a chain at a random place; returns its windows by zoom, none where there is no land."""
    seed = int(random.integers(1, 2**31))
    longitude = float(random.uniform(-180, 180))
    latitude = math.degrees(math.asin(random.uniform(-FARTHEST, FARTHEST)))
    least = 0.0 if random.random() < ANYWHERE else LEAST_SHOWN
    store: dict[Tile, NDArray[np.uint8]] = {}
    made: dict[int, list[ChainWindow]] = {}
    for zoom in STAGE_ZOOMS:
        place = mercantile.tile(longitude, latitude, zoom)
        block = Block.of(Tile(place.z, place.x, place.y))
        for need in cascade.needs(block):
            cascade.render(seed, need, store)
        first = block.top.children()[0]
        x, y = first.x * TILE_SIZE // SCALE, first.y * TILE_SIZE // SCALE
        field = teller.latent(seed, zoom, Rectangle(x, y, _CORE, _CORE), store.__getitem__)
        shown = addresses_of(field)
        parent = store[Tile(zoom - 2, x // TILE_SIZE, y // TILE_SIZE)]
        parent = parent[y % TILE_SIZE :, x % TILE_SIZE :][:_CORE, :_CORE]
        gsd = EQUATOR_RESOLUTION * math.cos(math.radians(latitude)) / 2**zoom
        corners = [(top, left) for top in _starts(side) for left in _starts(side)]
        cuts = [(slice(top, top + side), slice(left, left + side)) for top, left in corners]
        windows = [ChainWindow(parent[cut], shown[cut], gsd) for cut in cuts]
        made[zoom] = [w for w in windows if (w.addresses[..., 0] > 0).mean() >= least]
        if not made[zoom] and zoom > STAGE_ZOOMS[0]:
            return {}
    return made


def _starts(side: int) -> list[int]:
    """Return where windows begin along a block: as many as have room, evenly spread."""
    count = _CORE // side
    return [(2 * number + 1) * _CORE // (2 * count) - side // 2 for number in range(count)]
