"""HTTP details that need no server: headers, conditional requests, and plain ASGI answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine, Iterable
from datetime import UTC
from email.utils import formatdate, parsedate_to_datetime
from functools import lru_cache
from typing import Any, TypeVar

from starlette.types import Receive, Scope, Send

from tileserver.errors import Problem, problem_for

T = TypeVar("T")
Pair = tuple[bytes, bytes]
Headers = Iterable[Pair]

METHODS = b"GET, HEAD, OPTIONS"
"""What every path answers to."""

CACHE_CONTROL = b"public, max-age=3600, s-maxage=600"
"""Tiles of an address change only with the model or base map; then the ETag tells.

What is shared by many, such as a CDN, asks sooner: its answers' age counts in browsers too.
"""

FOREVER = b"public, max-age=31536000, immutable"
"""For addresses that name the world's version: other pixels have another address."""

CHECKED = b"no-cache"
"""For addresses that name another version: nobody keeps under it, unasked, what is not of it."""

OPEN = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"ETag, Last-Modified, Retry-After"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
    (b"x-content-type-options", b"nosniff"),
)
"""Part of every answer: any page may use it, and no browser may guess another type."""

_TAG = re.compile(rb'(?:W/)?("[^"]*")|(\*)')
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_NAMES = re.compile(_TOKEN + rb"(?:[ \t]*,[ \t]*" + _TOKEN + rb")*")
_ASKED = b"access-control-request-headers"


def is_unchanged(headers: Headers, tag: bytes, modified: int) -> bool:
    """Say whether a request's conditions allow the answer 304.

    If-None-Match counts alone where it is there: a list with the strong tag `tag` (quotes
    included), its weak form or `*`. Otherwise If-Modified-Since, against the Unix second modified.
    """
    since, tagged = None, False
    for name, value in headers:
        if name == b"if-none-match":
            tagged = True
            for match in _TAG.finditer(value):
                if match[2] is not None or match[1] == tag:
                    return True
        elif name == b"if-modified-since":
            since = value
    return since is not None and not tagged and modified <= _seconds(since)


@lru_cache(maxsize=4096)
def http_date(seconds: int) -> bytes:
    """Return a Unix second as HTTP writes it: Sun, 06 Nov 1994 08:49:37 GMT."""
    return formatdate(seconds, usegmt=True).encode()


def preflight(headers: Headers) -> list[Pair]:
    """Return the headers that grant what a browser asks leave for with OPTIONS."""
    wanted = next((value for name, value in headers if name == _ASKED), b"*")
    allowed = wanted if len(wanted) <= 1024 and _NAMES.fullmatch(wanted) else b"*"
    return [
        (b"allow", METHODS),
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", allowed),
        (b"access-control-max-age", b"86400"),
        (b"vary", b"Access-Control-Request-Headers"),
    ]


def rendered(pairs: Headers) -> bytes:
    """Return headers as HTTP/1.1 sends them."""
    return b"".join(b"%b: %b\r\n" % pair for pair in pairs)


async def send_problem(send: Send, problem: Problem, *extra: Pair) -> None:
    """Send an error answer."""
    await send_plain(send, problem.status, [*problem.headers, *extra], problem.body)


async def refuse_method(scope: Scope, send: Send) -> bool:
    """Refuse a request that is neither GET nor HEAD; say whether it was refused."""
    method = scope["method"]
    if method in ("GET", "HEAD"):
        return False
    refusal = problem_for(405, f"{method} is not possible here, expected GET or HEAD")
    await send_problem(send, refusal, (b"allow", METHODS))
    return True


async def send_plain(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole answer."""
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})


def tag_of(digest: bytes) -> bytes:
    """Return the strong entity tag of a picture, with its quotes."""
    return b'"%b"' % digest.hex().encode()


def described(
    digest: bytes, modified: int, kept: bytes, media_type: str = "", length: int = 0
) -> list[Pair]:
    """Return a picture's headers; without media type those of a 304, which has no body to describe.

    kept: who may keep it for how long.
    """
    pairs = [
        (b"etag", tag_of(digest)),
        (b"last-modified", http_date(modified)),
        (b"cache-control", kept),
    ]
    if media_type:
        pairs.append((b"content-type", media_type.encode()))
        pairs.append((b"content-length", b"%d" % length))
    return pairs


def kept_for(named: bytes, version: bytes) -> bytes:
    """Return who may keep a tile for how long. named: the version in its address, or nothing."""
    if not named:
        return CACHE_CONTROL
    return FOREVER if named == version else CHECKED


def unmade(media_type: str) -> list[Pair]:
    """Return the headers of the answer to HEAD for a picture that is not made yet."""
    return [(b"content-type", media_type.encode()), (b"cache-control", b"no-store")]


async def unless_left(work: Coroutine[Any, Any, T], receive: Receive) -> T | None:
    """Return the work's result; give it up and return None when the client goes away meanwhile."""
    making = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(until_disconnect(receive))
    try:
        await asyncio.wait((making, leaving), return_when=asyncio.FIRST_COMPLETED)
        return await making if making.done() else None
    finally:
        making.cancel()
        leaving.cancel()


async def until_disconnect(receive: Receive) -> None:
    """Return when the client has gone; it may still be sending a body that nobody needs."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _seconds(date: bytes) -> float:
    """Return an HTTP date as Unix seconds; what is none lies before all time."""
    try:
        found = parsedate_to_datetime(date.decode("ascii"))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return float("-inf")
