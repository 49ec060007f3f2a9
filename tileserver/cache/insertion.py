"""Takes tiles and variants into a store as far as its limit allows, making room where needed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any

from tileserver.cache.eviction import PATIENCE, START, STOP, Evictor
from tileserver.cache.maintenance import Maintenance
from tileserver.cache.store import TileStore
from tileserver.errors import CacheFullError

SLICE = 0.05
"""Share of the limit that one transaction may store."""

FLOOR = 0.5
"""Share of the limit below which a file without usable pages is no reason to evict."""

Row = tuple[bytes, bytes]
"""Key and payload."""


class Inserter:
    """Stores rows of key and payload. Raises CacheError, CacheFullError when there is no room."""

    def __init__(self, store: TileStore, evictor: Evictor, maintenance: Maintenance) -> None:
        self._store = store
        self._evictor = evictor
        self._maintenance = maintenance

    def tiles(self, rows: Iterable[Row]) -> Iterator[list[bytes]]:
        """Store tiles in transactions of at most SLICE of the limit; yield the keys of each."""
        batch: list[Row] = []
        size = 0
        for row in rows:
            batch.append(row)
            size += len(row[1])
            if size > SLICE * self._evictor.limit:
                yield self._store_tiles(batch)
                batch, size = [], 0
        if batch:
            yield self._store_tiles(batch)

    def variants(self, rows: list[Row]) -> bool:
        """Store variants in one transaction unless room is scarce; say whether they were."""
        if self._crowded(rows, START):
            return False
        self._put(self._store.variants, rows)
        return True

    def _store_tiles(self, rows: list[Row]) -> list[bytes]:
        if self._crowded(rows, STOP):
            self._evictor.make_room(patience=PATIENCE)
        if self._crowded(rows, STOP):
            raise CacheFullError(
                f"the cache in {self._store.path} is full: {self._evictor.share():.0%} of its limit"
                f" of {self._evictor.limit} bytes is in use, and nothing can be evicted now"
            )
        try:
            self._put(self._store.tiles, rows)
        except CacheFullError:
            if not self._loosen():
                raise
            self._put(self._store.tiles, rows)
        return [key for key, _ in rows]

    def _put(self, table: Any, rows: list[Row]) -> None:
        now = time.time()
        with self._store.writing() as txn:
            for key, payload in rows:
                self._store.put(txn, table, key, payload, now)
        if self._evictor.share() >= START:
            self._maintenance.wake()

    def _crowded(self, rows: list[Row], share: float) -> bool:
        """Say whether storing the rows would take more than a share of the limit."""
        pages = self._store.pages()
        needed = sum(len(payload) // pages.size + 2 for _, payload in rows)
        return (pages.used + needed) * pages.size > share * self._evictor.limit

    def _loosen(self) -> bool:
        """Evict, since the file is full although few of its pages are in use; say whether it did.

        Its free pages are then too scattered for new tiles, or a reader holds them: only the first
        is mended by eviction.
        """
        target = self._evictor.share() - 0.1
        if self._store.lag() > 2 or target < FLOOR:
            return False
        return self._evictor.make_room(target) > 0
