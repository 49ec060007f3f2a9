"""The workshop: everything that makes tiles, in whichever process that is.

Renderer, scheduler, writer and claims stand together here. `tileserver.rendering.client.service`
uses a workshop of its own process, `tileserver.processes.generating` puts one behind a socket.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.cache.claims import Claim, Claims
from tileserver.cache.tilecache import CachedTile, TileCache
from tileserver.encode import decode_png
from tileserver.errors import CacheError
from tileserver.rendering.engine.jobs import Answer, Ask, BlockKey, Key, Receiver
from tileserver.rendering.engine.scheduler import Scheduler
from tileserver.rendering.engine.writer import Writer
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import describe
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

MAX_WORLDS = 4096
"""Fingerprints remembered; beyond that they are worked out again."""

log = logging.getLogger("elsewhere")


class Workshop:
    """Makes tiles of any world with one renderer and stores them. It owns two threads.

    The cache stays the caller's, who closes it after the workshop. Raises CacheError.
    """

    def __init__(
        self, settings: Settings, metrics: Metrics, cache: TileCache, renderer: Renderer
    ) -> None:
        self.cache = cache
        self.renderer = renderer
        self._claims = Claims(settings.cache)
        self._claimless = False
        self._worlds: dict[int, bytes] = {}
        self._writer = Writer(cache, metrics)
        self._scheduler = Scheduler(renderer, self, metrics, settings.max_queue, settings.budget)

    def request(self, key: Key, ask: Ask) -> Answer:
        """Ask for a tile: see `Scheduler.request`."""
        return self._scheduler.request(key, ask)

    def abandon(self, key: Key, answer: Answer, ask: Ask) -> None:
        """Take a request back."""
        self._scheduler.abandon(key, answer, ask.client)

    def refuse(self) -> None:
        """Turn away all that waits for a tile to be made."""
        self._scheduler.refuse()

    def close(self) -> None:
        """Finish the block that is being made and store everything; a second call does nothing."""
        self._scheduler.close()
        self._writer.close()
        self._claims.close()

    def problem(self) -> str | None:
        """Return why tiles cannot be made and stored, or None."""
        if not self._scheduler.alive:
            return "the generator has stopped"
        return self._writer.problem

    def __len__(self) -> int:
        """Return how many blocks are unfinished."""
        return len(self._scheduler)

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world, and see that it is written down."""
        world = self._worlds.get(seed)
        if world is None:
            world = self.renderer.fingerprint(seed)
            if len(self._worlds) >= MAX_WORLDS:
                self._worlds.clear()
            self._worlds[seed] = world
            self._writer.worlds[world] = {"seed": str(seed), **self.model()}
        return world

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object."""
        return describe(self.renderer)

    def pending(self, world: bytes, tile: Tile) -> CachedTile | None:
        """Return a tile whose bytes exist but are not committed yet."""
        return self._writer.pending.get((world, tile))

    # What the scheduler asks of its store.

    def find(self, key: Key) -> CachedTile | None:
        """Return the tile's final bytes if they exist, committed or not."""
        world = self.world(key[0])
        return self.pending(world, key[1]) or self.cache.entry(world, key[1])

    def has(self, key: Key) -> bool:
        """Say whether the tile's final bytes exist, without reading them."""
        world = self.world(key[0])
        return (world, key[1]) in self._writer.pending or self.cache.has(world, key[1])

    def pixels(self, key: Key) -> Pixels | None:
        """Return the pixels of a tile whose bytes exist, uint8 [256, 256, 3]."""
        world = self.world(key[0])
        pending = self.pending(world, key[1])
        return decode_png(pending.payload) if pending else self.cache.pixels(world, key[1])

    def claim(self, key: BlockKey) -> Claim | None:
        """Claim a block; where the file system has no locks every block is free."""
        if self._claimless:
            return self._claims.none()
        try:
            return self._claims.take(self.world(key[0]), key[1])
        except CacheError as error:
            log.warning("%s; another process may make the same tiles again", error)
            self._claimless = True
            return self._claims.none()

    def deliver(self, seed: int, tiles: Mapping[Tile, Pixels], receiver: Receiver) -> None:
        """Hand a computed block to the writer."""
        self._writer.submit(self.world(seed), tiles, receiver)
