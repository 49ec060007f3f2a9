"""What a world asks of its memory: descriptors and gates of cells on its land, drawn by number.

Places are drawn as those of chains are, none within a degree of the sites at which weights are
evaluated, but from as far north and south as there is land that shows layouts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.cascade.cascade import Cascade
from generator.datasets.sites import Box
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE, Tile, cell_at
from generator.memory.config import WINDOW
from generator.memory.field import SEA
from generator.memory.view import ParentView
from training.run.chaincollect import places
from training.samples import keyedfile

SEED = 0
"""Of the world and of the draw of places."""
_BOX: Box = (-180.0, -56.0, 180.0, 76.0)
"""West, south, east and north of the places, degrees: land up to the ice."""
_SAVE_EVERY = 10.0
_ALONG, _APART = 3, 30
"""Cells along a side of a place whose pixels must be drawn, and pixels between them: all lie within
half a degree of it."""
_KEPT = 256
"""Tiles that are kept from place to place."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What cells look for: descriptors int8 [n, d], gates uint8 [n, 3 or 4], as of `Queries`.

    As it is collected, [places, cells of a place, ...].
    """

    descriptors: NDArray[np.int8]
    gates: NDArray[np.uint8]

    def on_land(self) -> Demand:
        """Return the cells that show layouts, which open sea does not."""
        land = self.gates[..., 0] < SEA
        return Demand(self.descriptors[land], self.gates[land])


class DemandFile:
    """The demand of `count` places at a zoom, in a file; `key` names the world that it is of."""

    def __init__(self, path: Path, zoom: int, count: int, key: str) -> None:
        self.path, self.zoom, self.count, self.key = path, zoom, count, f"{key} {zoom}"

    def collect(self, cascade: Cascade, seconds: float) -> Demand | None:
        """Ask at all places that are lacking; None where not all is there after `seconds`.

        Prints rate and ETA; what was found is kept.
        """
        held = keyedfile.load(self.path, self.key) or {}
        rows = list(zip(held.get("descriptors", ()), held.get("gates", ()), strict=True))
        first = len(rows)
        if first >= self.count:
            return _demand(rows[: self.count])
        began = saved = time.monotonic()
        asking = DemandPlace(cascade, self.zoom)
        for lat, lon in islice(places(cascade, SEED, _BOX), first, self.count):
            rows.append(asking.asked(lat, lon))
            # Keep what there is, say how it goes, and stop when the machine's time is over.
            now, left = time.monotonic(), self.count - len(rows)
            if left and now - saved < _SAVE_EVERY and now - began < seconds:
                continue
            saved, made = now, _demand(rows)
            arrays = {"descriptors": made.descriptors, "gates": made.gates}
            keyedfile.save(self.path, self.key, arrays)
            rate = (len(rows) - first) / (now - began)
            print(
                f"place {len(rows)}/{self.count} of zoom {self.zoom}  {rate:.2f}/s  "
                f"ETA {left / rate / 60:.0f} min",
                flush=True,
            )
            if left and now - began >= seconds:
                return None
        return _demand(rows)


class DemandPlace:
    """Asks what places of a world look for at a zoom; tiles are kept for a while.

    A place of the base map is one cell; where tiles are drawn, which takes its time, it is several.
    """

    def __init__(self, cascade: Cascade, zoom: int) -> None:
        self.cascade, self.zoom = cascade, zoom
        self._ground = None if cascade.memory is None else cascade.memory.ground_at(zoom)
        along = 1 if zoom - 2 <= cascade.basemap.zoom else _ALONG
        self._steps = _APART * (np.arange(along) - along // 2)
        self._tiles: dict[Tile, Pixels] = {}

    def asked(self, lat: float, lon: float) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
        """Return descriptors [k, d] and gates [k, 3 or 4] of cells at a place in degrees."""
        # The windows of the cells, in pixels of the choosing grid.
        size = TILE_SIZE << (self.zoom - 2)
        x, y = cell_at(lon, lat, size)
        around = int(self._steps.max()) + WINDOW // 2
        area = Rectangle(x - around, y - around, 2 * around, 2 * around)
        ground = self.cascade.ground(SEED, area, self.zoom - 2, self._read)
        view = ParentView.of(self.zoom, area, ground.dry, self._ground, filled=ground.filled)
        ys, xs = (at.ravel() for at in np.meshgrid(y + self._steps, x + self._steps))
        return view.described(ys, xs)

    def _read(self, tile: Tile) -> Pixels:
        if tile not in self._tiles:
            if len(self._tiles) > _KEPT:
                self._tiles.clear()
            self.cascade.render(SEED, tile, self._tiles)
        return self._tiles[tile]


def _demand(rows: list[tuple[NDArray[np.int8], NDArray[np.uint8]]]) -> Demand:
    descriptors, gates = zip(*rows, strict=True)
    return Demand(np.stack(descriptors), np.stack(gates))
