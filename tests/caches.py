"""Small caches for tests: payloads, fills, and uses long ago."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from generator.grid.tile import Tile
from tileserver.cache.store import HEAD
from tileserver.cache.tilecache import TileCache
from tileserver.cache.verification import check_all
from tileserver.regions.tileid import tile_id, tile_of

WORLD = b"w" * 16
OTHER = b"x" * 16


def payload(tile: Tile, size: int = 20_000) -> bytes:
    """Return bytes that nobody else has; no PNG, which the cache does not mind."""
    return random.Random(str(tile)).randbytes(size)


def fill(
    cache: TileCache, tiles: Iterable[Tile], world: bytes = WORLD, size: int = 20_000
) -> list[Tile]:
    """Store a payload of each tile, 16 in a transaction; return the tiles."""
    stored = list(tiles)
    for place in range(0, len(stored), 16):
        batch = stored[place : place + 16]
        cache.put_many(world, [(tile, payload(tile, size)) for tile in batch])
    return stored


def damaged(cache: TileCache) -> list[tuple[bytes, Tile]]:
    """Read every stored tile; return the (world, tile) of those that are damaged."""
    return check_all(cache.store).tiles


def tiles_of(cache: TileCache, world: bytes) -> Iterator[Tile]:
    """Yield the stored tiles of a world, zoom by zoom."""
    return map(tile_of, cache.scan(world))


def row(zoom: int, count: int, y: int = 0) -> list[Tile]:
    """Return tiles that lie side by side."""
    return [Tile(zoom, x, y) for x in range(count)]


def age(cache: TileCache, tiles: Iterable[Tile], minutes: int, world: bytes = WORLD) -> None:
    """Make the last known use of some tiles older."""
    with cache.store.writing() as txn:
        for tile in tiles:
            key = world + store_id(tile)
            value = txn.get(key, None, cache.store.tiles)
            kind, used, modified, digest = HEAD.unpack_from(value)
            head = HEAD.pack(kind, used - minutes, modified, digest)
            txn.put(key, head + value[HEAD.size :], db=cache.store.tiles)


def store_id(tile: Tile) -> bytes:
    """Return the end of a tile's key."""
    return tile_id(tile).to_bytes(8, "big")
