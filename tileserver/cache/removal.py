"""Removes chosen tiles: ranges of numbers in the worlds that have tiles there."""

from __future__ import annotations

from collections.abc import Iterator

from tileserver.cache.store import TileStore
from tileserver.cache.worlds import namespaces
from tileserver.regions.idranges import IdRanges

CHUNK = 256
"""Rows removed in one transaction."""


def remove_tiles(store: TileStore, world: bytes | None, ranges: IdRanges) -> Iterator[int]:
    """Remove the tiles of a world (None: all) in the ranges, with their variants.

    Yields after each transaction how many tiles it removed. Raises CacheError.
    """
    for each in namespaces(store) if world is None else [world]:
        for first, end in ranges.ranges:
            start, stop = (each + number.to_bytes(8, "big") for number in (first, end))
            for table in (store.tiles, store.variants):  # variants: those whose tile is gone
                for rows in store.walk(table, start, stop, CHUNK):
                    with store.writing() as txn:
                        gone = sum(store.drop(txn, table, key) for key, _ in rows)
                    yield gone if table is store.tiles else 0
