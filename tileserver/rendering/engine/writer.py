"""The thread that turns pixels into PNG and stores them, many tiles to one durable commit."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import Tile
from tileserver.cache.tilecache import CachedTile, CacheError, TileCache
from tileserver.encode import encode_png
from tileserver.rendering.engine.jobs import Receiver
from tileserver.rendering.metrics import Metrics

BATCH_TILES = 64
BATCH_SECONDS = 0.05
BACKLOG = 16
"""Blocks that may wait for encoding before the generator has to."""

KEEP_UNSAVED = 512
"""Encoded tiles kept in memory while the cache cannot be written; the oldest go first."""

RETRY_SECONDS = 1.0

log = logging.getLogger("elsewhere")

Key = tuple[bytes, Tile]


class _Made(NamedTuple):
    world: bytes
    tiles: Mapping[Tile, NDArray[np.uint8]]
    receiver: Receiver


class Writer:
    """Encodes the tiles of blocks in order and stores them in batches of whole blocks.

    worlds: what to write down about each world, by fingerprint. problem: why the last commit
    failed, or None. A tile is announced by `receiver.made` once its final bytes exist; from then
    until it is committed `pending` holds it, so that nobody sees other bytes. `receiver.over` comes
    after the block's commit, or after it failed. A failing commit is tried again, so the cache
    recovers without a restart. Whether it can be written is tried at the start too.
    """

    def __init__(self, cache: TileCache, metrics: Metrics) -> None:
        self.cache = cache
        self.metrics = metrics
        self.worlds: dict[bytes, dict[str, Any]] = {}
        self.pending: dict[Key, CachedTile] = {}
        self.problem: str | None = None
        self._waiting: list[Receiver] = []
        self._noted: set[bytes] = set()
        self._queue: queue.Queue[_Made | None] = queue.Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(
        self, world: bytes, tiles: Mapping[Tile, NDArray[np.uint8]], receiver: Receiver
    ) -> None:
        """Hand over the tiles of a block, uint8 [256, 256, 3] each; waits while too many are."""
        self._queue.put(_Made(world, tiles, receiver))

    def close(self) -> None:
        """Encode and store what was handed over, then stop."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        due = self._prove()
        while True:
            try:
                wait = None if due is None else max(0.0, due - time.monotonic())
                made = self._queue.get(timeout=wait)
            except queue.Empty:
                due = self._commit()
                continue
            if made is None:
                break
            self._encode(made)
            if due is None and self.pending:
                due = time.monotonic() + BATCH_SECONDS
            full = len(self.pending) >= BATCH_TILES and self.problem is None
            if full or (due is not None and time.monotonic() >= due):
                due = self._commit()
        self._commit()

    def _encode(self, made: _Made) -> None:
        """Encode and announce a block's tiles; a block that cannot be encoded leaves nothing."""
        found: list[Key] = []
        try:
            for tile, pixels in made.tiles.items():
                started = time.perf_counter()
                payload = encode_png(pixels)
                entry = CachedTile.now(payload)
                self.metrics.encode[tile.z].observe(time.perf_counter() - started)
                found.append((made.world, tile))
                self.pending[made.world, tile] = entry
                made.receiver.made(tile, entry)
                self.metrics.made[tile.z].inc()
        except Exception as error:
            for key in found:
                del self.pending[key]
            made.receiver.over(error)
        else:
            self._waiting.append(made.receiver)
            if self.problem is not None:
                self._finish()

    def _commit(self) -> float | None:
        """Store all that is pending; return when to try again if that fails."""
        batch = list(self.pending.items())
        if not batch:
            return self._prove() if self.problem is not None else None
        started = time.perf_counter()
        try:
            self.cache.put_batch((*key, entry.payload) for key, entry in batch)
            self._note({world for (world, _), _ in batch})
        except CacheError as error:
            return self._keep(error)
        except Exception as error:
            log.exception("storing tiles failed")
            return self._keep(error)
        self.metrics.store.observe(time.perf_counter() - started)
        for key, _ in batch:
            del self.pending[key]
        self._recovered()
        self._finish()
        return None

    def _prove(self) -> float | None:
        """Try whether the cache can be written; return when to try again if not."""
        try:
            self.cache.prove()
        except CacheError as error:
            return self._keep(error)
        self._recovered()
        return None

    def _recovered(self) -> None:
        if self.problem is not None:
            log.info("the cache can be written again")
        self.problem = None

    def _keep(self, error: Exception) -> float:
        if self.problem is None:
            log.error("%s; tiles are served without being stored", error)
        self.problem = str(error)
        for key in list(self.pending)[: max(0, len(self.pending) - KEEP_UNSAVED)]:
            del self.pending[key]
            self.metrics.unsaved.inc()
        self._finish()
        return time.monotonic() + RETRY_SECONDS

    def _finish(self) -> None:
        """Tell the blocks of this batch that they are over."""
        waiting, self._waiting = self._waiting, []
        for receiver in waiting:
            receiver.over(None)

    def _note(self, worlds: set[bytes]) -> None:
        for world in worlds - self._noted:
            self.cache.record(world, self.worlds.get(world, {}))
            self._noted.add(world)
