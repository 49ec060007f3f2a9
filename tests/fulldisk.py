"""Fills the disk below a cache, reads on, and recovers when there is room again.

Usage: python -m tests.fulldisk DIRECTORY. The directory lies on a small disk of its own. Ends with
a traceback when something is not as promised, and by a signal if a full disk can do that.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from generator.grid.tile import Tile
from tests.caches import WORLD, age, damaged, fill, payload, row, tiles_of
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError, CacheFullError


def stores(cache: TileCache, tiles: list[Tile]) -> bool:
    """Store tiles; say whether the disk took them. Not even one of those refused may be there."""
    try:
        fill(cache, tiles)
    except CacheFullError:
        raise
    except CacheError as error:
        if "cannot be written" not in str(error):
            raise
        assert not any(cache.has(WORLD, tile) for tile in tiles)
        return False
    return True


def rehearse(directory: Path, fill_up: Callable[[], None], make_room: Callable[[], None]) -> int:
    """Store until the disk is full, and again once there is room; return the tiles stored."""
    cache = TileCache.open(directory, 64 << 20)
    stored: list[Tile] = fill(cache, row(5, 32))
    age(cache, stored, 500)
    fill_up()
    more = row(9, 16)
    while stores(cache, more):
        stored += more
        more = row(9, 16, more[0].y + 1)
    for _ in range(20):
        assert not stores(cache, more)
        assert all(cache.get(WORLD, tile) == payload(tile) for tile in stored)
    cache.evictor.make_room()
    assert all(cache.get(WORLD, tile) == payload(tile) for tile in stored)
    make_room()
    stored += fill(cache, row(9, 64, 300))
    assert all(cache.get(WORLD, tile) == payload(tile) for tile in stored)
    assert damaged(cache) == []
    cache.close()
    cache = TileCache.open(directory, 64 << 20)
    assert sorted(tiles_of(cache, WORLD)) == sorted(stored)
    assert cache.damaged == 0
    cache.close()
    assert not list(directory.glob("data.mdb.*"))
    return len(stored)


def main(directory: Path) -> None:
    """Fill the disk with a file beside the cache, and remove it again."""
    ballast = directory.parent / "ballast"

    def fill_up() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while os.fstatvfs(file.fileno()).f_bavail > 200:
                    file.write(bytes(1 << 16))
            except OSError:
                pass

    print(rehearse(directory, fill_up, ballast.unlink), "tiles stored")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
