"""The tiles' endpoint: address to service to answer, as bare ASGI and, for stored tiles, as bytes.

A stored tile is answered on the hot-tile path: the protocol calls `hot_response`, and sends the
bytes without ASGI. All other requests, and those to every other server, go through the application.
Both say the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from generator.grid.errors import GeneratorError
from tileserver.address import TileAddress, match_address, parse_address, version_of
from tileserver.cache.tilecache import CachedTile
from tileserver.encoding import Encoding
from tileserver.errors import ServerError, problem
from tileserver.rendering.client.service import TileService
from tileserver.serving.access import Access
from tileserver.serving.http import (
    OPEN,
    Pair,
    described,
    is_unchanged,
    kept_for,
    refuse_method,
    rendered,
    send_plain,
    send_problem,
    tag_of,
    unless_left,
    unmade,
)

HOT_SECONDS = 0.5
HOT_BYTES = 32 << 20
"""Answers from the cache are remembered for so long, and at most so many bytes of them.

So a tile that everybody looks at is read from the cache twice a second, and one that is removed
from it is gone half a second later.
"""


class HotResponse(NamedTuple):
    """An answer that needs no waiting: its headers as HTTP sends them, with the blank line."""

    status: int
    head: bytes
    body: bytes


class _HotTile(NamedTuple):
    """Both answers about a stored tile, and what decides between them.

    tag: its entity tag; modified: the Unix second when it was stored.
    """

    zoom: int
    tag: bytes
    modified: int
    whole: HotResponse
    unchanged: HotResponse


class TileEndpoint:
    """The tiles, as a bare ASGI application: a stored tile costs one lookup on the event loop.

    flipped: whether rows count from the south, as TMS has them. HEAD never makes a tile: for one
    that is not stored yet it answers 200 without ETag and length.
    """

    def __init__(self, service: TileService, flipped: bool = False) -> None:
        self.service = service
        self.flipped = flipped
        self._access = Access(service.settings)
        self._hot: dict[bytes, _HotTile] = {}
        self._hot_bytes, self._hot_until = 0, 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a tile; its path has the parts z, x, y and perhaps seed."""
        method = scope["method"]
        if await refuse_method(scope, send):
            return
        try:
            query = scope.get("query_string", b"")
            finest = self.service.max_zoom
            address = parse_address(scope["path_params"], query, self.flipped, finest)
            await self.service.known()
            entry = self._lookup(address)
            if entry is None:
                if method == "HEAD":
                    return await send_plain(send, 200, unmade(address.encoding.media_type))
                entry = await self._render(address, scope, receive)
            if entry is not None:
                await self._send(scope, send, address, entry)
        except (ServerError, GeneratorError) as error:
            await send_problem(send, problem(error))

    def hot_response(
        self, method: bytes, target: bytes, headers: Sequence[Pair]
    ) -> HotResponse | None:
        """Return the whole answer to a request for a tile in the cache; None for all others.

        target: path and query as sent. headers: the request's, names in lower case.
        """
        if method not in (b"GET", b"HEAD"):
            return None
        hot = self._hot.get(target)
        if hot is None or time.monotonic() >= self._hot_until:
            hot = self._load_hot(target)
            if hot is None:
                return None
        metrics = self.service.metrics
        metrics.hits[hot.zoom].inc()
        if is_unchanged(headers, hot.tag, hot.modified):
            metrics.answered(304)
            return hot.unchanged
        metrics.answered(200)
        if method == b"HEAD":
            return hot.whole._replace(body=b"")
        metrics.bytes.inc(len(hot.whole.body))
        return hot.whole

    def _load_hot(self, target: bytes) -> _HotTile | None:
        """Remember the answers about a tile in the cache; None for all else."""
        address = match_address(target)
        if address is None or address.tile.z > self.service.max_zoom:
            return None
        try:
            world = self.service.world(self._seed(address))
            entry = self.service.find(world, address.tile, address.encoding)
        except (ServerError, GeneratorError):
            return None  # the application tells it in full
        if entry is None:
            return None
        kept = kept_for(address.version, version_of(world).encode())
        about = (entry.digest, entry.modified, kept)
        whole = described(*about, address.encoding.media_type, len(entry.payload))
        hot = _HotTile(
            address.tile.z,
            tag_of(entry.digest),
            entry.modified,
            HotResponse(200, _head(whole), entry.payload),
            HotResponse(304, _head(described(*about)), b""),
        )
        now = time.monotonic()
        if now >= self._hot_until or self._hot_bytes > HOT_BYTES:
            self._hot.clear()
            self._hot_bytes, self._hot_until = 0, now + HOT_SECONDS
        self._hot[target] = hot
        self._hot_bytes += len(entry.payload)
        return hot

    def _seed(self, address: TileAddress) -> int:
        return self.service.settings.seed if address.seed is None else address.seed

    def _lookup(self, address: TileAddress) -> CachedTile | None:
        service, seed = self.service, self._seed(address)
        if address.encoding is Encoding.PNG:
            return service.lookup(seed, address.tile)
        entry = service.variants.find(service.world(seed), address.tile, address.encoding)
        if entry is not None:
            service.metrics.hits[address.tile.z].inc()
        return entry

    async def _render(
        self, address: TileAddress, scope: Scope, receive: Receive
    ) -> CachedTile | None:
        """Have the tile made; None when the client went away meanwhile."""
        options = self._access.options(scope)
        service, seed = self.service, self._seed(address)
        if address.encoding is Encoding.PNG:
            work = service.render(seed, address.tile, options)
        else:
            work = service.variants.render(seed, address.tile, address.encoding, options)
        return await unless_left(work, receive)

    async def _send(
        self, scope: Scope, send: Send, address: TileAddress, entry: CachedTile
    ) -> None:
        world = self.service.world(self._seed(address))
        kept = kept_for(address.version, version_of(world).encode())
        seconds = entry.modified or int(time.time())
        if is_unchanged(scope["headers"], tag_of(entry.digest), seconds):
            return await send_plain(send, 304, described(entry.digest, seconds, kept))
        pairs = described(
            entry.digest, seconds, kept, address.encoding.media_type, len(entry.payload)
        )
        body = b"" if scope["method"] == "HEAD" else entry.payload
        self.service.metrics.bytes.inc(len(body))
        await send_plain(send, 200, pairs, body)


def _head(pairs: Sequence[Pair]) -> bytes:
    """Return a whole head but for the first line and what every answer of the server has."""
    return rendered([*OPEN, *pairs]) + b"\r\n"
