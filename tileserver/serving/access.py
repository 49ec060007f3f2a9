"""Who asks: a client's address, whether it has the key, and what it may therefore do."""

from __future__ import annotations

import hmac
import ipaddress
from urllib.parse import parse_qsl

from starlette.types import Scope

from tileserver.errors import ForbiddenError
from tileserver.rendering.request import Priority, RequestOptions
from tileserver.settings import Settings

KEY_HEADER = b"x-api-key"
KEY_PARAMETER = b"key"

FORWARDED = frozenset(
    (
        b"forwarded",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
        b"x-real-ip",
        b"via",
    )
)
"""Headers that proxies add."""

_UNKNOWN = "unknown"


class Access:
    """Reads requests (ASGI scopes) for the settings public, cached_only, api_key, trust_proxy."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._key = settings.api_key.encode() if settings.api_key else None
        self._unlimited = settings.budget is None

    def options(self, scope: Scope) -> RequestOptions:
        """Return how a request that may need a tile made is treated."""
        free = self.has_key(scope)
        return RequestOptions(
            Priority.PREFETCH if is_prefetch(scope) else Priority.INTERACTIVE,
            self.client(scope),
            free or self._unlimited,
            self.settings.cached_only and not free,
        )

    def check_inside(self, scope: Scope) -> None:
        """Raise ForbiddenError if a request may not see what is not for everybody."""
        if not self.is_inside(scope):
            raise ForbiddenError("this is only for the server's own machine or with the API key")

    def is_inside(self, scope: Scope) -> bool:
        """Say whether a request may see details: on a public server, this machine or the key.

        What a proxy passes on comes from elsewhere, although the proxy may be on this machine.
        """
        if not self.settings.public or self.has_key(scope):
            return True
        if any(name in FORWARDED for name, _ in scope["headers"]):
            return False
        try:
            return ipaddress.ip_address(self.address(scope)).is_loopback
        except ValueError:
            return False

    def has_key(self, scope: Scope) -> bool:
        """Say whether a request carries the API key, in a header or as `?key=`."""
        if self._key is None:
            return False
        given = _header(scope, KEY_HEADER)
        if given is None:
            query = dict(parse_qsl(scope.get("query_string", b"")))
            given = query.get(KEY_PARAMETER, b"")
        return hmac.compare_digest(given, self._key)

    def client(self, scope: Scope) -> str:
        """Return who pays for a request: its IPv4 address, or its IPv6 network of 64 bits."""
        text = self.address(scope)
        try:
            found = ipaddress.ip_address(text)
        except ValueError:
            return _UNKNOWN
        if isinstance(found, ipaddress.IPv6Address):
            if found.ipv4_mapped is not None:
                return str(found.ipv4_mapped)
            return str(ipaddress.ip_network((int(found), 64), strict=False))
        return str(found)

    def address(self, scope: Scope) -> str:
        """Return a request's address: the socket's, or the last one that a trusted proxy names.

        Earlier ones in X-Forwarded-For are what the client itself said.
        """
        if self.settings.trust_proxy:
            forwarded = _header(scope, b"x-forwarded-for", last=True)
            if forwarded is not None:
                return forwarded.rpartition(b",")[2].strip().decode("latin-1")
        client = scope.get("client")
        return str(client[0]) if client else _UNKNOWN


def is_prefetch(scope: Scope) -> bool:
    """Say whether a browser only fetches in advance."""
    for name in (b"sec-purpose", b"purpose", b"x-purpose"):
        value = _header(scope, name)
        if value is not None and value.lower().startswith((b"prefetch", b"preview")):
            return True
    return False


def _header(scope: Scope, wanted: bytes, last: bool = False) -> bytes | None:
    found = [value for name, value in scope["headers"] if name == wanted]
    return bytes(found[-1 if last else 0]) if found else None
