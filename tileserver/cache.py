"""The tile cache: PNG tiles of many worlds in one LMDB directory that several programs may share.

Key: 16-byte world || 8-byte Hilbert number of the tile. Value: kind (one byte, 0 = PNG) || 16-byte
digest of the payload || payload. The first read of a tile in each process checks the digest, since
hashing takes longer than all else about a hit; what does not fit counts as absent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import numpy as np
from numpy.typing import NDArray

from generator.tile import Tile
from tileserver.cachefiles import DATA, LOCK_SECONDS, DirectoryLock
from tileserver.encode import decode_png
from tileserver.errors import CacheError, CacheFullError
from tileserver.tileid import tile_id, tile_of

__all__ = ["DEFAULT_LIMIT", "CacheError", "CacheFullError", "Entry", "TileCache", "digest_of"]

DEFAULT_LIMIT = 20 << 30
"""Bytes that the data file may grow to unless the settings say otherwise."""

MAP_SIZE = 1 << 40
"""Address space to reserve; the same in every program, so that none outgrows another's map."""

WORLD_BYTES = 16
DIGEST_BYTES = 16

REMEMBERED = 1 << 16
"""Keys of tiles that were read and found whole; when there are more, all are checked again."""

_FORMAT = b"elsewhere tile cache 1"
_MARK = b"format"
_KIND_PNG = b"\0"
_HEAD_BYTES = len(_KIND_PNG) + DIGEST_BYTES


class Entry(NamedTuple):
    """A stored tile: its PNG bytes and their 16-byte digest."""

    payload: bytes
    digest: bytes


def digest_of(payload: bytes | memoryview) -> bytes:
    """Return the 16-byte digest that stored bytes are checked against."""
    return hashlib.sha256(payload).digest()[:DIGEST_BYTES]


class TileCache:
    """Tiles by (world, tile); a world is the 16-byte fingerprint of all that decides its pixels.

    Reads take microseconds and may run anywhere; writes wait for the disk and for other programs.
    damaged: how many stored values did not match their digest when they were read.
    """

    def __init__(self, path: Path, limit: int, lock: DirectoryLock, env: lmdb.Environment) -> None:
        self.path = path
        self.limit = limit
        self.damaged = 0
        self._lock = lock
        self._env = env
        self._tiles: Any = None
        self._worlds: Any = None
        self._bad: set[bytes] = set()
        self._whole: set[bytes] = set()

    @classmethod
    def open(
        cls, path: Path, limit: int = DEFAULT_LIMIT, patience: float = LOCK_SECONDS
    ) -> TileCache:
        """Open or create the cache in a directory, and prove that it can be written.

        limit: bytes the data file may grow to. patience: seconds to wait for other programs.
        Raises CacheError.
        """
        lock = DirectoryLock(path, patience)
        try:
            env = lmdb.open(
                str(path),
                map_size=MAP_SIZE,
                max_dbs=2,
                max_readers=1024,
                max_spare_txns=4,
                readahead=False,
                meminit=False,
            )
        except (lmdb.Error, OSError) as error:
            lock.close()
            raise CacheError(f"the cache in {path} cannot be opened: {error}") from None
        cache = cls(path, limit, lock, env)
        try:
            cache._prepare(patience)
        except BaseException:
            lock.close()
            raise
        return cache

    def close(self) -> None:
        """Close the files; a second call does nothing."""
        self._env.close()
        self._lock.close()

    def get(self, world: bytes, tile: Tile) -> bytes | None:
        """Return the stored PNG, or None if it is absent or damaged."""
        entry = self.entry(world, tile)
        return entry.payload if entry else None

    def entry(self, world: bytes, tile: Tile) -> Entry | None:
        """Return the stored PNG with its digest, or None if it is absent or damaged."""
        key = _key(world, tile)
        with self._reading() as txn:
            value = txn.get(key, db=self._tiles)
            if value is None:
                return None
            entry = _unpack(value, check=key not in self._whole)
        if entry is None:
            self._damage(key)
        elif key not in self._whole:
            if len(self._whole) >= REMEMBERED:
                self._whole.clear()
            self._whole.add(key)
            self._bad.discard(key)
        return entry

    def has(self, world: bytes, tile: Tile) -> bool:
        """Say whether the tile is stored, without looking at its bytes."""
        key = _key(world, tile)
        with self._reading() as txn:
            return key not in self._bad and txn.get(key, db=self._tiles) is not None

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

    def put_many(self, world: bytes, tiles: Iterable[tuple[Tile, bytes]]) -> None:
        """Store PNGs of one world in one durable transaction. Raises CacheError."""
        self.put_batch((world, tile, payload) for tile, payload in tiles)

    def put_batch(self, tiles: Iterable[tuple[bytes, Tile, bytes]]) -> None:
        """Store (world, tile, PNG) in one durable transaction; sound tiles there stay as they are.

        Raises CacheError, after which nothing of the batch is stored.
        """
        if self.size >= self.limit:
            raise CacheFullError(
                f"the cache in {self.path} is full: {self.size} bytes, the limit is {self.limit}"
            )
        keys = []
        with self._writing() as txn:
            for world, tile, payload in tiles:
                key = _key(world, tile)
                keys.append(key)
                value = _KIND_PNG + digest_of(payload) + payload
                txn.put(key, value, overwrite=key in self._bad, db=self._tiles)
        self._bad.difference_update(keys)

    def record(self, world: bytes, about: dict[str, Any]) -> None:
        """Write down what made a world's tiles. Raises CacheError."""
        with self._writing() as txn:
            txn.put(world, json.dumps(about, sort_keys=True).encode(), db=self._worlds)

    def worlds(self) -> dict[bytes, dict[str, Any]]:
        """Return what made the tiles of each world in the cache."""
        with self._reading() as txn:
            return {
                bytes(world): json.loads(bytes(about))
                for world, about in txn.cursor(db=self._worlds)
            }

    def count(self, world: bytes | None = None) -> int:
        """Return how many tiles are stored, of one world or (at once) of all."""
        if world is not None:
            return sum(1 for _ in self.tiles(world))
        with self._reading() as txn:
            return int(txn.stat(self._tiles)["entries"])

    def tiles(self, world: bytes) -> Iterator[Tile]:
        """Yield the stored tiles of a world, zoom by zoom; do not write while iterating."""
        with self._reading() as txn:
            cursor = txn.cursor(db=self._tiles)
            found = cursor.set_range(world)
            while found and bytes(cursor.key()[:WORLD_BYTES]) == world:
                yield tile_of(int.from_bytes(cursor.key()[WORLD_BYTES:], "big"))
                found = cursor.next()

    def verify(self) -> list[tuple[bytes, Tile]]:
        """Read every stored tile and return the (world, tile) of those that are damaged."""
        damaged = []
        with self._reading() as txn:
            for key, value in txn.cursor(db=self._tiles):
                if _unpack(value) is None:
                    number = int.from_bytes(key[WORLD_BYTES:], "big")
                    damaged.append((bytes(key[:WORLD_BYTES]), tile_of(number)))
        return damaged

    @property
    def size(self) -> int:
        """Return how many bytes the data file has."""
        try:
            return (self.path / DATA).stat().st_size
        except OSError as error:
            raise CacheError(f"the cache in {self.path} is gone: {error.strerror}") from None

    def _damage(self, key: bytes) -> None:
        self._whole.discard(key)
        if key not in self._bad:
            self._bad.add(key)
            self.damaged += 1

    def _prepare(self, patience: float) -> None:
        """Mark or recognise the file as ours; gives up when another program keeps writing."""
        outcome: list[BaseException | None] = []

        def write() -> None:
            try:
                self._mark()
                outcome.append(None)
            except BaseException as error:
                outcome.append(error)

        thread = threading.Thread(target=write, name="cache-open", daemon=True)
        thread.start()
        thread.join(patience)
        if not outcome:
            raise CacheError(
                f"the cache in {self.path} is locked: another program has been writing for "
                f"{patience:g} s, expected it to finish; stop it or give another --cache"
            )
        if outcome[0] is not None:
            self._env.close()
            raise outcome[0]

    def _mark(self) -> None:
        self._env.reader_check()
        with self._writing() as txn:
            mark = txn.get(_MARK)
            if mark is None and txn.stat()["entries"]:
                raise CacheError(
                    f"the file {self.path / DATA} belongs to another program, "
                    "expected a tile cache or an empty directory; give another with --cache"
                )
            if mark is not None and bytes(mark) != _FORMAT:
                raise CacheError(
                    f"the cache in {self.path} is of another version ({bytes(mark)!r}), "
                    f"expected {_FORMAT!r}; give another with --cache"
                )
            txn.put(_MARK, _FORMAT)
            self._tiles = self._env.open_db(b"tiles", txn=txn)
            self._worlds = self._env.open_db(b"worlds", txn=txn)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction[memoryview]]:
        try:
            with self._env.begin(buffers=True) as txn:
                yield txn
        except lmdb.Error as error:
            raise CacheError(f"the cache in {self.path} cannot be read: {error}") from error

    @contextlib.contextmanager
    def _writing(self) -> Iterator[lmdb.Transaction[memoryview]]:
        try:
            with self._env.begin(write=True, buffers=True) as txn:
                yield txn
        except (lmdb.Error, OSError) as error:
            raise CacheError(f"the cache in {self.path} cannot be written: {error}") from error


def _key(world: bytes, tile: Tile) -> bytes:
    if len(world) != WORLD_BYTES:
        raise CacheError(f"a world has {len(world)} bytes, expected {WORLD_BYTES}")
    return world + tile_id(tile).to_bytes(8, "big")


def _unpack(value: memoryview, check: bool = True) -> Entry | None:
    """Return what a stored value holds, or None if it is damaged."""
    if len(value) <= _HEAD_BYTES or value[:1] != _KIND_PNG:
        return None
    digest, payload = bytes(value[1:_HEAD_BYTES]), bytes(value[_HEAD_BYTES:])
    if check and digest_of(payload) != digest:
        return None
    return Entry(payload, digest)
