"""Pictures made from stored tiles: WebP, JPEG and twice the size, made once and kept in batches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.cache.tilecache import CachedTile, CacheError
from tileserver.encode import decode_png, encode, enlarged, joined
from tileserver.encoding import Encoding
from tileserver.errors import UnavailableError
from tileserver.rendering.request import RequestOptions

if TYPE_CHECKING:
    from tileserver.rendering.client.service import TileService

BATCH_SECONDS = 0.05
"""How long a picture waits for others before they are stored together."""

BACKLOG = 256
"""Pictures that may wait for encoding; a request for one more is turned away."""

ENCODERS = 2

Key = tuple[bytes, Tile, int]

log = logging.getLogger("elsewhere")


class Variants:
    """What a service's tiles look like in every encoding but the masters' own.

    A picture of scale 2 shows its tile's four children side by side, so it has twice the detail;
    at the last zoom there are none, and the tile itself is enlarged: smoother, no new detail.
    Used on the event loop; encoding and storing happen on threads. pending: made, not stored yet.
    """

    def __init__(self, service: TileService) -> None:
        self.service = service
        self.pending: dict[Key, CachedTile] = {}
        self._running: dict[Key, asyncio.Future[bytes]] = {}
        self._encoders = ThreadPoolExecutor(ENCODERS, "variants")
        self._storer = ThreadPoolExecutor(1, "variants-store")
        self._due = False
        self._closed = False

    def find(self, world: bytes, tile: Tile, encoding: Encoding) -> CachedTile | None:
        """Return a picture that is made already, or None. Raises as `TileService.find` does."""
        key = (world, tile, encoding.variant)
        return self.pending.get(key) or self.service.find(world, tile, encoding)

    async def render(
        self, seed: int, tile: Tile, encoding: Encoding, options: RequestOptions
    ) -> CachedTile:
        """Make a picture, and the tiles it needs if they are not stored. Raises as they do.

        Where another machine's archive has it, it is taken from there.
        """
        if entry := await self.service.fetch(seed, tile, encoding):
            return entry
        shown = sources(tile, encoding, self.service.max_zoom)
        masters = await self.service.collect(seed, shown, options)
        key = (self.service.world(seed), tile, encoding.variant)
        found = self.find(key[0], tile, encoding)
        if found is not None:
            return found
        running = self._running.get(key) or self._start(key, masters, encoding)
        payload = await asyncio.shield(running)
        return self.pending.get(key) or CachedTile.now(payload)

    def close(self) -> None:
        """Store what is made, and stop; a second call does nothing."""
        if not self._closed:
            self._closed = True
            self._encoders.shutdown(cancel_futures=True)
            self._storer.submit(self._store)
            self._storer.shutdown()

    def _start(self, key: Key, masters: list[bytes], encoding: Encoding) -> asyncio.Future[bytes]:
        if self._closed:
            raise UnavailableError("the server is stopping")
        if len(self._running) >= BACKLOG:
            raise UnavailableError(
                f"{len(self._running)} tiles are waiting to be encoded, which is as many as may "
                "wait; try again soon"
            )
        loop = asyncio.get_running_loop()
        running = loop.run_in_executor(self._encoders, transcode, masters, encoding)
        self._running[key] = running
        running.add_done_callback(lambda done: self._made(key, done))
        return running

    def _made(self, key: Key, done: asyncio.Future[bytes]) -> None:
        del self._running[key]
        if done.cancelled() or done.exception() is not None:
            return
        payload = done.result()
        self.pending[key] = CachedTile.now(payload)
        if not self._due and not self._closed:
            self._due = True
            asyncio.get_running_loop().call_later(BATCH_SECONDS, self._store_soon)

    def _store_soon(self) -> None:
        self._due = False
        if not self._closed:
            self._storer.submit(self._store)

    def _store(self) -> None:
        """Store what is pending; what cannot be stored is made again when it is asked for."""
        batch = list(self.pending.items())
        try:
            if batch:
                self.service.cache.put_variants((*key, entry.payload) for key, entry in batch)
        except CacheError as error:
            log.debug("pictures were not stored: %s", error)
        except Exception:
            log.exception("storing pictures failed")
        finally:
            for key, _ in batch:
                self.pending.pop(key, None)


def sources(tile: Tile, encoding: Encoding, max_zoom: int = MAX_ZOOM) -> tuple[Tile, ...]:
    """Return the tiles whose pixels a picture shows; max_zoom: the finest that there is."""
    return tile.children() if encoding.scale == 2 and tile.z < max_zoom else (tile,)


def transcode(masters: Sequence[bytes], encoding: Encoding) -> bytes:
    """Return the PNGs of a picture's sources in its encoding. Raises ValueError if damaged."""
    pixels = [decode_png(png) for png in masters]
    if encoding.scale == 1:
        return encode(pixels[0], encoding)
    return encode(joined(pixels) if len(pixels) == 4 else enlarged(pixels[0]), encoding)
