"""Makes room: when the cache nears its limit, what was not read for longest goes.

Variants go before tiles, pinned regions stay. A round looks through all rows once for the minute
of use below which enough would go, then removes from the last key backwards, since deep zooms can
be lost more easily than those that others are made from. Reads go on all the while; other writers
wait for single small transactions only.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tileserver.cache.pins import Pins
from tileserver.cache.recency import Recency
from tileserver.cache.store import HEAD, KEY_BYTES, LAST, WORLD_BYTES, PageCounts, TileStore
from tileserver.regions.idranges import IdRanges

START, STOP, TARGET = 0.80, 0.90, 0.75
"""Shares of the limit in use: where eviction starts, where storing stops, where eviction ends."""

CHUNK = 128
"""Rows removed in one transaction."""

PATIENCE = 2.0
"""Seconds to wait for another program's eviction before storing is given up."""

LOCK = "elsewhere.evict"

log = logging.getLogger("elsewhere")


class Evictor:
    """Keeps a store within its limit in bytes. evicted: rows removed by this object."""

    def __init__(self, store: TileStore, limit: int, pins: Pins, recency: Recency) -> None:
        self.store = store
        self.limit = limit
        self.evicted = 0
        self._pins = pins
        self._recency = recency

    def share(self, pages: PageCounts | None = None) -> float:
        """Return which share of the limit is in use."""
        return (pages or self.store.pages()).used_bytes / self.limit

    def make_room(
        self,
        target: float = TARGET,
        stopped: Callable[[], bool] = lambda: False,
        patience: float = 0.0,
    ) -> int:
        """Remove rows until no more than `target` of the limit is in use; return how many.

        Does nothing while another program does it, for which it waits `patience` seconds. stopped:
        asked between transactions. Raises CacheError.
        """
        with self._turn(patience) as mine:
            if not mine:
                return 0
            self._recency.flush()
            removed = 0
            for table in (self.store.variants, self.store.tiles):
                while not stopped() and self.share() > target:
                    gone = self._round(table, target, stopped)
                    removed += gone
                    if not gone:
                        break
        if removed:
            self.evicted += removed
            log.info("evicted %d stored tiles to make room", removed)
        return removed

    def _round(self, table: Any, target: float, stopped: Callable[[], bool]) -> int:
        """Look through a table once and remove what is oldest in it; return how many rows went."""
        cover = self._pins.cover() if table is self.store.tiles else {}
        oldest = self._oldest(table, cover, self._rows_beyond(target))
        removed = 0
        if oldest is None:
            return 0
        for keys in self._victims(table, cover, oldest):
            while keys and not stopped() and (rows := self._rows_beyond(target)) > 0:
                removed += self._remove(table, keys[:rows], oldest)
                keys = keys[rows:]
            if keys:
                break
        return removed

    def _rows_beyond(self, target: float) -> int:
        """Return about how many rows must go until no more than the target is in use."""
        store = self.store
        with store.reading() as txn:
            excess = (self.share(store.pages(txn)) - target) * self.limit
            stats = [txn.stat(table) for table in (store.tiles, store.variants, store.blobs)]
        pages = sum(stat["leaf_pages"] + stat["overflow_pages"] for stat in stats)
        rows = max(stats[0]["entries"] + stats[1]["entries"], 1)
        per_row = float(pages * stats[0]["psize"] / rows)
        return math.ceil(excess / max(per_row, 1.0))

    def _oldest(self, table: Any, cover: dict[bytes, IdRanges], wanted: int) -> int | None:
        """Return the minute of use up to which rows must go so that `wanted` do, or None."""
        ages: Counter[int] = Counter()
        now = int(time.time()) // 60
        for rows in self.store.walk(table, b"", LAST):
            ages.update(_minute(row, now) for key, row in rows if not _spared(key, cover))
            time.sleep(0)  # lets the event loop have its turn
        for minute in sorted(ages):
            wanted -= ages[minute]
            if wanted <= 0:
                return minute
        return max(ages, default=None)

    def _victims(
        self, table: Any, cover: dict[bytes, IdRanges], oldest: int
    ) -> Iterator[list[bytes]]:
        """Yield the keys to remove, from the last one backwards, CHUNK at a time."""
        now = int(time.time()) // 60
        place = LAST
        while place:
            keys: list[bytes] = []
            with self.store.reading() as txn:
                cursor = txn.cursor(db=table)
                found = cursor.prev() if cursor.set_range(place) else cursor.last()
                place = b""
                for number, (key, row) in enumerate(cursor.iterprev()) if found else ():
                    if len(keys) == CHUNK or number == 4096:
                        place = key + b"\0"
                        break
                    if _minute(row, now) <= oldest and not _spared(key, cover):
                        keys.append(key)
            if keys:
                yield keys

    def _remove(self, table: Any, keys: list[bytes], oldest: int) -> int:
        """Remove the rows unless they were marked as used meanwhile."""
        now, removed = int(time.time()) // 60, 0
        with self.store.writing() as txn:
            for key in keys:
                row = txn.get(key, None, table)
                if row is None or _minute(row, now) > oldest:
                    continue
                removed += self.store.drop(txn, table, key)
        return removed

    @contextlib.contextmanager
    def _turn(self, patience: float) -> Iterator[bool]:
        """Hold the right to evict, of which there is one for all programs; say whether it is ours.

        Opened each time: two threads of one program exclude each other as two programs do.
        """
        try:
            file = os.open(self.store.path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            yield False
            return
        try:
            deadline = time.monotonic() + patience
            mine = _lock(file)
            while not mine and time.monotonic() < deadline:
                time.sleep(0.05)
                mine = _lock(file)
            yield mine
        finally:
            os.close(file)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _minute(row: bytes, now: int) -> int:
    """Return the row's minute of use; one that cannot be right counts as long ago."""
    if len(row) < HEAD.size:
        return 0
    used: int = HEAD.unpack_from(row)[1]
    return used if used <= now else 0


def _spared(key: bytes, cover: dict[bytes, IdRanges]) -> bool:
    ranges = cover.get(key[:WORLD_BYTES])
    return ranges is not None and int.from_bytes(key[WORLD_BYTES:KEY_BYTES], "big") in ranges
