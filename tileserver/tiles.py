"""The tiles' endpoint, as a bare ASGI application: path to tile to service to answer."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from generator.errors import GeneratorError
from generator.tile import Tile
from tileserver.cache import Entry
from tileserver.encode import MEDIA_TYPE
from tileserver.errors import ServerError, problem, problem_for
from tileserver.http import (
    CACHE_CONTROL,
    METHODS,
    is_unchanged,
    parse_address,
    send_plain,
    send_problem,
    until_disconnect,
)
from tileserver.service import TileService


class TileEndpoint:
    """The tiles, as a bare ASGI application: a stored tile costs one lookup on the event loop.

    HEAD never makes a tile: for one that is not stored yet it answers 200 without ETag and length.
    """

    def __init__(self, service: TileService) -> None:
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for a tile."""
        method = scope["method"]
        if method not in ("GET", "HEAD"):
            refusal = problem_for(405, f"{method} is not possible here, expected GET or HEAD")
            return await send_problem(send, refusal, (b"allow", METHODS))
        try:
            seed, tile = parse_address(scope["path_params"], self.service.settings.seed)
            entry = self.service.lookup(seed, tile)
            if entry is None:
                if method == "HEAD":
                    return await send_plain(send, 200, _unmade_headers())
                entry = await self._made(seed, tile, receive)
        except (ServerError, GeneratorError) as error:
            return await send_problem(send, problem(error))
        if entry is not None:
            await _send_tile(scope, send, entry)

    async def _made(self, seed: int, tile: Tile, receive: Receive) -> Entry | None:
        """Have the tile made; None when the client went away meanwhile."""
        making = asyncio.ensure_future(self.service.make(seed, tile))
        leaving = asyncio.ensure_future(until_disconnect(receive))
        try:
            await asyncio.wait((making, leaving), return_when=asyncio.FIRST_COMPLETED)
            return await making if making.done() else None
        finally:
            making.cancel()
            leaving.cancel()


async def _send_tile(scope: Scope, send: Send, entry: Entry) -> None:
    tag = b'"' + entry.digest.hex().encode() + b'"'
    headers = [(b"etag", tag), (b"cache-control", CACHE_CONTROL)]
    if is_unchanged(scope["headers"], tag):
        return await send_plain(send, 304, headers)
    headers.append((b"content-type", MEDIA_TYPE.encode()))
    headers.append((b"content-length", str(len(entry.payload)).encode()))
    await send_plain(send, 200, headers, b"" if scope["method"] == "HEAD" else entry.payload)


def _unmade_headers() -> list[tuple[bytes, bytes]]:
    return [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store")]
