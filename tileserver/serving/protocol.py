"""HTTP/1.1 on a socket: uvicorn's protocol with limits on what a client may do, and a short cut.

uvicorn waits for ever for the end of a request's head and takes heads of any size. Here whatever a
client has to do in time has a deadline, and one timer for all connections looks at them. Requests
whose answer is known are answered at once, without a task, a scope and an application.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tileserver.errors import problem_for
from tileserver.serving.http import OPEN, Pair, rendered
from tileserver.serving.tiles import HotResponse

HotPath = Callable[[bytes, bytes, Sequence[Pair]], HotResponse | None]
"""Method, target and headers of a request to its answer, if that needs no waiting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a client may take. Times are kept to within `tick` seconds.

    head_seconds: from connecting, or from a request's first byte, to the end of its head.
    idle_seconds: between requests. stall_seconds: without taking what was sent. linger_seconds:
    for reading a refusal. url_bytes, head_bytes, headers: of a request's first line, of all its
    headers, and their number. body_bytes: of its body, which no address needs.
    """

    head_seconds: float = 8.0
    idle_seconds: float = 75.0
    stall_seconds: float = 30.0
    linger_seconds: float = 2.0
    tick: float = 0.5
    url_bytes: int = 4096
    head_bytes: int = 16384
    headers: int = 100
    body_bytes: int = 16384


class ProtocolContext:
    """What the connections of one server share.

    hot_response: None sends every request through the application. count: is told the status of
    each refusal.
    """

    def __init__(
        self,
        hot_response: HotPath | None = None,
        count: Callable[[int], None] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.hot_response = hot_response
        self.count = count
        self.limits = limits or Limits()
        self.sweeping = False
        self._pairs: Sequence[Pair] = ()
        self._lines = b""

    def protocol(self) -> type[TileProtocol]:
        """Return the class that uvicorn makes this server's connections from."""
        return type("TileProtocol", (TileProtocol,), {"shared": self})

    def lines(self, pairs: Sequence[Pair]) -> bytes:
        """Return the headers of every answer as sent; uvicorn renews the list once a second."""
        if pairs is not self._pairs:
            self._pairs, self._lines = pairs, rendered(pairs)
        return self._lines


class TileProtocol(HttpToolsProtocol):
    """One connection; `ProtocolContext.protocol` makes its class, uvicorn the instances.

    deadline: when, on the loop's clock, the client must have done what it has to do next.
    """

    shared: ClassVar[ProtocolContext] = ProtocolContext()

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: the client has a while to send its first request."""
        super().connection_made(transport)
        self.limits = self.shared.limits
        self.deadline = self.loop.time() + self.limits.head_seconds
        self._in_head = self._short = self._refused = False
        self._bodiless = True
        self._fed = self._size = self._body = 0
        self._refusal: tuple[int, str] | None = None
        if not self.shared.sweeping:
            self.shared.sweeping = True
            self.loop.call_later(self.limits.tick, self._sweep)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._refused:
            return
        if self._in_head:
            self._fed += len(data)
            if self._fed > self.limits.head_bytes + self.limits.url_bytes:
                return self._refuse(431, f"the request's head is longer than {self._fed} bytes")
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # answered as if it had not asked, and closed after that
        except httptools.HttpParserError:
            self._refuse(*(self._refusal or (400, "this is not an HTTP request")))

    def pause_writing(self) -> None:
        """Note that the client does not take what it is sent."""
        super().pause_writing()
        self.deadline = self.loop.time() + self.limits.stall_seconds

    def resume_writing(self) -> None:
        """Note that it does again."""
        super().resume_writing()
        if self._in_head:
            self.deadline = self.loop.time() + self.limits.head_seconds
        self._rest()

    def expire(self) -> None:
        """Do what is due when the deadline has passed."""
        if self._refused or self.flow.write_paused or self.transport.is_closing():
            self.transport.abort()
        elif self._in_head:
            self._refuse(408, f"the request's head took over {self.limits.head_seconds:g} s")
        else:
            self.transport.close()
            self.deadline = self.loop.time() + self.limits.stall_seconds

    # What the parser finds.

    def on_message_begin(self) -> None:
        """Start a request; its scope is made only for the application."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._in_head, self._short, self._bodiless = True, False, True
        self._fed = self._size = self._body = 0
        if not self.flow.write_paused:
            self.deadline = self.loop.time() + self.limits.head_seconds

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > self.limits.url_bytes:
            self._stop(414, f"the address is longer than {self.limits.url_bytes} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._size += len(name) + len(value)
        if self._size > self.limits.head_bytes:
            self._stop(431, f"the headers are longer than {self.limits.head_bytes} bytes")
        name = name.lower()
        self.headers.append((name, value))
        if name in _BODY_HEADERS:
            self._check_body(name, value)
        if len(self.headers) > self.limits.headers:
            self._stop(431, f"there are more than {self.limits.headers} headers")

    def on_headers_complete(self) -> None:
        """Answer at once if possible, otherwise have the application answer."""
        self._in_head = False
        if self.shared.hot_response is not None and self._is_free():
            ready = self.shared.hot_response(self.parser.get_method(), self.url, self.headers)
            if ready is not None:
                return self._answer(ready)
        if not self.flow.write_paused:
            self.deadline = math.inf
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers = self.scope["headers"] = headers
        super().on_headers_complete()
        if self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body, which matters to nobody."""
        self._body += len(body)
        if self._body <= self.limits.body_bytes:
            super().on_body(body)
        elif self.cycle.response_complete:
            self._linger()
        else:
            self.transport.close()

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        if not self._short:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or start one that waits already."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        self._rest()

    # What is done about it.

    def _is_free(self) -> bool:
        """Say whether this connection can be written to now, by an ordinary HTTP/1.1 request."""
        return (
            self._bodiless
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and self.parser.get_http_version() == "1.1"
        )

    def _answer(self, ready: HotResponse) -> None:
        self._short = True
        start = _FIRST_LINE[ready.status] + self.shared.lines(self.server_state.default_headers)
        self.transport.writelines((start + ready.head, ready.body))
        self.server_state.total_requests += 1
        if not self.flow.write_paused:
            self.deadline = self.loop.time() + self.limits.idle_seconds

    def _check_body(self, name: bytes, value: bytes) -> None:
        """Look at a header that announces a body; stop a request with too long a one."""
        if name == b"expect":
            self.expect_100_continue = value.lower() == b"100-continue"
        elif name == b"transfer-encoding":
            self._bodiless = False
        elif value != b"0":
            self._bodiless = False
            if not value.isdigit() or len(value) > 18 or int(value) > self.limits.body_bytes:
                self._stop(413, f"the body is longer than {self.limits.body_bytes} bytes")

    def _rest(self) -> None:
        """Set the deadline of a connection that has written all it can write now."""
        if self.flow.write_paused or self._refused:
            return
        if self.cycle is not None and not self.cycle.response_complete or self.pipeline:
            self.deadline = math.inf
        elif not self._in_head:
            self.deadline = self.loop.time() + self.limits.idle_seconds

    def _stop(self, status: int, reason: str) -> None:
        """Leave the parser; `data_received` refuses the request then."""
        self._refusal = (status, reason + ", expected less")
        raise ValueError(reason)

    def _refuse(self, status: int, reason: str) -> None:
        """Tell the client why, and close: at once if it is owed another answer before this one."""
        self._refused, self._in_head = True, False
        if self.cycle is not None and not self.cycle.response_complete:
            return self.transport.close()
        if self.shared.count is not None:
            self.shared.count(status)
        answer = problem_for(status, reason)
        pairs = [*answer.headers, *OPEN, (b"connection", b"close")]
        head = (
            _FIRST_LINE[status]
            + self.shared.lines(self.server_state.default_headers)
            + rendered(pairs)
            + b"\r\n"
        )
        self.transport.write(head + answer.body)
        self._linger()

    def _linger(self) -> None:
        """Close in a while: with bytes unread, closing would destroy an answer on its way."""
        self._refused = True
        self.deadline = self.loop.time() + self.limits.linger_seconds
        if self.transport.can_write_eof():
            self.transport.write_eof()
        else:
            self.transport.close()

    def _sweep(self) -> None:
        now = self.loop.time()
        for connection in list(self.connections):
            if isinstance(connection, TileProtocol) and connection.deadline < now:
                connection.expire()
        if self.connections:
            self.loop.call_later(self.limits.tick, self._sweep)
        else:
            self.shared.sweeping = False


_BODY_HEADERS = frozenset((b"content-length", b"transfer-encoding", b"expect"))

_FIRST_LINE = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
