"""The tiles of a service's archive: at once from a file, on threads from another machine."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from generator.grid.tile import Tile
from tileserver.archives.ranges import CONNECTIONS
from tileserver.archives.tilearchive import TileArchive
from tileserver.cache.store import digest_of
from tileserver.cache.tilecache import CachedTile
from tileserver.encoding import Encoding
from tileserver.errors import ArchiveDamagedError, ArchiveError, UnavailableError
from tileserver.rendering.metrics import Metrics

BACKLOG = 256
"""Tiles that may be on their way from a remote archive; a request for one more is turned away."""

REST_SECONDS = 2.0
"""How long a remote archive that cannot be read is left alone."""

log = logging.getLogger("elsewhere")


class ArchivedTiles:
    """What a service finds in its archive, used on the event loop.

    only: whether tiles that cannot be read are an UnavailableError; else
    they count as absent, and are made. problem: why the archive could not be read the last time.
    """

    def __init__(self, archive: TileArchive, only: bool, metrics: Metrics) -> None:
        self.archive = archive
        self.problem: str | None = None
        self._only = only
        self._metrics = metrics
        self._rests_until = 0.0
        self._running: dict[Tile, asyncio.Future[bytes | None]] = {}
        self._readers = ThreadPoolExecutor(CONNECTIONS, "archive")

    def find(self, world: bytes, tile: Tile, encoding: Encoding) -> CachedTile | None:
        """Return a tile of an archive on this machine, or None. Raises UnavailableError."""
        archive = self._archive_of(world, encoding)
        if archive is None or archive.remote:
            return None
        try:
            return self._found(archive, archive.payload(tile))
        except ArchiveError as error:
            self._failed(error)
            return None

    async def fetch(self, world: bytes, tile: Tile, encoding: Encoding) -> CachedTile | None:
        """Return a tile of an archive on another machine, or None. Raises UnavailableError.

        It is read once for all who want it at the same time.
        """
        archive = self._archive_of(world, encoding)
        if archive is None or not archive.remote:
            return None
        if self.problem is not None and time.monotonic() < self._rests_until:
            self._refuse(self.problem)
            return None
        try:
            return self._found(archive, await asyncio.shield(self._reading(archive, tile)))
        except ArchiveError as error:
            self._failed(error)
            return None

    def close(self) -> None:
        """Stop reading; a second call does nothing."""
        self._readers.shutdown(cancel_futures=True)
        self.archive.close()

    def _archive_of(self, world: bytes, encoding: Encoding) -> TileArchive | None:
        """Return the archive if it has tiles of this world in this encoding."""
        archive = self.archive
        return archive if archive.world == world and archive.encoding is encoding else None

    def _reading(self, archive: TileArchive, tile: Tile) -> asyncio.Future[bytes | None]:
        running = self._running.get(tile)
        if running is None:
            if len(self._running) >= BACKLOG:
                raise UnavailableError(
                    f"{BACKLOG} tiles are being read from the archive, which is as many as may be; "
                    "try again soon"
                )
            loop = asyncio.get_running_loop()
            running = loop.run_in_executor(self._readers, archive.payload, tile)
            self._running[tile] = running
            running.add_done_callback(lambda done: self._read(tile, done))
        return running

    def _read(self, tile: Tile, done: asyncio.Future[bytes | None]) -> None:
        del self._running[tile]
        if not done.cancelled():
            done.exception()  # nobody may be left to hear of it

    def _found(self, archive: TileArchive, payload: bytes | None) -> CachedTile | None:
        if self.problem is not None:
            log.info("the archive can be read again")
            self.problem = None
        if payload is None:
            return None
        self._metrics.archived.inc()
        return CachedTile(payload, digest_of(payload), archive.modified)

    def _failed(self, error: ArchiveError) -> None:
        """Note that a tile cannot be read; one that is damaged says nothing about the others."""
        self._metrics.archive_failures.inc()
        if isinstance(error, ArchiveDamagedError):
            log.warning("%s", error)
        else:
            if self.problem is None:
                log.error("%s", error)
            self.problem = str(error)
            self._rests_until = time.monotonic() + REST_SECONDS
        self._refuse(str(error))

    def _refuse(self, reason: str) -> None:
        if self._only:
            raise UnavailableError(f"{reason}; try again later")
