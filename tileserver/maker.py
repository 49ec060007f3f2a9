"""Makes tiles without a server: what a tile needs first, then its block, stored in batches."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.block import Block
from generator.tile import Tile
from tileserver.encode import encode_png
from tileserver.errors import CacheError

if TYPE_CHECKING:
    from generator.cascade import Renderer
    from tileserver.cache import TileCache

Pixels = NDArray[np.uint8]

BATCH_TILES = 64
BATCH_SECONDS = 1.0
RETRY_SECONDS = 1.0
RECENT_TILES = 256
"""Decoded tiles kept for their neighbours and children: 256 x 192 KiB = 48 MiB."""


@dataclass(slots=True)
class Cost:
    """What the tiles of one zoom took: how many, compute seconds, encode seconds, PNG bytes.

    A block's computing counts for the tiles of its stage alone.
    """

    tiles: int = 0
    compute: float = 0.0
    encode: float = 0.0
    size: int = 0


class Maker:
    """Makes tiles of one world, in one thread, with all that they need.

    renderer, seed: decide the world. cache: where tiles are looked up and stored; None keeps
    everything in memory and stores nothing. cost: what was spent so far, per zoom.
    """

    def __init__(self, renderer: Renderer, seed: int, cache: TileCache | None = None) -> None:
        self.renderer = renderer
        self.seed = seed
        self.cache = cache
        self.cost: dict[int, Cost] = {}
        self._world = renderer.fingerprint(seed)
        self._recent: OrderedDict[Tile, Pixels] = OrderedDict()
        self._pending: dict[Tile, bytes] = {}
        self._flushed = time.monotonic()
        self._recorded = False

    def has(self, tile: Tile) -> bool:
        """Say whether the tile is made already."""
        if self.cache is None:
            return tile in self._recent
        return tile in self._pending or self.cache.has(self._world, tile)

    def pixels(self, tile: Tile) -> Pixels:
        """Return a made tile as uint8 [256, 256, 3]; one whose stored bytes are damaged is remade.

        Raises LookupError if it is not there.
        """
        if tile not in self._recent and self.cache is not None:
            if tile in self._pending:
                self.flush()
            found = self.cache.pixels(self._world, tile)
            if found is None:
                self.make(tile)
            else:
                self._remember(tile, found)
        if tile not in self._recent:
            raise LookupError(f"tile {tile} is no longer there, expected it to stay in the cache")
        self._recent.move_to_end(tile)
        return self._recent[tile]

    def make(self, tile: Tile, count: Callable[[Tile], None] = lambda tile: None) -> None:
        """Make the tile's block and what it needs, unless the tile is there.

        count: hears of every tile that is made.
        """
        if self.has(tile):
            return
        from generator.cascade import order  # torch takes seconds to import

        for block in order(self.renderer, tile, self.has):
            for made in self._make_block(block):
                count(made)
        if time.monotonic() - self._flushed > BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Store what was made since the last time. Raises CacheError if it fails twice."""
        if self._pending and self.cache is not None:
            try:
                self._store(self.cache)
            except CacheError:
                time.sleep(RETRY_SECONDS)
                self._store(self.cache)
        self._pending.clear()
        self._flushed = time.monotonic()

    def _store(self, cache: TileCache) -> None:
        if not self._recorded:
            describe = getattr(self.renderer, "describe", dict)
            cache.record(self._world, {"seed": str(self.seed), **describe()})
            self._recorded = True
        cache.put_many(self._world, list(self._pending.items()))

    def _make_block(self, block: Block) -> list[Tile]:
        """Compute a block and keep those of its tiles that are not there; return these."""
        started = time.perf_counter()
        pixels = self.renderer.compute(self.seed, block, self.pixels)
        computed = time.perf_counter() - started
        made = [tile for tile in block.tiles if not self.has(tile)]
        for tile in made:
            self._keep(tile, pixels[tile])
        stage = [tile for tile in block.tiles if tile.z == (block.stage or tile.z)]
        for tile in stage:
            self.cost.setdefault(tile.z, Cost()).compute += computed / len(stage)
        return made

    def _keep(self, tile: Tile, pixels: Pixels) -> None:
        cost = self.cost.setdefault(tile.z, Cost())
        started = time.perf_counter()
        payload = encode_png(pixels)
        cost.encode += time.perf_counter() - started
        cost.tiles += 1
        cost.size += len(payload)
        if self.cache is not None:
            self._pending[tile] = payload
            if len(self._pending) >= BATCH_TILES:
                self.flush()
        self._remember(tile, pixels)

    def _remember(self, tile: Tile, pixels: Pixels) -> None:
        self._recent[tile] = pixels
        if self.cache is not None and len(self._recent) > RECENT_TILES:
            self._recent.popitem(last=False)
