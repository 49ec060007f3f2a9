"""HTTP details that need no server: addresses, conditional requests, and plain ASGI answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from starlette.types import Receive, Send

from generator.tile import Tile
from tileserver.errors import BadRequestError, Problem
from tileserver.settings import MAX_SEED

Headers = Iterable[tuple[bytes, bytes]]

METHODS = b"GET, HEAD, OPTIONS"
"""What every path answers to."""

MAX_AGE = 3600
CACHE_CONTROL = f"public, max-age={MAX_AGE}".encode()
"""Tiles of an address change only with the model or base map; then the ETag tells."""

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_SEED = re.compile(r"[0-9]{1,20}", re.ASCII)
_TAG = re.compile(rb'(?:W/)?("[^"]*")|(\*)')


def parse_address(params: Mapping[str, str], default_seed: int) -> tuple[int, Tile]:
    """Read a tile's address from a path's parts: z, x, y with extension, and perhaps seed.

    Raises BadRequestError for text that is no address, TileError for a tile off the map.
    """
    seed = parse_seed(params["seed"]) if "seed" in params else default_seed
    row, _, extension = params["y"].partition(".")
    if extension != "png":
        given = f"the extension .{_shown(extension)}" if extension else "no extension"
        raise BadRequestError(f"the address has {given}, expected /z/x/y.png or /seed/z/x/y.png")
    z, x = _parse_whole("zoom", params["z"]), _parse_whole("x", params["x"])
    return seed, Tile(z, x, _parse_whole("y", row))


def parse_seed(text: str) -> int:
    """Read the seed in a path. Raises BadRequestError."""
    if not _SEED.fullmatch(text) or int(text) > MAX_SEED:
        raise BadRequestError(f"the seed is '{_shown(text)}', expected 0 to {MAX_SEED}")
    return int(text)


def is_unchanged(headers: Headers, tag: bytes) -> bool:
    """Say whether the request's If-None-Match names the strong tag `tag` (quotes included)."""
    for name, value in headers:
        if name == b"if-none-match":
            for match in _TAG.finditer(value):
                if match[2] is not None or match[1] == tag:
                    return True
    return False


async def send_problem(send: Send, problem: Problem, *extra: tuple[bytes, bytes]) -> None:
    """Send an error answer."""
    await send_plain(send, problem.status, [*problem.headers, *extra], problem.body)


async def send_plain(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


async def until_disconnect(receive: Receive) -> None:
    """Return when the client has gone; it may still be sending a body that nobody needs."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _parse_whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise BadRequestError(
            f"the {name} of the tile is '{_shown(text)}', expected a whole number "
            "of at most 18 digits"
        )
    return int(text)


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
