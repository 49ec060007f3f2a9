"""Makes tiles without a server: what a tile needs first, then its block, each stored at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.cascade.ancestors import ancestors_of
from generator.cascade.renderer import PixelCache, Renderer, in_order
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.encode import encode_png
from tileserver.errors import CacheError, CacheFullError
from tileserver.rendering.models import describe

if TYPE_CHECKING:
    from generator.grid.block import Block
    from tileserver.cache.claims import Claims
    from tileserver.cache.tilecache import TileCache

RETRY_SECONDS = 1.0
POLL_SECONDS = (0.02, 0.5)
"""Shortest and longest pause between two looks at a block that another program makes."""

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


class BlockTakenError(Exception):
    """A block is being made by another program, and the caller would rather not wait for it."""


class BatchRenderer:
    """Makes tiles of one world, in one thread, with all that they need.

    A block is stored, durably, before the next one is begun: whatever ends the program, at most the
    block in hand is lost.
    renderer, seed: decide the world. cache: where tiles are looked up and stored; None keeps
    everything in memory and stores nothing. claims: agree with other programs on the cache who
    makes a block; None for nobody else. parts: draw of missing ancestors only what is read, where
    the renderer can, for few tiles; many have use for all of them. cost: what was spent so far, per
    zoom.
    """

    def __init__(
        self,
        renderer: Renderer,
        seed: int,
        cache: TileCache | None = None,
        claims: Claims | None = None,
        parts: bool = False,
    ) -> None:
        self.renderer = renderer
        self._ancestors = ancestors_of(renderer, parts)
        self.seed = seed
        self.cache = cache
        self.claims = claims
        self.world = renderer.fingerprint(seed)
        self.cost: dict[int, Cost] = {}
        self._recent = PixelCache(None if cache is None else RECENT_TILES)
        self._recorded = False

    def has(self, tile: Tile) -> bool:
        """Say whether the tile is made already."""
        if self.cache is None:
            return tile in self._recent
        return self.cache.has(self.world, tile)

    def pixels(self, tile: Tile) -> Pixels:
        """Return a made tile as uint8 [256, 256, 3]; one whose stored bytes are damaged is remade.

        Raises LookupError if it is not there.
        """
        if tile not in self._recent and self.cache is not None:
            found = self.cache.pixels(self.world, tile)
            if found is None:
                self.make(tile)
            else:
                self._recent.put(tile, found)
        if tile not in self._recent:
            raise LookupError(f"tile {tile} is no longer there, expected it to stay in the cache")
        return self._recent[tile]

    def make(
        self, tile: Tile, count: Callable[[Tile], None] = lambda tile: None, wait: bool = True
    ) -> None:
        """Make and store the tile's block and what it needs, unless the tile is there.

        count: hears of every tile that is made. wait: for blocks that another program makes just
        now; False raises BlockTakenError instead, unless the block is of the base map and soon
        there. Raises CacheError if a block cannot be stored at the second try either.
        """
        for block in in_order(tile, self.has, self._inputs):
            for made in self._obtain(block, wait or block.stage is None):
                count(made)

    def _obtain(self, block: Block, wait: bool) -> list[Tile]:
        """Make a block, or wait until another program has; return the tiles made here."""
        if self.claims is None:
            return self._make_block(block)
        pause, longest = POLL_SECONDS
        while (claim := self.claims.take(self.world, block)) is None:
            if not wait:
                raise BlockTakenError(f"block {block} is being made by another program")
            time.sleep(pause)
            pause = min(2 * pause, longest)
            if self._has_all(block):
                return []
        with claim:
            return [] if self._has_all(block) else self._make_block(block)

    def _inputs(self, block: Block) -> list[Block]:
        return self._ancestors.inputs(self.seed, block, self.has)

    def _has_all(self, block: Block) -> bool:
        return all(map(self.has, block.tiles))

    def _make_block(self, block: Block) -> list[Tile]:
        """Compute a block and store those of its tiles that are not there; return these."""
        started = time.perf_counter()
        pixels = self._ancestors.compute(self.seed, block, self.pixels, self.has)
        computed = time.perf_counter() - started
        made = [tile for tile in block.tiles if not self.has(tile)]
        payloads = [(tile, self._encode(tile, pixels[tile])) for tile in made]
        if self.cache is not None:
            self._store(self.cache, payloads)
        for tile in made:
            self._recent.put(tile, pixels[tile])
        stage = [tile for tile in block.tiles if tile.z == (block.stage or tile.z)]
        for tile in stage:
            self.cost.setdefault(tile.z, Cost()).compute += computed / len(stage)
        return made

    def _encode(self, tile: Tile, pixels: Pixels) -> bytes:
        cost = self.cost.setdefault(tile.z, Cost())
        started = time.perf_counter()
        payload = encode_png(pixels)
        cost.encode += time.perf_counter() - started
        cost.tiles += 1
        cost.size += len(payload)
        return payload

    def _store(self, cache: TileCache, tiles: list[tuple[Tile, bytes]]) -> None:
        """Store tiles in one durable transaction. Raises CacheError if it fails twice."""
        if not self._recorded:
            cache.worlds.record(self.world, {"seed": str(self.seed), **describe(self.renderer)})
            self._recorded = True
        try:
            cache.put_many(self.world, tiles)
        except CacheFullError:
            raise
        except CacheError:
            time.sleep(RETRY_SECONDS)
            cache.put_many(self.world, tiles)
