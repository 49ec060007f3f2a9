"""Looks at every tile of a cache that the fake renderer filled, whoever stored it and when."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.caches import damaged, tiles_of
from tests.fakes import FakeRenderer
from tileserver.cache.tilecache import TileCache


def judge(directory: Path) -> tuple[int, list[Tile]]:
    """Return how many tiles are stored, and those that are not what the renderer makes.

    Each is compared with what its stored inputs give, and these are compared in turn.
    """
    cache, fake = TileCache.open(directory), FakeRenderer()
    world = fake.fingerprint(0)

    def read(tile: Tile) -> Pixels:
        pixels = cache.pixels(world, tile)
        assert pixels is not None, f"the input {tile} is not stored"
        return pixels

    try:
        assert list(cache.worlds.about()) == [world]
        stored = set(tiles_of(cache, world))
        bad = {tile for damaged, tile in damaged(cache) if damaged == world}
        for block in {Block.of(tile) for tile in stored}:
            for tile, pixels in fake.compute(0, block, read).items():
                if tile in stored and not np.array_equal(read(tile), pixels):
                    bad.add(tile)
        return len(stored), sorted(bad)
    finally:
        cache.close()
