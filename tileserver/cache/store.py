"""The database below the tile cache: its tables, its rows, and transactions on them.

tiles: 16-byte world || 8-byte Hilbert number of the tile -> row. variants: the same key || variant
number -> row. blobs: digest -> payload, each once; counts: digest -> how many rows share it, where
more than one do. worlds: world -> what made it. pins: regions that eviction spares.

A row is 25 bytes: kind, minute of the last known use, second when stored, 16-byte digest of the
payload; that of a tile of one colour goes on with its RGB and has no blob. Rows are small, so that
noting a use rewrites little and looking through them all is quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import struct
import threading
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import lmdb

from tileserver.cache.datafile import DATA, FORMAT, MARK, TABLES
from tileserver.encode import COLOUR_BYTES, colour_of, png_of
from tileserver.errors import CacheError, CacheFullError

WORLD_BYTES = 16
KEY_BYTES = WORLD_BYTES + 8
DIGEST_BYTES = 16

PROOF, PROOF_BYTES = b"proof", 100_000
"""What is stored and removed to see whether that is possible; as large as a tile."""

LAST = b"\xff" * (KEY_BYTES + 2)
"""A key after all others."""

HEAD = struct.Struct(">BII16s")
BLOB, UNIFORM = 1, 2

Txn: TypeAlias = "lmdb.Transaction[bytes]"

_COUNT = struct.Struct(">I")


def digest_of(payload: bytes | memoryview) -> bytes:
    """Return the 16-byte digest that stored bytes are checked against."""
    return hashlib.sha256(payload).digest()[:DIGEST_BYTES]


def check_world(world: bytes) -> None:
    """Raise CacheError unless the bytes can name a world."""
    if len(world) != WORLD_BYTES:
        raise CacheError(f"a world has {len(world)} bytes, expected {WORLD_BYTES}")


class PageCounts(NamedTuple):
    """Pages of the data file: in use by tables, the file's own, and bytes per page."""

    used: int
    file: int
    size: int

    @property
    def used_bytes(self) -> int:
        """Return how many bytes are in use by tables."""
        return self.used * self.size


class TileStore:
    """An open database. Every method that takes a transaction works inside it."""

    def __init__(self, path: Path, env: lmdb.Environment) -> None:
        self.path = path
        self.env = env
        self.tiles: Any = None
        self.blobs: Any = None
        self.counts: Any = None
        self.variants: Any = None
        self.worlds: Any = None
        self.pins: Any = None

    @classmethod
    def open(cls, path: Path, map_size: int, patience: float) -> TileStore:
        """Open or create the database, and prove that it can be written. Raises CacheError.

        map_size: bytes that the file can reach. patience: seconds to wait for other writers.
        """
        try:
            env = lmdb.open(
                str(path),
                map_size=map_size,
                max_dbs=8,
                max_readers=1024,
                max_spare_txns=4,
                readahead=False,
                meminit=True,  # or the file would hold pieces of this program's memory
            )
        except (lmdb.Error, OSError) as error:
            raise CacheError(f"the cache in {path} cannot be opened: {error}") from None
        store = cls(path, env)
        store._prepare(patience)
        return store

    @contextlib.contextmanager
    def reading(self, buffers: bool = False) -> Iterator[Any]:
        """Give a read transaction, of bytes or of memoryviews. Raises CacheError."""
        try:
            env: Any = self.env
            with env.begin(buffers=buffers) as txn:
                yield txn
        except lmdb.Error as error:
            raise self.unreadable(error) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator[Txn]:
        """Give a write transaction; it is on the disk when the block ends. Raises CacheError."""
        try:
            with self.env.begin(write=True) as txn:
                yield txn
        except lmdb.MapFullError as error:
            raise CacheFullError(
                f"the cache in {self.path} is full: its file has reached its limit and no page "
                "of it can be used again now"
            ) from error
        except (lmdb.Error, OSError) as error:
            raise CacheError(f"the cache in {self.path} cannot be written: {error}") from error

    def prove(self) -> None:
        """Store a payload and remove it again. Raises CacheError."""
        with self.writing() as txn:
            txn.put(PROOF, bytes(PROOF_BYTES))
        with self.writing() as txn:
            txn.delete(PROOF)

    def unreadable(self, error: lmdb.Error) -> CacheError:
        """Return the error for a database that cannot be read."""
        return CacheError(f"the cache in {self.path} cannot be read: {error}")

    def payload(self, txn: Txn, row: bytes) -> bytes | None:
        """Return what a row stands for, unchecked, or None if it is not there."""
        if len(row) < HEAD.size:
            return None
        if row[0] == BLOB:
            found: bytes | None = txn.get(_digest(row), None, self.blobs)
            return found
        colour = row[HEAD.size :]
        return png_of(colour) if row[0] == UNIFORM and len(colour) == COLOUR_BYTES else None

    def sound(self, txn: Txn, row: bytes) -> bool:
        """Say whether what a row stands for is there and fits its digest."""
        payload = self.payload(txn, row)
        return payload is not None and digest_of(payload) == _digest(row)

    def put(self, txn: Txn, table: Any, key: bytes, payload: bytes, now: float) -> None:
        """Store a payload in the table of tiles or variants unless a sound one is there."""
        row = txn.get(key, None, table)
        if row is not None and self.sound(txn, row):
            return
        digest, colour = digest_of(payload), colour_of(payload)
        if row is not None:
            if len(row) == HEAD.size and row[0] == BLOB and _digest(row) == digest:
                txn.put(digest, payload, db=self.blobs)  # mends it for all that share it
                return
            self.drop(txn, table, key)
        if colour is None:
            self._retain(txn, digest, payload)
        kind = UNIFORM if colour else BLOB
        head = HEAD.pack(kind, int(now) // 60, int(now), digest)
        txn.put(key, head + (colour or b""), db=table)

    def drop(self, txn: Txn, table: Any, key: bytes) -> bool:
        """Remove a row, and with that of a tile its variants; say whether it was there."""
        if table is self.tiles:
            for variant in self._variants_of(txn, key):
                self.drop(txn, self.variants, variant)
        row = txn.pop(key, db=table)
        if row is None:
            return False
        if len(row) >= HEAD.size and row[0] == BLOB:
            self._release(txn, _digest(row))
        return True

    def pages(self, txn: Txn | None = None) -> PageCounts:
        """Return how many pages are in use, as `txn` or the last commit has them."""
        if txn is None:
            with self.reading() as txn:
                return self.pages(txn)
        tables = (self.tiles, self.blobs, self.counts, self.variants, self.worlds, self.pins)
        stats = [txn.stat(table) for table in tables]
        used = sum(s["branch_pages"] + s["leaf_pages"] + s["overflow_pages"] for s in stats)
        file = self.env.info()["last_pgno"] + 1
        return PageCounts(used + len(tables), file, stats[0]["psize"])

    def lag(self) -> int:
        """Return how many commits the oldest reader of any program lies behind the last one."""
        ids = [line.split()[-1] for line in self.env.readers().splitlines()[1:] if line.strip()]
        newest: int = self.env.info()["last_txnid"]
        return max((newest - int(text) for text in ids if text.isdigit()), default=0)

    def walk(
        self, table: Any, first: bytes, end: bytes, chunk: int = 4096
    ) -> Iterator[list[tuple[bytes, bytes]]]:
        """Yield the (key, row) of first <= key < end in lists, each of a transaction of its own.

        Nothing is held between the lists: write meanwhile, or take days.
        """
        more = True
        while more:
            with self.reading() as txn:
                cursor = txn.cursor(db=table)
                found = cursor.set_range(first)
                rows = list(islice(cursor.iternext(), chunk)) if found else []
            more = len(rows) == chunk and rows[-1][0] < end
            rows = rows if more else [row for row in rows if row[0] < end]
            if rows:
                yield rows
                first = rows[-1][0] + b"\0"

    def _retain(self, txn: Txn, digest: bytes, payload: bytes) -> None:
        stored = txn.get(digest, None, self.blobs)
        if stored is not None:
            txn.put(digest, _COUNT.pack(self.shares(txn, digest) + 1), db=self.counts)
        if stored != payload:
            txn.put(digest, payload, db=self.blobs)

    def _release(self, txn: Txn, digest: bytes) -> None:
        shares = self.shares(txn, digest)
        if shares > 2:
            txn.put(digest, _COUNT.pack(shares - 1), db=self.counts)
        else:
            txn.delete(digest, db=self.counts)
        if shares == 1:
            txn.delete(digest, db=self.blobs)

    def shares(self, txn: Txn, digest: bytes) -> int:
        """Return how many tiles share a payload, 1 or more."""
        value = txn.get(digest, None, self.counts)
        return _COUNT.unpack(value)[0] if value is not None and len(value) == _COUNT.size else 1

    def set_shares(self, txn: Txn, digest: bytes, shares: int) -> None:
        """Write down how many tiles share a payload; 0 removes it."""
        txn.delete(digest, db=self.counts)
        if shares == 0:
            txn.delete(digest, db=self.blobs)
        elif shares > 1:
            txn.put(digest, _COUNT.pack(shares), db=self.counts)

    def _variants_of(self, txn: Txn, key: bytes) -> list[bytes]:
        cursor, keys = txn.cursor(db=self.variants), []
        found = cursor.set_range(key)
        while found and cursor.key()[:KEY_BYTES] == key:
            keys.append(cursor.key())
            found = cursor.next()
        return keys

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
            self.env.close()
            raise outcome[0]

    def _mark(self) -> None:
        self.env.reader_check()
        with self.writing() as txn:
            mark = txn.get(MARK)
            if mark is None and txn.stat()["entries"]:
                raise CacheError(
                    f"the file {self.path / DATA} belongs to another program, "
                    "expected a tile cache or an empty directory; give another with --cache"
                )
            if mark is not None and mark != FORMAT:
                raise CacheError(
                    f"the cache in {self.path} is of another version ({mark!r}) and in use, "
                    f"expected {FORMAT!r}; stop the other program or give another --cache"
                )
            if mark is None:
                txn.put(MARK, FORMAT)
            for name in TABLES:
                setattr(self, name.decode(), self.env.open_db(name, txn=txn))


def _digest(row: bytes) -> bytes:
    return row[HEAD.size - DIGEST_BYTES : HEAD.size]
