"""Tiles without HTTP: from the cache if they are there, otherwise made once for all who ask.

Who makes them is a backend: a workshop in this process, or one in a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from generator.grid.tile import BASE_ZOOM, Tile
from tileserver.cache.tilecache import CachedTile, CacheError, TileCache
from tileserver.errors import UnavailableError, UnmadeError
from tileserver.rendering.client.pictures import Pictures
from tileserver.rendering.client.variants import Variants
from tileserver.rendering.engine.jobs import Ask
from tileserver.rendering.engine.workshop import Workshop
from tileserver.rendering.metrics import Metrics
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

TOGETHER = 16
"""Tiles of one picture that are asked for at a time."""

LOADING = "the model is still being loaded"


class Backend(Protocol):
    """What makes tiles for a service; used on the event loop only."""

    async def make(self, seed: int, tile: Tile, ask: Ask) -> CachedTile:
        """Have a tile made and return it; cancelling takes the request back. Raises ServerError."""
        ...

    async def known(self) -> None:
        """Wait until worlds can be named. Raises UnavailableError."""
        ...

    async def greeted(self) -> None:
        """Wait until whoever makes the tiles is there."""
        ...

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world. Raises UnavailableError until it is known."""
        ...

    def pending(self, world: bytes, tile: Tile) -> CachedTile | None:
        """Return a tile that is made but not in the cache yet, if that is known here."""
        ...

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object."""
        ...

    def problem(self) -> str | None:
        """Return why tiles cannot be made and stored, or None."""
        ...

    def refuse(self) -> None:
        """Turn away all that waits for a tile to be made, and all that comes."""
        ...

    def close(self) -> None:
        """Finish and let everything go; may take as long as a block."""
        ...


class TileService:
    """Answers with a tile's PNG for any seed. Owns cache and backend once open.

    cache, backend: None until `open`. failure: why opening failed, if it did.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache: TileCache | None = None
        self.backend: Backend | None = None
        self.failure: str | None = None
        self.variants = Variants(self)
        self.pictures = Pictures(self)
        metrics.watch("tiles_stored", "Tiles in the cache, of all worlds", self.stored)
        metrics.watch("cache_bytes", "Size of the cache's data file", self.cache_bytes)
        metrics.watch("cache_damaged", "Stored tiles found damaged", self.damaged)
        metrics.watch("ready", "Whether tiles can be made and stored", self.ready)

    def open(self, cache: TileCache, renderer: Renderer) -> None:
        """Start working with a renderer in this process; `close` closes both."""
        self.attach(cache, LocalBackend(Workshop(self.settings, self.metrics, cache, renderer)))

    def attach(self, cache: TileCache, backend: Backend) -> None:
        """Start working with a cache and a backend; `close` closes both."""
        self.cache, self.backend = cache, backend

    def refuse(self) -> None:
        """Turn away all that waits for a tile to be made; stored tiles are still served."""
        if self.backend is not None:
            self.backend.refuse()

    def close(self) -> None:
        """Finish the block that is being made, store everything, and close the cache."""
        if self.backend is not None:
            self.backend.close()
        self.variants.close()
        self.pictures.close()
        if self.cache is not None:
            self.cache.close()

    def problem(self) -> str | None:
        """Return why the server is not fit for work, or None if it is."""
        if self.failure is not None:
            return self.failure
        return LOADING if self.backend is None else self.backend.problem()

    async def known(self) -> None:
        """Wait until worlds can be named, as long as a request is held. Raises UnavailableError."""
        try:
            async with asyncio.timeout(self.settings.hold_seconds):
                await self._opened().known()
        except TimeoutError:
            raise UnavailableError(LOADING) from None

    def lookup(self, seed: int, tile: Tile) -> CachedTile | None:
        """Return a stored tile in microseconds, or None. Raises UnavailableError until known."""
        world = self.world(seed)
        assert self.cache is not None
        assert self.backend is not None
        entry = self.cache.entry(world, tile) or self.backend.pending(world, tile)
        (self.metrics.misses if entry is None else self.metrics.hits)[tile.z].inc()
        return entry

    async def make(self, seed: int, tile: Tile, ask: Ask = Ask()) -> CachedTile:  # noqa: B008
        """Have a tile made, together with everybody else who wants it, and return it.

        Cancelling gives up this wait only. Raises UnavailableError when the queue is full or the
        tile takes longer than a request is held, BudgetError when the client has had its share,
        GenerationError when it cannot be made. For who may have stored tiles only it raises
        UnmadeError, but for tiles of the base map, which no network makes: a 404, since asking
        again would not help, and map clients go on after one.
        """
        backend = self._opened()
        if ask.stored_only and tile.z > self.model().get("base_zoom", BASE_ZOOM):
            raise UnmadeError("this tile has not been made, and this server makes none on request")
        try:
            async with asyncio.timeout(self.settings.hold_seconds):
                return await backend.make(seed, tile, ask)
        except TimeoutError:
            raise UnavailableError(
                f"tile {tile} was not made within {self.settings.hold_seconds:g} s; try again soon"
            ) from None

    async def get(self, seed: int, tile: Tile) -> CachedTile:
        """Return a tile, stored or made. Raises as `make` does."""
        return self.lookup(seed, tile) or await self.make(seed, tile)

    async def collect(self, seed: int, tiles: Sequence[Tile], ask: Ask) -> list[bytes]:
        """Return the PNGs of different tiles, all of one world: stored, or made a few at a time.

        So they need not fit the queue. When one cannot be had, the others are given up; what is
        made is kept. Raises as `make` does.
        """
        world, entries = b"", dict[Tile, CachedTile | None]()
        while world != self.world(seed):  # another model came meanwhile: so did other tiles
            world = self.world(seed)
            entries = {tile: self.lookup(seed, tile) for tile in tiles}
            missing = [tile for tile, entry in entries.items() if entry is None]
            for start in range(0, len(missing), TOGETHER):
                part = missing[start : start + TOGETHER]
                entries |= zip(part, await self._make_all(seed, part, ask), strict=True)
        return [entry.payload for entry in entries.values() if entry is not None]

    async def _make_all(self, seed: int, tiles: Sequence[Tile], ask: Ask) -> list[CachedTile]:
        making = [asyncio.ensure_future(self.make(seed, tile, ask)) for tile in tiles]
        try:
            return await asyncio.gather(*making)
        finally:
            for task in making:
                task.cancel()

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world. Raises UnavailableError until it is known."""
        return self._opened().world(seed)

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object."""
        return {} if self.backend is None else self.backend.model()

    # Gauges.

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
        """Return how many stored tiles this process found damaged."""
        return self.cache.damaged if self.cache is not None else 0

    def ready(self) -> int:
        """Return 1 if tiles can be made and stored, else 0."""
        return int(self.problem() is None)

    def _opened(self) -> Backend:
        if self.backend is None:
            raise UnavailableError(self.failure or LOADING)
        return self.backend


class LocalBackend:
    """A workshop in this process, for one event loop."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop
        self.world, self.model = workshop.world, workshop.model
        self.pending, self.problem = workshop.pending, workshop.problem
        self.refuse, self.close = workshop.refuse, workshop.close

    async def known(self) -> None:
        """Return: worlds can be named from the start."""

    async def greeted(self) -> None:
        """Return: tiles can be made from the start."""

    async def make(self, seed: int, tile: Tile, ask: Ask) -> CachedTile:
        """Have a tile made: see `Backend`."""
        answer = self.workshop.request((seed, tile), ask)
        try:
            return await asyncio.wrap_future(answer)
        finally:
            if not answer.done() or answer.cancelled():
                self.workshop.abandon((seed, tile), answer, ask)
