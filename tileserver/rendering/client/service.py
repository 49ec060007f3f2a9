"""Tiles without HTTP: from the cache if they are there, otherwise made by the generator process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

from generator.cascade.weightsheader import finest_zoom
from generator.grid.errors import WeightsError
from generator.grid.tile import BASE_ZOOM, MAX_ZOOM, Tile
from tileserver.archives.tilearchive import TileArchive
from tileserver.cache.tilecache import CachedTile, CacheError, TileCache
from tileserver.encoding import Encoding
from tileserver.errors import UnavailableError, UnmadeError
from tileserver.rendering.client.archiveclient import ArchiveClient
from tileserver.rendering.client.archived import ArchivedTiles
from tileserver.rendering.client.pictures import Pictures
from tileserver.rendering.client.renderclient import RenderClient
from tileserver.rendering.client.variants import Variants
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions
from tileserver.settings import Settings

TOGETHER = 16
"""Tiles of one picture that are asked for at a time."""

LOADING = "the model is still being loaded"


class TileService:
    """Answers with a tile's PNG for any seed.

    Owns cache, client and archive, which `close` closes.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        cache: TileCache,
        client: RenderClient | ArchiveClient,
        archive: TileArchive | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.cache = cache
        self.client = client
        self.archived: ArchivedTiles | None = None
        if archive is not None:
            self.archived = ArchivedTiles(archive, settings.archive_only, metrics)
        self.variants = Variants(self)
        self.pictures = Pictures(self)
        for name, text, read in (
            ("tiles_stored", "Tiles in the cache, of all worlds", cache.count),
            ("cache_bytes", "Size of the cache's data file", lambda: cache.size),
            ("cache_damaged", "Stored tiles found damaged", lambda: cache.damaged),
            ("ready", "Whether tiles can be made and stored", lambda: self.problem() is None),
        ):
            metrics.watch(name, text, partial(_read_or_0, read))

    def start(self) -> None:
        """Begin to work, on the event loop that runs now."""
        self.client.start()

    def refuse(self) -> None:
        """Turn away all that waits for a tile to be made; stored tiles are still served."""
        self.client.refuse()

    def close(self) -> None:
        """Let the client go, store what is made here, and close the cache."""
        self.client.close()
        self.variants.close()
        self.pictures.close()
        if self.archived is not None:
            self.archived.close()
        self.cache.close()

    def problem(self) -> str | None:
        """Return why the server is not fit for work, or None if it is."""
        if self.archived is not None and self.settings.archive_only:
            return self.archived.problem
        return self.client.problem()

    async def known(self) -> None:
        """Wait until worlds can be named, as long as a request is held. Raises UnavailableError."""
        try:
            async with asyncio.timeout(self.settings.hold_seconds):
                await self.client.known()
        except TimeoutError:
            raise UnavailableError(LOADING) from None

    def find(self, world: bytes, tile: Tile, encoding: Encoding) -> CachedTile | None:
        """Return a tile of the cache, or of an archive on this machine, in microseconds, or None.

        Raises CacheError, and UnavailableError where only an archive is served that is damaged.
        """
        entry = self.cache.entry(world, tile, encoding.variant)
        if entry is None and self.archived is not None:
            entry = self.archived.find(world, tile, encoding)
        return entry

    async def fetch(self, seed: int, tile: Tile, encoding: Encoding) -> CachedTile | None:
        """Return a tile of an archive on another machine, or None. Raises UnavailableError."""
        if self.archived is None:
            return None
        return await self.archived.fetch(self.world(seed), tile, encoding)

    def lookup(self, seed: int, tile: Tile) -> CachedTile | None:
        """Return what `find` does as PNG, and count it. Raises UnavailableError until known."""
        entry = self.find(self.world(seed), tile, Encoding.PNG)
        (self.metrics.misses if entry is None else self.metrics.hits)[tile.z].inc()
        return entry

    async def render(self, seed: int, tile: Tile, options: RequestOptions) -> CachedTile:
        """Have a tile made, or read from another machine's archive, for all who want it; return it.

        Cancelling gives up this wait only. Raises UnavailableError when the queue is full or the
        tile takes longer than a request is held, BudgetError when the client has had its share,
        GenerationError when it cannot be made. For who may have stored tiles only it raises
        UnmadeError, but for tiles of the base map, which no network makes: a 404, since asking
        again would not help, and map clients go on after one.
        """
        try:
            async with asyncio.timeout(self.settings.hold_seconds):
                found = await self.fetch(seed, tile, Encoding.PNG)
                return found or await self._make(seed, tile, options)
        except TimeoutError:
            raise UnavailableError(
                f"tile {tile} was not made within {self.settings.hold_seconds:g} s; try again soon"
            ) from None

    async def _make(self, seed: int, tile: Tile, options: RequestOptions) -> CachedTile:
        if options.stored_only and tile.z > self.model().get("base_zoom", BASE_ZOOM):
            raise UnmadeError("this tile has not been made, and this server makes none on request")
        return await self.client.render(seed, tile, options)

    async def collect(
        self, seed: int, tiles: Sequence[Tile], options: RequestOptions
    ) -> list[bytes]:
        """Return the PNGs of different tiles, all of one world: stored, or made a few at a time.

        So they need not fit the queue. When one cannot be had, the others are given up; what is
        made is kept. Raises as `render` does.
        """
        world, entries = b"", dict[Tile, CachedTile | None]()
        while world != self.world(seed):  # another model came meanwhile: so did other tiles
            world = self.world(seed)
            entries = {tile: self.lookup(seed, tile) for tile in tiles}
            missing = [tile for tile, entry in entries.items() if entry is None]
            for start in range(0, len(missing), TOGETHER):
                part = missing[start : start + TOGETHER]
                entries |= zip(part, await self._render_all(seed, part, options), strict=True)
        return [entry.payload for entry in entries.values() if entry is not None]

    async def _render_all(
        self, seed: int, tiles: Sequence[Tile], options: RequestOptions
    ) -> list[CachedTile]:
        rendering = [asyncio.ensure_future(self.render(seed, tile, options)) for tile in tiles]
        try:
            return await asyncio.gather(*rendering)
        finally:
            for task in rendering:
                task.cancel()

    def world(self, seed: int) -> bytes:
        """Return the fingerprint of a seed's world. Raises UnavailableError until it is known."""
        return self.client.world(seed)

    def model(self) -> dict[str, Any]:
        """Return what the renderer says about itself, as a JSON object."""
        return self.client.model()

    @property
    def only_archive(self) -> TileArchive | None:
        """Return the archive that has all tiles that there are; None where tiles are made."""
        if not self.settings.archive_only or self.archived is None:
            return None
        return self.archived.archive

    @property
    def max_zoom(self) -> int:
        """Return the finest zoom that there is, which is that of an archive that is served alone.

        Otherwise it is as the renderer says, and before it says so as its weights do.
        """
        if self.only_archive is not None:
            return self.only_archive.zooms[1]
        told = self.model().get("max_zoom")
        return self._weights_zoom if told is None else int(told)

    @cached_property
    def _weights_zoom(self) -> int:
        with contextlib.suppress(WeightsError):  # told where they are loaded
            return finest_zoom(self.settings.weights)
        return MAX_ZOOM


def _read_or_0(read: Callable[[], int]) -> int:
    """Return what a gauge of the cache reads, 0 while that cannot be read."""
    try:
        return read()
    except CacheError:
        return 0
