"""The tiles' endpoint: address to service to answer, as bare ASGI and, for stored tiles, as bytes.

A tile that is in the cache is answered in one go without ASGI when the protocol asks `at_hand`;
everything else, and every other server, goes through the application. Both say the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from starlette.types import Receive, Scope, Send

from generator.errors import GeneratorError
from tileserver.access import Access
from tileserver.address import Address, match_address, parse_address, version_of
from tileserver.cache import Entry
from tileserver.encoding import Encoding
from tileserver.errors import ServerError, problem, problem_for
from tileserver.http import (
    CACHE_CONTROL,
    FOREVER,
    METHODS,
    OPEN,
    Pair,
    http_date,
    is_unchanged,
    rendered,
    send_plain,
    send_problem,
    until_disconnect,
)
from tileserver.service import TileService


class Ready(NamedTuple):
    """An answer that needs no waiting: its headers as HTTP sends them, with the blank line."""

    status: int
    head: bytes
    body: bytes


class TileEndpoint:
    """The tiles, as a bare ASGI application: a stored tile costs one lookup on the event loop.

    flipped: whether rows count from the south, as TMS has them. HEAD never makes a tile: for one
    that is not stored yet it answers 200 without ETag and length.
    """

    def __init__(self, service: TileService, flipped: bool = False) -> None:
        self.service = service
        self.flipped = flipped
        self._access = Access(service.settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a tile; its path has the parts z, x, y and perhaps seed."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            refusal = problem_for(405, f"{method} is not possible here, expected GET or HEAD")
            return await send_problem(send, refusal, (b"allow", METHODS))
        try:
            query = scope.get("query_string", b"")
            address = parse_address(scope["path_params"], query, self.flipped)
            entry = self._lookup(address)
            if entry is None:
                if method == "HEAD":
                    return await send_plain(send, 200, _unmade(address.encoding))
                entry = await self._made(address, scope, receive)
            if entry is not None:
                await self._send(scope, send, address, entry)
        except (ServerError, GeneratorError) as error:
            await send_problem(send, problem(error))

    def at_hand(self, method: bytes, target: bytes, headers: Sequence[Pair]) -> Ready | None:
        """Return the whole answer to a request for a tile in the cache; None for all others.

        target: path and query as sent. headers: the request's, names in lower case.
        """
        address = match_address(target)
        if address is None or method not in (b"GET", b"HEAD"):
            return None
        service = self.service
        try:
            world = service.world(self._seed(address))
            cache = service.cache
            entry = cache and cache.entry(world, address.tile, address.encoding.variant)
        except (ServerError, GeneratorError):
            return None  # the application tells it in full
        if not entry:
            return None
        metrics = service.metrics
        metrics.hits[address.tile.z].inc()
        fresh = address.version == version_of(world).encode()
        if is_unchanged(headers, tag_of(entry), entry.modified):
            metrics.answered(304)
            return Ready(304, _head(entry.digest, entry.modified, fresh), b"")
        metrics.answered(200)
        length = len(entry.payload)
        head = _head(entry.digest, entry.modified, fresh, address.encoding, length)
        if method == b"HEAD":
            return Ready(200, head, b"")
        metrics.bytes.inc(length)
        return Ready(200, head, entry.payload)

    def _seed(self, address: Address) -> int:
        return self.service.settings.seed if address.seed is None else address.seed

    def _lookup(self, address: Address) -> Entry | None:
        service, seed = self.service, self._seed(address)
        if address.encoding is Encoding.PNG:
            return service.lookup(seed, address.tile)
        entry = service.variants.find(service.world(seed), address.tile, address.encoding)
        if entry is not None:
            service.metrics.hits[address.tile.z].inc()
        return entry

    async def _made(self, address: Address, scope: Scope, receive: Receive) -> Entry | None:
        """Have the tile made; None when the client went away meanwhile."""
        ask = self._access.ask(scope)
        service, seed = self.service, self._seed(address)
        if address.encoding is Encoding.PNG:
            work = service.make(seed, address.tile, ask)
        else:
            work = service.variants.make(seed, address.tile, address.encoding, ask)
        making = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(until_disconnect(receive))
        try:
            await asyncio.wait((making, leaving), return_when=asyncio.FIRST_COMPLETED)
            return await making if making.done() else None
        finally:
            making.cancel()
            leaving.cancel()

    async def _send(self, scope: Scope, send: Send, address: Address, entry: Entry) -> None:
        world = self.service.world(self._seed(address))
        fresh = address.version == version_of(world).encode()
        seconds = entry.modified or int(time.time())
        if is_unchanged(scope["headers"], tag_of(entry), seconds):
            return await send_plain(send, 304, _pairs(entry.digest, seconds, fresh))
        pairs = _pairs(entry.digest, seconds, fresh, address.encoding, len(entry.payload))
        body = b"" if scope["method"] == "HEAD" else entry.payload
        self.service.metrics.bytes.inc(len(body))
        await send_plain(send, 200, pairs, body)


def tag_of(entry: Entry) -> bytes:
    """Return the strong entity tag of a picture, with its quotes."""
    return b'"%b"' % entry.digest.hex().encode()


def _pairs(
    digest: bytes, modified: int, fresh: bool, encoding: Encoding | None = None, length: int = 0
) -> list[Pair]:
    """Return a tile's headers; without encoding those of a 304, which has no body to describe."""
    pairs = [
        (b"etag", b'"%b"' % digest.hex().encode()),
        (b"last-modified", http_date(modified)),
        (b"cache-control", FOREVER if fresh else CACHE_CONTROL),
    ]
    if encoding is not None:
        pairs.append((b"content-type", encoding.media_type.encode()))
        pairs.append((b"content-length", b"%d" % length))
    return pairs


@lru_cache(maxsize=4096)
def _head(
    digest: bytes, modified: int, fresh: bool, encoding: Encoding | None = None, length: int = 0
) -> bytes:
    """Return all headers of a stored tile as they are sent; those of the last ones are kept."""
    return rendered([*OPEN, *_pairs(digest, modified, fresh, encoding, length)]) + b"\r\n"


def _unmade(encoding: Encoding) -> list[Pair]:
    return [(b"content-type", encoding.media_type.encode()), (b"cache-control", b"no-store")]
