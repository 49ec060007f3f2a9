"""The tile cache: tiles of many worlds in one LMDB directory that several programs may share.

A tile's PNG is the master; variants made from it (other formats and sizes) are stored beside it
under a number of 1 to 255. The first read of a payload in each process checks its digest, since
hashing takes longer than all else about a hit; what does not fit counts as absent.

The size limit holds for the data file itself: LMDB's map is as large as the limit, so the file
cannot outgrow it whatever readers hold. LMDB needs the same size in every program that has the
file open, or a smaller map makes reads fail once another program has let the file grow: so the
first program in a directory decides for those that join it (`DirectoryLock`).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import Tile
from tileserver.cache.datafile import DATA
from tileserver.cache.directorylock import LOCK_SECONDS, DirectoryLock
from tileserver.cache.eviction import PATIENCE, START, STOP, Evictor
from tileserver.cache.maintenance import Maintenance
from tileserver.cache.pins import Pins
from tileserver.cache.recency import Recency
from tileserver.cache.store import (
    BLOB,
    HEAD,
    WORLD_BYTES,
    TileStore,
    check_world,
    digest_of,
)
from tileserver.cache.worlds import Worlds, namespaces
from tileserver.encode import COLOUR_BYTES, decode_png
from tileserver.errors import CacheError, CacheFullError
from tileserver.regions.idranges import END, id_ranges
from tileserver.regions.region import Box
from tileserver.regions.tileid import tile_id
from tileserver.settings import DEFAULT_LIMIT

__all__ = ["CacheError", "CacheFullError", "CachedTile", "TileCache", "digest_of"]

SLICE = 0.05
"""Share of the limit that one transaction may store."""

FLOOR = 0.5
"""Share of the limit below which a file without usable pages is no reason to evict."""

CHUNK = 256
"""Rows removed in one transaction."""

Row = tuple[bytes, bytes]
"""Key and payload."""

REMEMBERED = 1 << 16
"""Digests of payloads that were read and found whole; when there are more, all start again."""


class CachedTile(NamedTuple):
    """A stored tile: its bytes, their 16-byte digest, and the Unix second when they were stored."""

    payload: bytes
    digest: bytes
    modified: int = 0

    @classmethod
    def now(cls, payload: bytes) -> CachedTile:
        """Return what the cache will hold of a payload that is stored now."""
        return cls(payload, digest_of(payload), int(time.time()))


class TileCache:
    """Tiles by (world, tile); a world is the 16-byte fingerprint of all that decides its pixels.

    Reads take microseconds and may run anywhere; writes wait for the disk and for other programs.
    limit: bytes of the data file. damaged: how many tiles did not match their digest when read.
    pins: regions that eviction spares. worlds: what made each world's tiles.
    """

    def __init__(self, path: Path, lock: DirectoryLock, store: TileStore) -> None:
        self.path = path
        self.limit = lock.limit
        self.damaged = 0
        self.store = store
        self.recency = Recency(store)
        self.pins = Pins(store)
        self.worlds = Worlds(store)
        self.evictor = Evictor(store, self.limit, self.pins, self.recency)
        self._lock = lock
        self._maintenance = Maintenance(store, self.evictor, self.recency)
        self._env = store.env
        self._tables = (store.tiles, store.variants)
        self._bad: set[bytes] = set()
        self._whole: set[bytes] = set()

    @classmethod
    def open(
        cls, path: Path, limit: int = DEFAULT_LIMIT, patience: float = LOCK_SECONDS
    ) -> TileCache:
        """Open or create the cache in a directory.

        limit: bytes the data file may grow to, unless other programs have it open with another
        limit. patience: seconds to wait for other programs. Raises CacheError.
        """
        lock = DirectoryLock(path, patience, limit)
        try:
            return cls(path, lock, TileStore.open(path, lock.map_size, patience))
        except BaseException:
            lock.close()
            raise

    def close(self) -> None:
        """Write down what was read and close the files; a second call does nothing.

        While another program keeps writing for seconds, they stay open until this process ends.
        """
        if self._maintenance.close():
            self._env.close()
            self._lock.close()

    # Reading.

    def get(self, world: bytes, tile: Tile) -> bytes | None:
        """Return the stored PNG, or None if it is absent or damaged."""
        entry = self.entry(world, tile)
        return entry.payload if entry else None

    def entry(self, world: bytes, tile: Tile, variant: int = 0) -> CachedTile | None:
        """Return the stored PNG, or a variant made from it, or None if it is absent or damaged."""
        key = _key(world, tile, variant)
        try:
            with self._env.begin() as txn:
                row = txn.get(key, None, self._tables[variant > 0])
                if row is None:
                    return None
                if len(row) == HEAD.size and row[0] == BLOB:
                    _, used, modified, digest = HEAD.unpack(row)
                    payload = txn.get(digest, None, self.store.blobs)
                elif len(row) == HEAD.size + COLOUR_BYTES:
                    _, used, modified, digest = HEAD.unpack_from(row)
                    payload = self.store.payload(txn, row)
                else:
                    digest, payload, used, modified = b"", None, 0, 0
        except lmdb.Error as error:
            raise self.store.unreadable(error) from error
        if digest not in self._whole and not self._check(key, digest, payload):
            return None
        if payload is None:
            self._damage(key)
            return None
        if used < self.recency.stale:
            self.recency.mark(key)
        return CachedTile(payload, digest, modified)

    def has(self, world: bytes, tile: Tile) -> bool:
        """Say whether the tile is stored, without looking at its bytes."""
        key = _key(world, tile)
        if key in self._bad:
            return self.entry(world, tile) is not None
        with self.store.reading() as txn:
            return txn.get(key, None, self.store.tiles) is not None

    def pixels(self, world: bytes, tile: Tile) -> NDArray[np.uint8] | None:
        """Return a stored tile as uint8 [256, 256, 3], or None if it is absent or damaged."""
        payload = self.get(world, tile)
        if payload is None:
            return None
        try:
            return decode_png(payload)
        except ValueError:
            self._damage(_key(world, tile))
            return None

    def scan(self, world: bytes, first: int = 0, last: int = END) -> Iterator[int]:
        """Yield the numbers (`tile_id`) of the stored tiles from `first` to `last`, rising.

        Reads ahead in short transactions: take as long as you like, and write meanwhile. Bytes are
        not looked at. Some millions a second.
        """
        check_world(world)
        start, end = world + first.to_bytes(8, "big"), world + (last + 1).to_bytes(8, "big")
        for rows in self.store.walk(self.store.tiles, start, end):
            yield from (int.from_bytes(key[WORLD_BYTES:], "big") for key, _ in rows)

    def count(self, world: bytes | None = None) -> int:
        """Return how many tiles are stored, of one world or (at once) of all."""
        if world is not None:
            return sum(1 for _ in self.scan(world))
        with self.store.reading() as txn:
            return int(txn.stat(self.store.tiles)["entries"])

    # Writing.

    def put_many(self, world: bytes, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Store PNGs of one world in one durable transaction. Raises as `put_batch` does."""
        self.put_batch((world, tile, payload) for tile, payload in tiles)

    def put_batch(self, tiles: Iterable[tuple[bytes, Tile, bytes]]) -> None:
        """Store (world, tile, PNG) durably; sound tiles that are there stay as they are.

        One transaction, unless the batch is large against the limit. Raises CacheError, after which
        nothing of that transaction is stored; CacheFullError when nothing can be evicted.
        """
        batch: list[Row] = []
        size = 0
        for world, tile, payload in tiles:
            batch.append((_key(world, tile), payload))
            size += len(payload)
            if size > SLICE * self.limit:
                self._put_tiles(batch)
                batch, size = [], 0
        if batch:
            self._put_tiles(batch)

    def put_variants(self, variants: Iterable[tuple[bytes, Tile, int, bytes]]) -> bool:
        """Store (world, tile, variant 1 to 255, payload) in one transaction; say whether it was.

        They can be made again, so they are left out while room is scarce. Raises CacheError.
        """
        rows = [(_key(world, tile, number), payload) for world, tile, number, payload in variants]
        if self._is_crowded(rows, START):
            return False
        self._put(self.store.variants, rows)
        return True

    def remove(
        self,
        world: bytes | None = None,
        bbox: Box | None = None,
        zooms: Iterable[int] | None = None,
        report: Callable[[int], None] = lambda removed: None,
    ) -> int:
        """Remove the tiles of a world (None: all), box and zooms, pinned or not; return how many.

        Small transactions, after each of which `report` hears how many tiles are gone. Only their
        part of the database is read. Raises TileError for a box off the map, CacheError.
        """
        store, removed, ranges = self.store, 0, id_ranges(bbox, zooms).ranges
        for each in namespaces(store) if world is None else [world]:
            for first, end in ranges:
                start, stop = (each + number.to_bytes(8, "big") for number in (first, end))
                for table in self._tables:  # variants: those whose tile is gone
                    for rows in store.walk(table, start, stop, CHUNK):
                        with store.writing() as txn:
                            gone = sum(store.drop(txn, table, key) for key, _ in rows)
                        removed += gone if table is store.tiles else 0
                        report(removed)
        return removed

    # Care.

    def prove(self) -> None:
        """See that tiles can be stored, as far as the disk goes. Raises CacheError."""
        with contextlib.suppress(CacheFullError):  # only the limit, and who stores makes room
            self.store.prove()

    @property
    def size(self) -> int:
        """Return how many bytes the data file has."""
        try:
            return (self.path / DATA).stat().st_size
        except OSError as error:
            raise CacheError(f"the cache in {self.path} is gone: {error.strerror}") from None

    @property
    def rows(self) -> int:
        """Return how many tiles and variants are stored."""
        with self.store.reading() as txn:
            return sum(int(txn.stat(table)["entries"]) for table in self._tables)

    @property
    def used(self) -> int:
        """Return how many bytes of the data file are in use; the rest is used again."""
        return self.store.pages().used_bytes

    def _put_tiles(self, rows: list[Row]) -> None:
        """Store tiles in one transaction, making room where it is scarce."""
        if self._is_crowded(rows, STOP):
            self.evictor.make_room(patience=PATIENCE)
        if self._is_crowded(rows, STOP):
            raise CacheFullError(
                f"the cache in {self.path} is full: {self.evictor.share():.0%} of its limit of "
                f"{self.limit} bytes is in use, and nothing can be evicted now"
            )
        try:
            self._put(self.store.tiles, rows)
        except CacheFullError:
            if not self._loosen():
                raise
            self._put(self.store.tiles, rows)

    def _put(self, table: Any, rows: list[Row]) -> None:
        now = time.time()
        with self.store.writing() as txn:
            for key, payload in rows:
                self.store.put(txn, table, key, payload, now)
        self._bad.difference_update(key for key, _ in rows)
        if self.used >= START * self.limit:
            self._maintenance.wake()

    def _is_crowded(self, rows: list[Row], share: float) -> bool:
        """Say whether storing the rows would take more than a share of the limit."""
        pages = self.store.pages()
        needed = sum(len(payload) // pages.size + 2 for _, payload in rows)
        return (pages.used + needed) * pages.size > share * self.limit

    def _loosen(self) -> bool:
        """Evict, since the file is full although few of its pages are in use; say whether it did.

        Its free pages are then too scattered for new tiles, or a reader holds them: only the first
        is mended by eviction.
        """
        target = self.evictor.share() - 0.1
        if self.store.lag() > 2 or target < FLOOR:
            return False
        return self.evictor.make_room(target) > 0

    def _check(self, key: bytes, digest: bytes, payload: bytes | None) -> bool:
        """Check a payload that this process has not seen; remember it if it is whole."""
        if payload is None or digest_of(payload) != digest:
            self._damage(key)
            return False
        if len(self._whole) >= REMEMBERED:
            self._whole.clear()
        self._whole.add(digest)
        self._bad.discard(key)
        return True

    def _damage(self, key: bytes) -> None:
        if key not in self._bad:
            self._bad.add(key)
            self.damaged += 1


def _key(world: bytes, tile: Tile, variant: int = 0) -> bytes:
    if len(world) != WORLD_BYTES:
        check_world(world)
    key = world + tile_id(tile).to_bytes(8, "big")
    return key + bytes((variant,)) if variant else key
