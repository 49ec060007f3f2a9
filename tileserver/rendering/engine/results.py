"""Where finished tiles are: in memory until they are committed, from then on in the cache.

`ResultStore` is what an engine asks and hands its pixels to. Its `Writer` is the thread that turns
pixels into PNG and stores them, many tiles to one durable commit.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from generator.cascade.renderer import Renderer
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from generator.grid.world import fingerprint
from tileserver.archives.inputs import ArchivedInputs
from tileserver.cache.claims import Claim, Claims
from tileserver.cache.tilecache import CachedTile, CacheError, TileCache
from tileserver.encode import decode_png, encode_png
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import describe

BATCH_TILES = 64
BATCH_SECONDS = 0.05
BACKLOG = 16
"""Blocks that may wait for encoding before the generator has to."""

KEEP_UNSAVED = 512
"""Encoded tiles kept in memory while the cache cannot be written; the oldest go first."""

RETRY_SECONDS = 1.0

log = logging.getLogger("elsewhere")

Encoded = Callable[[Tile, CachedTile], None]
"""Hears that a tile's final bytes exist."""

Stored = Callable[[Exception | None], None]
"""Hears that a block is stored (or kept unsaved), or why there are no bytes of it."""


class ResultStore:
    """The finished tiles of any world of one renderer, encoded or not yet committed ones included.

    model: what the renderer says about itself, a JSON object. Seeds name worlds here; the cache
    knows them by fingerprint. The cache stays the caller's, who closes it after the store.
    archived: tiles that are there besides. Raises CacheError.
    """

    def __init__(
        self,
        cache: TileCache,
        metrics: Metrics,
        renderer: Renderer,
        archived: ArchivedInputs | None = None,
    ) -> None:
        self.cache = cache
        self._archived = archived
        self.identity = renderer.identity
        self.model = describe(renderer)
        self._claims = Claims(cache.path)
        self._claimless = False
        self._writer = Writer(cache, metrics)

    @property
    def problem(self) -> str | None:
        """Return why tiles cannot be stored, or None."""
        return self._writer.problem

    def close(self) -> None:
        """Store everything, then stop; a second call does nothing."""
        self._writer.close()
        self._claims.close()
        if self._archived is not None:
            self._archived.close()

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world."""
        return fingerprint(self.identity, seed)

    def find(self, seed: int, tile: Tile) -> CachedTile | None:
        """Return the tile's final bytes if they exist, committed or not."""
        world = self.world(seed)
        entry = self._writer.pending.get((world, tile)) or self.cache.entry(world, tile)
        if entry is None and self._archived is not None:
            entry = self._archived.entry(world, tile)
        return entry

    def has(self, seed: int, tile: Tile) -> bool:
        """Say whether the tile's final bytes exist, without reading them."""
        world = self.world(seed)
        if (world, tile) in self._writer.pending or self.cache.has(world, tile):
            return True
        return self._archived is not None and self._archived.has(world, tile)

    def pixels(self, seed: int, tile: Tile) -> Pixels | None:
        """Return the pixels of a tile whose bytes exist, uint8 [256, 256, 3], or None."""
        world = self.world(seed)
        pending = self._writer.pending.get((world, tile))
        pixels = decode_png(pending.payload) if pending else self.cache.pixels(world, tile)
        if pixels is None and self._archived is not None:
            entry = self._archived.entry(world, tile)
            pixels = None if entry is None else decode_png(entry.payload)
        return pixels

    def claim(self, seed: int, block: Block) -> Claim | None:
        """Claim a block before it is made; None while another process makes it.

        Where the file system has no locks every block is free.
        """
        if self._claimless:
            return self._claims.none()
        try:
            return self._claims.take(self.world(seed), block)
        except CacheError as error:
            log.warning("%s; another process may make the same tiles again", error)
            self._claimless = True
            return self._claims.none()

    def put(
        self, seed: int, tiles: Mapping[Tile, Pixels], encoded: Encoded, stored: Stored
    ) -> None:
        """Have a block's tiles encoded in order and stored together; waits while too many are.

        tiles: uint8 [256, 256, 3] each. The writer's thread calls `encoded` and `stored`.
        """
        world = self.world(seed)
        self._writer.worlds[world] = {"seed": str(seed), **self.model}
        self._writer.submit(_Block(world, tiles, encoded, stored))


class _Block(NamedTuple):
    """A block to encode and store: its world's fingerprint, its tiles' pixels, and who hears."""

    world: bytes
    tiles: Mapping[Tile, Pixels]
    encoded: Encoded
    stored: Stored


class Writer:
    """Encodes the tiles of blocks in order and stores them in batches of whole blocks.

    worlds: what to write down about each world, by fingerprint. problem: why the last commit
    failed, or None. A block's `encoded` is called for each tile once its final bytes exist; from
    then until it is committed `pending` holds it, so that nobody sees other bytes. Its `stored` is
    called after its commit, or after that failed. A failing commit is tried again, so the cache
    recovers without a restart. Whether it can be written is tried at the start too.
    """

    def __init__(self, cache: TileCache, metrics: Metrics) -> None:
        self.cache = cache
        self.metrics = metrics
        self.worlds: dict[bytes, dict[str, Any]] = {}
        self.pending: dict[tuple[bytes, Tile], CachedTile] = {}
        self.problem: str | None = None
        self._uncommitted: list[Stored] = []
        self._recorded: set[bytes] = set()
        self._queue: queue.Queue[_Block | None] = queue.Queue(BACKLOG)
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def submit(self, block: _Block) -> None:
        """Hand over a block; waits while too many are waiting for encoding."""
        self._queue.put(block)

    def close(self) -> None:
        """Encode and store what was handed over, then stop."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self) -> None:
        due = self._prove()  # when, on the monotonic clock, to commit or to prove again
        while True:
            try:
                wait = None if due is None else max(0.0, due - time.monotonic())
                block = self._queue.get(timeout=wait)
            except queue.Empty:
                due = self._commit()
                continue
            if block is None:
                break
            self._encode(block)
            # Wait a little for further blocks, but for no more than a batch.
            if due is None and self.pending:
                due = time.monotonic() + BATCH_SECONDS
            full = len(self.pending) >= BATCH_TILES and self.problem is None
            if full or (due is not None and time.monotonic() >= due):
                due = self._commit()
        self._commit()

    def _encode(self, block: _Block) -> None:
        """Encode and announce a block's tiles; a block that cannot be encoded leaves nothing."""
        found = []
        try:
            for tile, pixels in block.tiles.items():
                started = time.perf_counter()
                entry = CachedTile.now(encode_png(pixels))
                self.metrics.encode[tile.z].observe(time.perf_counter() - started)
                found.append((block.world, tile))
                self.pending[block.world, tile] = entry
                block.encoded(tile, entry)
                self.metrics.made[tile.z].inc()
        except Exception as error:
            for key in found:
                del self.pending[key]
            block.stored(error)
        else:
            self._uncommitted.append(block.stored)
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
            self._record({world for (world, _), _ in batch})
        except CacheError as error:
            return self._keep_unsaved(error)
        except Exception as error:
            log.exception("storing tiles failed")
            return self._keep_unsaved(error)
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
            return self._keep_unsaved(error)
        self._recovered()
        return None

    def _recovered(self) -> None:
        if self.problem is not None:
            log.info("the cache can be written again")
        self.problem = None

    def _keep_unsaved(self, error: Exception) -> float:
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
        uncommitted, self._uncommitted = self._uncommitted, []
        for stored in uncommitted:
            stored(None)

    def _record(self, worlds: set[bytes]) -> None:
        for world in worlds - self._recorded:
            self.cache.worlds.record(world, self.worlds.get(world, {}))
            self._recorded.add(world)
