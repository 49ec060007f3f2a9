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
from tileserver.cache.eviction import Evictor
from tileserver.cache.insertion import Inserter
from tileserver.cache.maintenance import Maintenance
from tileserver.cache.pins import Pin, Pins
from tileserver.cache.recency import Recency
from tileserver.cache.removal import remove_tiles
from tileserver.cache.store import BLOB, HEAD, WORLD_BYTES, TileStore, digest_of
from tileserver.cache.uniform import COLOUR_BYTES
from tileserver.cache.worlds import Worlds
from tileserver.encode import decode_png
from tileserver.errors import CacheError, CacheFullError
from tileserver.regions.idranges import END, id_ranges
from tileserver.regions.region import Box
from tileserver.regions.tileid import tile_id
from tileserver.settings import DEFAULT_LIMIT

__all__ = ["CacheError", "CacheFullError", "CachedTile", "TileCache", "digest_of"]

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
    """

    def __init__(self, path: Path, lock: DirectoryLock, store: TileStore) -> None:
        self.path = path
        self.limit = lock.limit
        self.damaged = 0
        self.store = store
        self.recency = Recency(store)
        self._pins = Pins(store)
        self._worlds = Worlds(store)
        self.evictor = Evictor(store, self.limit, self._pins, self.recency)
        self._lock = lock
        self._maintenance = Maintenance(store, self.evictor, self.recency)
        self._inserter = Inserter(store, self.evictor, self._maintenance)
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
        _check_world(world)
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
        for keys in self._inserter.tiles((_key(w, tile), payload) for w, tile, payload in tiles):
            self._bad.difference_update(keys)

    def put_variants(self, variants: Iterable[tuple[bytes, Tile, int, bytes]]) -> bool:
        """Store (world, tile, variant 1 to 255, payload) in one transaction; say whether it was.

        They can be made again, so they are left out while room is scarce. Raises CacheError.
        """
        rows = [(_key(world, tile, number), payload) for world, tile, number, payload in variants]
        stored = self._inserter.variants(rows)
        if stored:
            self._bad.difference_update(key for key, _ in rows)
        return stored

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
        removed = 0
        for gone in remove_tiles(self.store, world, id_ranges(bbox, zooms)):
            removed += gone
            report(removed)
        return removed

    # Worlds and pinned regions.

    def record(self, world: bytes, about: dict[str, Any]) -> None:
        """Write down what made a world's tiles, and when that was first done. Raises CacheError."""
        _check_world(world)
        self._worlds.record(world, about)

    def worlds(self) -> dict[bytes, dict[str, Any]]:
        """Return what made the tiles of each world in the cache."""
        return {world: about for world, (about, _) in self.recorded().items()}

    def recorded(self) -> dict[bytes, tuple[dict[str, Any], int]]:
        """Return what `worlds` does with the Unix second when each was first written down."""
        return self._worlds.all()

    def forget(self, world: bytes) -> None:
        """Remove what was written down about a world, and its pins. Raises CacheError."""
        self._worlds.forget(world)
        self.unpin(world)

    def pin(self, world: bytes, bbox: Box | None, zooms: Iterable[int]) -> None:
        """Keep a region (box None: the map) from eviction, stored now or later; once is enough.

        Raises TileError for a region off the map, CacheError.
        """
        _check_world(world)
        self._pins.add(world, bbox, zooms)

    def unpin(
        self,
        world: bytes | None = None,
        bbox: Box | None = None,
        zooms: Iterable[int] | None = None,
    ) -> int:
        """Unpin the regions that were pinned with just what is given; return how many."""
        return self._pins.remove(world, bbox, zooms)

    def pins(self) -> list[Pin]:
        """Return the pinned regions."""
        return self._pins.all()

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
        pages = self.store.pages()
        return pages.used * pages.size

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
        _check_world(world)
    key = world + tile_id(tile).to_bytes(8, "big")
    return key + bytes((variant,)) if variant else key


def _check_world(world: bytes) -> None:
    if len(world) != WORLD_BYTES:
        raise CacheError(f"a world has {len(world)} bytes, expected {WORLD_BYTES}")
