"""Reads all that a store holds, lists what is damaged, and repairs what can be repaired."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from generator.grid.errors import TileError
from generator.grid.tile import Tile
from tileserver.cache.store import (
    BLOB,
    DIGEST_BYTES,
    HEAD,
    KEY_BYTES,
    LAST,
    WORLD_BYTES,
    TileStore,
    Txn,
)
from tileserver.regions.tileid import tile_of

CHUNK = 256


@dataclass(slots=True)
class DamageReport:
    """What a look through a store found.

    tiles: (world, tile) whose PNG is damaged. keys: (table, key) of every damaged row, be it of a
    tile, of a variant or of nothing. orphans: payloads that no row needs, or whose rows are counted
    wrongly. checked: rows read.
    """

    tiles: list[tuple[bytes, Tile]] = field(default_factory=list)
    keys: list[tuple[Any, bytes]] = field(default_factory=list)
    orphans: int = 0
    checked: int = 0

    def __bool__(self) -> bool:
        """Say whether anything is damaged."""
        return bool(self.keys or self.orphans)


def check_all(
    store: TileStore, report: Callable[[int], None] = lambda checked: None
) -> DamageReport:
    """Read every payload and compare it with its digest; `report` hears how many rows are done.

    Others may write meanwhile. Remembers 16 bytes of every row. Raises CacheError.
    """
    found = DamageReport()
    for table in (store.tiles, store.variants):
        for rows in store.walk(table, b"", LAST, CHUNK):
            with store.reading() as txn:
                for key, row in rows:
                    if txn.get(key, None, table) == row:  # else a program that checks has been here
                        _check_row(store, txn, table, key, row, found)
            found.checked += len(rows)
            report(found.checked)
    with store.reading() as txn:
        found.orphans = len(_wrong_shares(store, txn))
    return found


def repair(store: TileStore, found: DamageReport) -> None:
    """Remove damaged rows and payloads that no row needs; correct counts. Raises CacheError.

    Others may write meanwhile, though they wait a second per million tiles in the end.
    """
    for place in range(0, len(found.keys), CHUNK):
        with store.writing() as txn:
            for table, key in found.keys[place : place + CHUNK]:
                row = txn.get(key, None, table)
                if row is not None and (_tile(key) is None or not store.sound(txn, row)):
                    txn.delete(key, db=table)
    with store.writing() as txn:
        for digest, shares in _wrong_shares(store, txn).items():
            store.set_shares(txn, digest, shares)


def _check_row(
    store: TileStore, txn: Txn, table: Any, key: bytes, row: bytes, found: DamageReport
) -> None:
    tile = _tile(key)
    if tile is None or not store.sound(txn, row):
        found.keys.append((table, key))
        if tile is not None and table is store.tiles:
            found.tiles.append((key[:WORLD_BYTES], tile))


def _wrong_shares(store: TileStore, txn: Txn) -> dict[bytes, int]:
    """Return how many rows have each payload for which another number is written down."""
    shares: Counter[bytes] = Counter()
    for table in (store.tiles, store.variants):
        for row in txn.cursor(db=table).iternext(keys=False):
            if len(row) >= HEAD.size and row[0] == BLOB:
                shares[row[HEAD.size - DIGEST_BYTES : HEAD.size]] += 1
    wrong = {}
    for digest in txn.cursor(db=store.blobs).iternext(values=False):
        right = shares.get(digest, 0)
        if right != store.shares(txn, digest):
            wrong[digest] = right
    return wrong


def _tile(key: bytes) -> Tile | None:
    """Return the tile that a key belongs to, or None for a key that cannot be one."""
    if len(key) not in (KEY_BYTES, KEY_BYTES + 1):
        return None
    try:
        return tile_of(int.from_bytes(key[WORLD_BYTES:KEY_BYTES], "big"))
    except TileError:
        return None
