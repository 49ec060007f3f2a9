"""Absolute URLs of this server as its client sees it, for one world."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import quote

from starlette.requests import HTTPConnection

from tileserver.address import parse_seed
from tileserver.errors import BadRequestError
from tileserver.settings import Settings

_HOST = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII
)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)*/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Links:
    """The addresses of one world's documents and tiles.

    root: URL of the server, ends in "/". seed: the world. named: whether the addresses name it;
    those of the server's own world need not. key: what a client that fetched a document with
    ?key= gets into the addresses of its tiles; only ever the server's own API key.
    """

    root: str
    seed: int
    named: bool
    key: str | None = None

    @classmethod
    def of(cls, request: HTTPConnection, settings: Settings) -> Links:
        """Return the links for a request's client and world. Raises BadRequestError."""
        text = request.path_params.get("seed")
        seed = settings.seed if text is None else parse_seed(text)
        given, key = request.query_params.get("key"), settings.api_key
        known = (
            key is not None and given is not None and compare_digest(given.encode(), key.encode())
        )
        return cls(root_of(request, settings), seed, text is not None, key if known else None)

    def __call__(self, path: str) -> str:
        """Return the URL of a path below the world; a path that ends in "?" takes more keys."""
        url = self.bare(path)
        if self.key is None:
            return url
        pair = f"key={quote(self.key, safe='')}"
        if path.endswith("?"):
            return f"{url}{pair}&"
        return f"{url}{'&' if '?' in path else '?'}{pair}"

    def bare(self, path: str) -> str:
        """Return the URL of a path below the world without the key."""
        return f"{self.root}{self.seed}/{path}" if self.named else self.root + path

    def tiles(self, extension: str = "png", scale: int = 1, edition: str = "") -> str:
        """Return the template of the world's tiles, with {z}, {x} and {y} in it.

        edition: version of the world, which makes them cacheable for ever.
        """
        mark = "" if scale == 1 else f"@{scale}x"
        return self(f"{{z}}/{{x}}/{{y}}{mark}.{extension}{edition and f'?v={edition}'}")


def root_of(request: HTTPConnection, settings: Settings) -> str:
    """Return the server's URL, ending in "/", that a request was sent to.

    The setting public_url comes first, then a trusted proxy's X-Forwarded-Proto, -Host and
    -Prefix, then the request's own Host. Raises BadRequestError when one of them is not sound, so
    that nothing from a request's headers reaches a document unchecked.
    """
    if settings.public_url is not None:
        return settings.public_url.rstrip("/") + "/"
    scheme, prefix = request.scope.get("scheme", "http"), request.scope.get("root_path", "")
    host = request.headers.get("host") or _listening(request)
    if settings.trust_proxy:
        scheme = _first(request, "x-forwarded-proto").lower() or scheme
        host = _first(request, "x-forwarded-host") or host
        prefix = _first(request, "x-forwarded-prefix") or prefix
    if scheme not in ("http", "https"):
        raise BadRequestError("X-Forwarded-Proto is neither http nor https")
    if not _HOST.fullmatch(host):
        raise BadRequestError("the Host header is not a host name")
    if not _PREFIX.fullmatch(prefix):
        raise BadRequestError("X-Forwarded-Prefix is not a path such as /maps")
    return f"{scheme}://{host}{prefix.rstrip('/')}/"


def _first(request: HTTPConnection, name: str) -> str:
    """Return what the outermost proxy said: the first of a header's comma-separated values."""
    return request.headers.get(name, "").split(",")[0].strip()


def _listening(request: HTTPConnection) -> str:
    """Return the address that the request came in at; HTTP/1.0 needs no Host header."""
    host, port = request.scope.get("server") or ("localhost", None)
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"
