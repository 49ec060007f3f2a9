"""A web process: answers requests from the cache, and asks the generator process for the rest."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from tileserver.archives.tilearchive import archive_of
from tileserver.cache.tilecache import TileCache
from tileserver.processes.process import GRACE_SECONDS, ProcessContext, report_failure
from tileserver.processes.runtimedir import SOCKET
from tileserver.rendering.client.archiveclient import ArchiveClient
from tileserver.rendering.client.renderclient import RenderClient
from tileserver.rendering.client.service import TileService
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.models import Models
from tileserver.serving.app import create_app, protocol_context


def run(start: ProcessContext, listener: socket.socket) -> None:
    """Serve until the supervisor says stop; tells it how the start went."""
    start.enter()
    with report_failure(start):
        settings = start.settings
        cache = TileCache.open(settings.cache, settings.cache_limit)
        with contextlib.closing(cache):
            service = open_service(start, cache)
            config = uvicorn.Config(
                create_app(service),
                http=protocol_context(service).protocol(),
                ws="none",
                lifespan="on",
                access_log=False,
                log_config=None,
                log_level="warning",
                server_header=False,
                proxy_headers=False,  # the setting trust_proxy decides, not where the proxy stands
                timeout_graceful_shutdown=int(settings.drain_seconds) + GRACE_SECONDS,
            )
            DrainingServer(config, service, start).run(sockets=[listener])


def open_service(start: ProcessContext, cache: TileCache) -> TileService:
    """Return the service of a web process. Raises ArchiveError."""
    settings = start.settings
    archive = archive_of(settings)
    client: RenderClient | ArchiveClient
    if archive is not None and settings.archive_only:
        client = ArchiveClient(archive)
    else:
        client = RenderClient(start.directory / SOCKET, Models(settings).recall())
    return TileService(settings, Metrics(start.rows, start.row), cache, client, archive)


class DrainingServer(uvicorn.Server):
    """A server that tells when it serves and, once told to stop, turns away what takes long."""

    def __init__(self, config: uvicorn.Config, service: TileService, start: ProcessContext) -> None:
        super().__init__(config)
        self.service = service
        self.start = start
        self._completing: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, and tell."""
        await super().startup(sockets)
        if not self.should_exit:
            self.start.ready(self._leave)
            self._completing = asyncio.create_task(self._complete())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, finish what can be finished, turn the others away, and close."""
        seconds = self.service.settings.drain_seconds
        ending = asyncio.get_running_loop().call_later(seconds, self.service.refuse)
        try:
            await super().shutdown(sockets)
        finally:
            ending.cancel()
            if self._completing is not None:
                self._completing.cancel()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: the supervisor hears them."""
        yield

    def _leave(self) -> None:
        self.should_exit = True

    async def _complete(self) -> None:
        """Tell once tiles can be made."""
        await self.service.client.greeted()
        self.start.complete()
