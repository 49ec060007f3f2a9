"""Collects chains of the product's own worlds: the parents, codes and contrast of its windows.

Places are land, drawn by number, and far from the sites at which weights are evaluated. A place
gives two chains beside each other, from the first stage to the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.cascade.cascade import Cascade
from generator.cascade.layoutstage import LayoutStage, code_coverage
from generator.datasets.sites import Box, LandMask, PairRequest, sampling_site
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE, Tile, cell_at
from generator.grid.window import child_resolutions
from training.measure.sites import SITES
from training.samples import chainfile
from training.samples.chainfile import Chain
from training.samples.realwindows import look_of

BESIDE = ((0, 0), (2, 0))
"""Where the chains of a place begin: parent pixels of the first stage beside it, even."""
_NUMBERED = 15
"""Zoom by which places are drawn."""
_BOX: Box = (-180.0, -55.0, 180.0, 70.0)
"""West, south, east and north of the places, degrees."""
_AWAY = 1.5
"""Degrees between a place and a site: one, and half of one that its windows from 9 on may span."""
_LEAST_COVERAGE = 0.15
"""Mean coverage under which a window shows next to nothing, and its chain teaches nothing."""


class ChainFolder:
    """The chains of `places` places in a folder, a file each; `key` names their origin."""

    def __init__(self, folder: Path, places: int, key: str) -> None:
        self.folder, self.places, self.key = folder, places, key

    def lacking(self) -> list[int]:
        """Return the numbers of the places that are not there."""
        return [n for n in range(self.places) if chainfile.load(self._path(n), self.key) is None]

    def chains(self) -> list[Chain]:
        """Return the chains that are there, but for those that show next to nothing."""
        held = [chainfile.load(self._path(n), self.key) or [] for n in range(self.places)]
        return [chain for chains in held for chain in chains if shows(chain)]

    def collect(self, load: Callable[[], Cascade], window: int, seed: int, seconds: float) -> bool:
        """Collect what is lacking; returns whether all is there, which it may not be in `seconds`.

        load: opens the cascade, where one is needed; window: parent pixels along a window; seed: of
        the world, and of the draw of places. Prints rate and ETA.
        """
        began, lacking = time.monotonic(), self.lacking()
        if not lacking:
            return True
        cascade = load()
        drawn = list(islice(places(cascade, seed), self.places))
        for made, number in enumerate(lacking, 1):
            found = ChainPlace(cascade, seed, window).chains(*drawn[number])
            chainfile.save(self._path(number), found, self.key)
            # Say how it goes, and stop when the machine's time is over.
            passed = time.monotonic() - began
            left, rate = len(lacking) - made, made / passed
            print(
                f"place {self.places - left}/{self.places}  {rate:.3f}/s  "
                f"ETA {left / rate / 60:.0f} min",
                flush=True,
            )
            if left and passed > seconds:
                return False
        return True

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:05}.npz"


def shows(chain: Chain) -> bool:
    """Say whether codes lead in each of a chain's windows."""
    return bool(chain.coverage.mean((1, 2)).min() >= 255 * _LEAST_COVERAGE)


def places(cascade: Cascade, seed: int, box: Box = _BOX) -> Iterator[tuple[float, float]]:
    """Yield places of land in degrees (latitude, longitude), far from the sites of evaluation."""
    is_land = LandMask(cascade.basemap.tile)
    request = PairRequest((_NUMBERED,), 1, box=box, key=seed)
    for number in count():
        lat, lon = sampling_site(request, number)
        if is_land(lat, lon) and not near_a_site(lat, lon):
            yield lat, lon


def near_a_site(lat: float, lon: float) -> bool:
    """Say whether windows of a place may lie within a degree of a site of evaluation."""
    return any(
        abs(lat - site.lat) < _AWAY and abs((lon - site.lon + 180) % 360 - 180) < _AWAY
        for site in SITES
    )


class _Window(NamedTuple):
    """A window of a chain: fields as in Chain, and its own parent."""

    parent: Pixels
    ground: NDArray[np.int16]
    codes: NDArray[np.int8]
    coverage: NDArray[np.uint8]
    gsd: np.float32
    looks: NDArray[np.float32]


_STACKED = ("ground", "codes", "coverage", "gsd", "looks")


class ChainPlace:
    """Takes chains from a place of a world, whose tiles are kept until it is done."""

    def __init__(self, cascade: Cascade, seed: int, window: int) -> None:
        self.cascade, self.seed, self.side = cascade, seed, window
        self._tiles: dict[Tile, Pixels] = {}

    def chains(self, lat: float, lon: float) -> list[Chain]:
        """Return the chains of a place at degrees: the first lies round it."""
        zooms = self.cascade.sampler.zooms
        middle = cell_at(lon, lat, TILE_SIZE << zooms[0] - 2)
        # Corners are even, as those of all windows are.
        x, y = (at - self.side // 2 & ~1 for at in middle)
        return [self._chain(x + right, y + down) for right, down in BESIDE]

    def _chain(self, x: int, y: int) -> Chain:
        """Collect the windows of a chain, the first at a parent pixel."""
        windows: list[_Window] = []
        child: Pixels | None = None
        for zoom in self.cascade.sampler.zooms:
            area = Rectangle(x, y, self.side, self.side)
            window, drawn = self._window(zoom, area, child)
            windows.append(window)
            # The next one lies in the middle of its child.
            edge = (SCALE - 1) * self.side // 2
            child = drawn[edge : edge + self.side, edge : edge + self.side]
            x, y = SCALE * x + edge, SCALE * y + edge
        return Chain(
            windows[0].parent, np.array(self.cascade.sampler.zooms),
            *(np.stack([getattr(each, name) for each in windows]) for name in _STACKED),
        )  # fmt: skip

    def _window(self, zoom: int, area: Rectangle, child: Pixels | None) -> tuple[_Window, Pixels]:
        """Take a window of parent pixels, whose stage above drew `child`; returns its own, too."""
        cascade, stage = self.cascade, self.cascade.stage_at(zoom)
        assert isinstance(stage, LayoutStage)
        # What the stage draws from, with its margin.
        outer, inner = area.grown(stage.margin), slice(stage.margin, -stage.margin)
        parent = cascade.ground(self.seed, outer, zoom - 2, self._read).dry
        codes = cascade.latent(self.seed, zoom, outer, self._read)
        coverage = np.ones((SCALE * self.side,) * 2, np.float32)
        if stage.fading:
            coverage = code_coverage(codes, stage.margin)
        # What it draws; in fields and towns a part of the detail.
        overlay = cascade.overlay(self.seed, zoom, area)
        detail = None if overlay is None else overlay.detail
        if detail is not None:
            coverage = coverage * detail
        resolutions = child_resolutions(outer, zoom - 2)
        level = cascade.sampler.augmentation[cascade.sampler.zooms.index(zoom)]
        drawn = stage(parent, codes, resolutions, level, detail)
        own = parent[inner, inner]
        ground = own.astype(np.int16) - (own if child is None else child)
        window = _Window(
            own, ground, codes[:, inner, inner], np.rint(255 * coverage).astype(np.uint8),
            np.float32(resolutions[len(resolutions) // 2]), look_of(drawn),
        )  # fmt: skip
        return window, drawn

    def _read(self, tile: Tile) -> Pixels:
        if tile not in self._tiles:
            self.cascade.render(self.seed, tile, self._tiles)
        return self._tiles[tile]
