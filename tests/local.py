"""A tile service whose engine runs in this process, without a socket in between."""

from __future__ import annotations

import asyncio
from typing import Any

from generator.cascade.renderer import Renderer
from generator.grid.tile import Tile
from tileserver.archives.tilearchive import archive_of
from tileserver.cache.tilecache import CachedTile, TileCache
from tileserver.encoding import Encoding
from tileserver.rendering.client.archiveclient import ArchiveClient
from tileserver.rendering.client.service import TileService
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions
from tileserver.settings import Settings


class LocalClient:
    """Stands in for a `RenderClient`: asks an engine directly."""

    def __init__(self, engine: RenderEngine) -> None:
        self.engine = engine
        self.world = engine.store.world
        self.problem, self.refuse, self.close = engine.problem, engine.refuse, engine.close

    def start(self) -> None:
        """Nothing needs to begin."""

    async def known(self) -> None:
        """Return: worlds can be named from the start."""

    def model(self) -> dict[str, Any]:
        return self.engine.store.model

    async def render(self, seed: int, tile: Tile, options: RequestOptions) -> CachedTile:
        answer = self.engine.request((seed, tile), options)
        try:
            return await asyncio.wrap_future(answer)
        finally:
            if not answer.done() or answer.cancelled():
                self.engine.abandon((seed, tile), answer, options.client)


class LocalService(TileService):
    """A service that finds tiles from the moment on when they are made."""

    client: LocalClient  # type: ignore[assignment]

    def lookup(self, seed: int, tile: Tile) -> CachedTile | None:
        if self.find(self.world(seed), tile, Encoding.PNG) is None:
            entry = self.client.engine.store.find(seed, tile)
            if entry is not None:
                self.metrics.hits[tile.z].inc()
                return entry
        return super().lookup(seed, tile)

    async def get(self, seed: int, tile: Tile) -> CachedTile:
        """Return a tile, stored or made."""
        return self.lookup(seed, tile) or await self.render(seed, tile, RequestOptions())


def local_service(settings: Settings, renderer: Renderer) -> LocalService:
    """Open a service over the settings' cache directory; `close` closes all of it."""
    cache, metrics = TileCache.open(settings.cache, settings.cache_limit), Metrics()
    engine, archive = RenderEngine.open(settings, metrics, cache, renderer), archive_of(settings)
    return LocalService(settings, metrics, cache, LocalClient(engine), archive)  # type: ignore[arg-type]


def archive_service(settings: Settings) -> TileService:
    """Open a service of an archive alone."""
    archive, cache = archive_of(settings), TileCache.open(settings.cache, settings.cache_limit)
    assert archive is not None
    return TileService(settings, Metrics(), cache, ArchiveClient(archive), archive)
