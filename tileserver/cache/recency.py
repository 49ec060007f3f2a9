"""Which stored tiles were read lately: remembered in memory, written down once a minute."""

from __future__ import annotations

import time
from typing import Any

from tileserver.cache.store import HEAD, KEY_BYTES, TileStore

STEP_MINUTES = 30
"""A tile whose last known use is younger than this is not marked again."""

SAMPLE = 4096
"""Tiles that are marked between two flushes; further ones are left to chance and the next time."""

CHUNK = 512
"""Rows rewritten in one transaction."""


class Recency:
    """Collects what was read, so that a read never writes.

    stale: rows whose minute of use is below this should be marked. Only `mark` may be called from
    the event loop.
    """

    def __init__(self, store: TileStore) -> None:
        self.stale = 0
        self._store = store
        self._marks: set[bytes] = set()
        self._tick()

    def mark(self, key: bytes) -> None:
        """Remember that a tile or a variant was read."""
        if len(self._marks) < SAMPLE:
            self._marks.add(key)

    def flush(self) -> int:
        """Write down what was marked, in small transactions; return how many rows changed.

        Raises CacheError; marks that could not be written are lost.
        """
        self._tick()
        marks, self._marks = sorted(self._marks), set()
        return sum(self._write(marks[i : i + CHUNK]) for i in range(0, len(marks), CHUNK))

    def _write(self, keys: list[bytes]) -> int:
        minute, changed = int(time.time()) // 60, 0
        with self._store.writing() as txn:
            for key in keys:
                table: Any = self._store.tiles if len(key) == KEY_BYTES else self._store.variants
                row = txn.get(key, None, table)
                if row is None or len(row) < HEAD.size:
                    continue
                kind, used, modified, digest = HEAD.unpack_from(row)
                if used < self.stale:
                    head = HEAD.pack(kind, minute, modified, digest)
                    txn.put(key, head + row[HEAD.size :], db=table)
                    changed += 1
        return changed

    def _tick(self) -> None:
        self.stale = int(time.time()) // 60 - STEP_MINUTES
