"""The errors that `tileserver` raises on purpose, and the one table from error to HTTP answer."""

import json
import math
from dataclasses import dataclass
from http import HTTPStatus

from generator.grid.errors import GeneratorError, TileError

RETRY_SECONDS = 2
"""What `Retry-After` tells a client that was turned away."""


class ServerError(Exception):
    """Base of every error whose message is one sentence meant for a person."""


def shortened(text: str, most: int = 60) -> str:
    """Return a user's text as a message quotes it: at most so many characters."""
    return text if len(text) <= most else text[: most - 3] + "..."


class SettingsError(ServerError):
    """A setting that is unknown or has no sensible value."""


class StartError(ServerError):
    """The server cannot start, for instance because its port is in use."""


class CacheError(ServerError):
    """A cache directory that cannot be opened, read or written."""


class CacheFullError(CacheError):
    """The cache has reached its size limit."""


class RegionError(ServerError):
    """A region that cannot be read: no polygons, not on Earth, not GeoJSON."""


class ExportError(ServerError):
    """An export that cannot be written, or does not hold what it should."""


class ArchiveError(ServerError):
    """An archive of tiles that cannot be read, or does not hold what this server serves."""


class ArchiveDamagedError(ArchiveError):
    """Bytes of an archive that are not what they should be."""


class ClusterError(ServerError):
    """A cluster that cannot be used: not there, lost, or of machines that make another world."""


class FlightError(ServerError):
    """A flight that cannot be flown or filmed: no path, no altitude, nowhere to write it."""


class CacheDamagedError(CacheError):
    """A cache file that was cut off while programs use it: all must end before it is rebuilt."""


class BadRequestError(ServerError):
    """A request whose text cannot be read as the address of a tile."""


class NotFoundError(ServerError):
    """A request for a document that does not exist."""


class NotAcceptableError(ServerError):
    """A request whose Accept header takes none of the formats there are."""


class LaterError(ServerError):
    """A request that will be answered later. retry: after how many seconds, about."""

    def __init__(self, text: str, retry: float = RETRY_SECONDS) -> None:
        super().__init__(text)
        self.retry = retry


class UnavailableError(LaterError):
    """The server cannot answer now but will later: loading, full, too slow or stopping."""


class BudgetError(LaterError):
    """One client asks for more new tiles than its share."""


class UnmadeError(ServerError):
    """A tile that is not stored, asked of a server that makes none for this client."""


class ForbiddenError(ServerError):
    """A document that is only for the operator."""


class GenerationError(ServerError):
    """A tile could not be made; every request that waited for it gets this."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An HTTP error answer: status, body (RFC 9457 JSON) and headers of its own."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]


STATUS: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (TileError, HTTPStatus.NOT_FOUND),
    (BadRequestError, HTTPStatus.BAD_REQUEST),
    (NotFoundError, HTTPStatus.NOT_FOUND),
    (NotAcceptableError, HTTPStatus.NOT_ACCEPTABLE),
    (UnavailableError, HTTPStatus.SERVICE_UNAVAILABLE),
    (BudgetError, HTTPStatus.TOO_MANY_REQUESTS),
    (UnmadeError, HTTPStatus.NOT_FOUND),
    (ForbiddenError, HTTPStatus.FORBIDDEN),
    (CacheError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ArchiveError, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServerError, HTTPStatus.INTERNAL_SERVER_ERROR),
    (GeneratorError, HTTPStatus.INTERNAL_SERVER_ERROR),
)
"""Domain error to HTTP status; the first row that fits counts, anything else is a 500."""


def status_of(error: BaseException) -> HTTPStatus:
    """Return the HTTP status of a domain error (500 for anything unforeseen)."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def problem(error: BaseException) -> Problem:
    """Return the answer to a request that ended in `error`; unforeseen errors show no detail."""
    known = isinstance(error, ServerError | GeneratorError)
    detail = str(error) if known else "The server failed in a way that was not foreseen."
    retry = error.retry if isinstance(error, LaterError) else RETRY_SECONDS
    return problem_for(status_of(error), detail, retry)


def problem_for(status: int, detail: str, retry: float = RETRY_SECONDS) -> Problem:
    """Return an error answer with the given status and one sentence of detail.

    retry: seconds that `Retry-After` tells, rounded up, where the status has it.
    """
    title = HTTPStatus(status).phrase
    document = {"type": "about:blank", "title": title, "status": int(status), "detail": detail}
    body = json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace")
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        headers.append((b"retry-after", str(max(1, math.ceil(retry))).encode()))
    return Problem(int(status), body, tuple(headers))
