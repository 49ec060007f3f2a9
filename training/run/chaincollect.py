"""Collects chains of the product's own worlds: the parents, codes and contrast of its windows.

Places are land, drawn by number, and far from the sites at which weights are evaluated. A place
gives a window of zoom 9, one of 11, and two of 13, each with the window of 15 in its middle.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import numpy as np

from generator.cascade.cascade import Cascade
from generator.cascade.layoutstage import LayoutStage, code_coverage
from generator.datasets.sites import Box, LandMask, PairRequest, sampling_site
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE, Tile, cell_at
from generator.grid.window import child_resolutions
from training.measure.sites import SITES
from training.samples import chainfile
from training.samples.chainbatches import LAST_ZOOM
from training.samples.chainfile import Chain
from training.samples.realwindows import look_of

PAIRS = 2
"""Chains of 13 and 15 from a place."""
_BOX: Box = (-180.0, -55.0, 180.0, 70.0)
"""West, south, east and north of the places, degrees."""
_AWAY = 1.5
"""Degrees between a place and a site: one, and half of one that the windows of a place may span."""
_MOVED = 900
"""Pixels of zoom 13 by which further windows of 15 lie off the first, at most."""
_ALIGNED = 16
"""Corners of windows of 15 are multiples of so many pixels: those of 13 are then even."""
_LEAST_COVERAGE = 0.4
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
            found = ChainPlace(cascade, seed, window).chains(*drawn[number], number)
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
    request = PairRequest((LAST_ZOOM,), 1, box=box, key=seed)
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


class ChainPlace:
    """Takes chains from a place of a world, whose tiles are kept until it is done."""

    def __init__(self, cascade: Cascade, seed: int, window: int) -> None:
        self.cascade, self.seed, self.side = cascade, seed, window
        self._tiles: dict[Tile, Pixels] = {}

    def chains(self, lat: float, lon: float, number: int) -> list[Chain]:
        """Return the chains of place `number`, at degrees."""
        random = np.random.Generator(np.random.Philox(key=[self.seed + 1, number]))
        # The place in pixels of zoom 13, which are the parents of 15.
        pixels = TILE_SIZE << 13
        middle = cell_at(lon, lat, pixels)
        made = [self._chain([self._round(zoom, middle)]) for zoom in (9, 11)]
        # Windows of 15 at and near it, each in the middle of one of 13.
        for pair in range(PAIRS):
            moved = random.integers(-_MOVED, _MOVED + 1, 2).tolist() if pair else (0, 0)
            x, y = (
                (at + off) // _ALIGNED * _ALIGNED for at, off in zip(middle, moved, strict=True)
            )
            edge = (SCALE - 1) * self.side // (2 * SCALE)
            upper = Rectangle(x // SCALE - edge, y // SCALE - edge, self.side, self.side)
            made.append(self._chain([(13, upper), (15, Rectangle(x, y, self.side, self.side))]))
        return made

    def _round(self, zoom: int, middle: tuple[int, int]) -> tuple[int, Rectangle]:
        """Return a window of a zoom round a pixel of zoom 13; its corner is even."""
        x, y = ((at >> (15 - zoom)) - self.side // 2 & ~1 for at in middle)
        return zoom, Rectangle(x, y, self.side, self.side)

    def _chain(self, windows: list[tuple[int, Rectangle]]) -> Chain:
        """Collect windows (zoom, parent pixels) as one chain."""
        parents, codes, coverage, gsd, looks = zip(
            *(self._window(*window) for window in windows), strict=True
        )
        zooms = np.array([zoom for zoom, _ in windows])
        return Chain(
            parents[0], zooms, np.stack(codes), np.stack(coverage),
            np.array(gsd, np.float32), np.stack(looks),
        )  # fmt: skip

    def _window(self, zoom: int, area: Rectangle) -> tuple[Any, ...]:
        """Return parent, codes, coverage, metres per pixel and look of a window, as in Chain."""
        cascade, stage = self.cascade, self.cascade.stage_at(zoom)
        assert isinstance(stage, LayoutStage)
        # What the stage draws from, with its margin.
        outer, inner = area.grown(stage.margin), slice(stage.margin, -stage.margin)
        parent = cascade.ground(outer, zoom - 2, self._read).dry
        codes = cascade.latent(self.seed, zoom, outer, self._read)
        coverage = np.ones((SCALE * self.side,) * 2, np.float32)
        if stage.fading:
            coverage = code_coverage(codes, stage.margin)
        # What it draws.
        resolutions = child_resolutions(outer, zoom - 2)
        level = cascade.sampler.augmentation[cascade.sampler.zooms.index(zoom)]
        look = look_of(stage(parent, codes, resolutions, level))
        return (
            parent[inner, inner], codes[:, inner, inner],
            np.rint(255 * coverage).astype(np.uint8), resolutions[len(resolutions) // 2], look,
        )  # fmt: skip

    def _read(self, tile: Tile) -> Pixels:
        if tile not in self._tiles:
            self.cascade.render(self.seed, tile, self._tiles)
        return self._tiles[tile]
