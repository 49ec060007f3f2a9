"""Tiles without HTTP: from the cache if they are there, otherwise made once for all who ask."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from generator.tile import Tile
from tileserver.cache import CacheError, Entry, TileCache
from tileserver.encode import decode_png
from tileserver.errors import UnavailableError
from tileserver.jobs import Key
from tileserver.metrics import Metrics
from tileserver.scheduler import Scheduler
from tileserver.settings import Settings
from tileserver.writer import Writer

if TYPE_CHECKING:
    from generator.cascade import Renderer

MAX_WORLDS = 4096
"""Fingerprints remembered; beyond that they are worked out again."""


class TileService:
    """Answers with a tile's PNG for any seed. Owns the cache and both worker threads once open.

    cache, renderer: None until `open`. failure: why opening failed, if it did.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache: TileCache | None = None
        self.renderer: Renderer | None = None
        self.failure: str | None = None
        self._writer: Writer | None = None
        self._scheduler: Scheduler | None = None
        self._worlds: dict[int, bytes] = {}
        metrics.watch("queue_length", "Tiles waiting to be made", self.queue_length)
        metrics.watch("tiles_stored", "Tiles in the cache, of all worlds", self.stored)
        metrics.watch("cache_bytes", "Size of the cache's data file", self.cache_bytes)
        metrics.watch("cache_damaged", "Stored tiles found damaged", self.damaged)

    def open(self, cache: TileCache, renderer: Renderer) -> None:
        """Start working with a cache and a renderer; from now on `close` closes both."""
        self.cache = cache
        self.renderer = renderer
        self._writer = Writer(cache, self.metrics)
        self._scheduler = Scheduler(renderer, self, self.metrics, self.settings.max_queue)

    def refuse(self) -> None:
        """Turn away all that waits for a tile to be made; stored tiles are still served."""
        if self._scheduler is not None:
            self._scheduler.refuse()

    def close(self) -> None:
        """Finish the tile that is being made, store everything, and close the cache."""
        if self._scheduler is not None:
            self._scheduler.close()
        if self._writer is not None:
            self._writer.close()
        if self.cache is not None:
            self.cache.close()

    def problem(self) -> str | None:
        """Return why the server is not fit for work, or None if it is."""
        if self.failure is not None:
            return self.failure
        if self._writer is None or self._scheduler is None:
            return "the model is still being loaded"
        if not self._scheduler.alive:
            return "the generator has stopped"
        return self._writer.problem

    def lookup(self, seed: int, tile: Tile) -> Entry | None:
        """Return a stored tile in microseconds, or None. Raises UnavailableError until open."""
        self._opened()
        entry = self.find((seed, tile))
        (self.metrics.misses if entry is None else self.metrics.hits).inc()
        return entry

    async def make(self, seed: int, tile: Tile) -> Entry:
        """Have a tile made, together with everybody else who wants it, and return it.

        Cancelling gives up this wait only. Raises UnavailableError when the queue is full or the
        tile takes longer than a request is held, GenerationError when it cannot be made.
        """
        scheduler = self._opened()
        key = (seed, tile)
        answer = scheduler.request(key)
        try:
            async with asyncio.timeout(self.settings.hold_seconds):
                return await asyncio.wrap_future(answer)
        except TimeoutError:
            raise UnavailableError(
                f"tile {tile} was not made within {self.settings.hold_seconds:g} s; try again soon"
            ) from None
        finally:
            if not answer.done() or answer.cancelled():
                scheduler.abandon(key, answer)

    async def get(self, seed: int, tile: Tile) -> Entry:
        """Return a tile, stored or made. Raises as `make` does."""
        return self.lookup(seed, tile) or await self.make(seed, tile)

    # What the scheduler asks of its store.

    def find(self, key: Key) -> Entry | None:
        """Return the tile's final bytes if they exist, committed or not."""
        world = self.world(key[0])
        if self.cache is None or self._writer is None:
            return None
        return self._writer.pending.get((world, key[1])) or self.cache.entry(world, key[1])

    def has(self, key: Key) -> bool:
        """Say whether the tile's final bytes exist, without reading them."""
        world = self.world(key[0])
        if self.cache is None or self._writer is None:
            return False
        return (world, key[1]) in self._writer.pending or self.cache.has(world, key[1])

    def pixels(self, key: Key) -> NDArray[np.uint8] | None:
        """Return the pixels of a tile whose bytes exist, uint8 [256, 256, 3]."""
        world = self.world(key[0])
        if self.cache is None or self._writer is None:
            return None
        pending = self._writer.pending.get((world, key[1]))
        return decode_png(pending.payload) if pending else self.cache.pixels(world, key[1])

    def deliver(
        self, key: Key, pixels: NDArray[np.uint8], done: Callable[[Entry | Exception], None]
    ) -> None:
        """Hand a computed tile to the writer."""
        assert self._writer is not None
        self._writer.submit((self.world(key[0]), key[1]), pixels, done)

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world, and see that it is written down."""
        world = self._worlds.get(seed)
        if world is None:
            assert self.renderer is not None
            world = self.renderer.fingerprint(seed)
            if len(self._worlds) >= MAX_WORLDS:
                self._worlds.clear()
            self._worlds[seed] = world
            if self._writer is not None:
                self._writer.worlds[world] = {"seed": str(seed), **self.model()}
        return world

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object."""
        describe = getattr(self.renderer, "describe", None)
        return {} if describe is None else dict(describe())

    # Gauges.

    def queue_length(self) -> int:
        """Return how many tiles are unfinished."""
        return len(self._scheduler) if self._scheduler is not None else 0

    def stored(self) -> int:
        """Return how many tiles the cache holds."""
        try:
            return self.cache.count() if self.cache is not None else 0
        except CacheError:
            return 0

    def cache_bytes(self) -> int:
        """Return the size of the cache's data file."""
        try:
            return self.cache.size if self.cache is not None else 0
        except CacheError:
            return 0

    def damaged(self) -> int:
        """Return how many stored tiles were found damaged."""
        return self.cache.damaged if self.cache is not None else 0

    def _opened(self) -> Scheduler:
        if self._scheduler is None:
            raise UnavailableError(self.failure or "the model is still being loaded")
        return self._scheduler
