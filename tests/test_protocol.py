"""Sockets: answers in order, and clients that send too much, too slowly or nonsense."""

import asyncio
import contextlib
import resource
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sockets import ask, echo, read_until, serving, until_closed
from tests.waiting import wait_until
from tileserver.serving.http import Pair, send_plain
from tileserver.serving.protocol import Limits, ProtocolContext
from tileserver.serving.tiles import HotResponse

QUICK = Limits(
    head_seconds=0.3, idle_seconds=0.6, stall_seconds=0.3, linger_seconds=0.2, tick=0.05,
    url_bytes=200, head_bytes=1000, headers=20, body_bytes=500,
)  # fmt: skip

MAC = sys.platform == "darwin"

GET = b"GET %b HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = b"GET %b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def hot_response(method: bytes, target: bytes, headers: Sequence[Pair]) -> HotResponse | None:
    """Have an answer for targets that begin with /now."""
    if not target.startswith(b"/now"):
        return None
    return HotResponse(200, b"content-length: %d\r\n\r\n" % len(target), target)


def bodies(answers: bytes) -> list[bytes]:
    """Return the bodies of well-formed answers with a length."""
    found = []
    while answers:
        head, _, rest = answers.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        found.append(rest[:length])
        answers = rest[length:]
    return found


def peak_memory() -> float:
    """Return MB; Linux counts in kB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if MAC else 1e3)


def status(answer: bytes) -> int:
    return int(answer.split()[1])


def test_answers_come_in_the_order_of_the_requests() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0.02)
        await echo(scope, receive, send)

    paths = [b"/now1", b"/1", b"/now2", b"/now3", b"/2", b"/now4"]
    with serving(ProtocolContext(hot_response), slow) as (port, server):
        data = b"".join(GET % path for path in paths) + LAST % b"/last"
        assert bodies(ask(port, data)) == [*paths, b"/last"]
        whole = b"".join(GET % path for path in paths) + LAST % b"/now"
        for size in (1, 7):
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                for at in range(0, len(whole), size):
                    client.sendall(whole[at : at + size])
                assert bodies(until_closed(client)) == [*paths, b"/now"]
        assert server.server_state.total_requests == 21


def test_the_short_cut_and_the_application_send_the_same_kind_of_head() -> None:
    with (
        serving(ProtocolContext(hot_response), echo) as (port, _),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(GET % b"/now")
        short = read_until(client, b"\r\n\r\n/now")
        client.sendall(GET % b"/abc")
        long = read_until(client, b"\r\n\r\n/abc")
    dated = [line for line in long.split(b"\r\n") if line.startswith(b"date: ")]
    assert dated
    assert short.split(b"\r\n")[0] == long.split(b"\r\n")[0] == b"HTTP/1.1 200 OK"
    assert b"date: " in short


@pytest.mark.parametrize(
    "data",
    [
        b"GET /now HTTP/1.0\r\n\r\n",
        b"GET /now HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        LAST % b"/now",
        b"GET /now HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    ],
)
def test_who_does_not_keep_the_connection_is_answered_and_left(data: bytes) -> None:
    with serving(ProtocolContext(hot_response), echo) as (port, _):
        answer = ask(port, data)
    assert (status(answer), bodies(answer)) == (200, [b"/now"])


def test_a_small_body_is_read_over() -> None:
    post = b"POST /now HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello"
    chunks = (
        b"PUT /x HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    )
    waiting = b"PUT /y HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n"
    with serving(ProtocolContext(hot_response), echo) as (port, _):
        answers = ask(port, post + chunks + waiting + LAST % b"/now2")
    assert bodies(answers) == [b"/now", b"/x", b"/y", b"/now2"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\r\nhost : a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\ncontent-length: -1\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n", 400),
        (GET % (b"/" + b"a" * 300), 414),
        (b"GET /" + b"a" * 300, 414),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 30, 431),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 1100 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + (b"a" * 300 + b": b\r\n") * 5, 431),
        (b"POST / HTTP/1.1\r\ncontent-length: 501\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\ncontent-length: 999999999999999999\r\n\r\n", 413),
    ],
)
def test_what_cannot_be_served_is_refused_and_closed(data: bytes, expected: int) -> None:
    counted: list[int] = []
    with serving(ProtocolContext(hot_response, counted.append, QUICK), echo) as (port, _):
        answer = ask(port, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert status(answer) == expected
    assert b"content-type: application/problem+json" in head
    assert b"connection: close" in head
    assert f'"status": {expected}'.encode() in body
    if expected != 400 or data[:1] != b"C":
        assert counted == [expected]


def test_an_endless_header_takes_no_memory() -> None:
    with (
        serving(ProtocolContext(hot_response, None, QUICK), echo) as (port, server),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nlong: ")
        before, end = peak_memory(), time.monotonic() + 5
        with contextlib.suppress(OSError):
            while time.monotonic() < end:
                client.sendall(b"x" * 50_000)
        assert time.monotonic() < end
        assert peak_memory() - before < 20
        wait_until(lambda: not server.server_state.connections)


def test_an_endless_body_is_cut_off() -> None:
    chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
    with (
        serving(ProtocolContext(hot_response, None, QUICK), echo) as (port, server),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(20_000):
                client.sendall(chunk)
        wait_until(lambda: not server.server_state.connections)


@pytest.mark.parametrize("start", [b"", b"\r\n", b"GET ", b"GET / HTTP/1.1\r\nhost: a\r\nx"])
def test_a_head_that_does_not_end_is_closed_in_time(start: bytes) -> None:
    with (
        serving(ProtocolContext(hot_response, None, QUICK), echo) as (port, server),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(start)
        began = time.monotonic()
        answer = until_closed(client)
        assert time.monotonic() - began < 3
        assert status(answer) == 408 if start.strip() else answer == b""
        client.close()
        wait_until(lambda: not server.server_state.connections)


def test_dripping_bytes_gives_no_more_time() -> None:
    with (
        serving(ProtocolContext(hot_response, None, QUICK), echo) as (port, _),
        socket.create_connection(("127.0.0.1", port), 0.02) as client,
    ):
        client.sendall(GET % b"/now")
        read_until(client, b"/now")
        began, answer = time.monotonic(), b""
        for byte in GET % (b"/" + b"a" * 150):
            try:
                client.sendall(bytes((byte,)))
                answer = client.recv(99)
                break
            except TimeoutError:
                continue
        assert b" 408 " in answer
        assert time.monotonic() - began < 3


def test_an_idle_connection_is_closed_but_not_one_that_waits_for_its_answer() -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(1.0)
        await echo(scope, receive, send)

    with (
        serving(ProtocolContext(hot_response, None, QUICK), slow) as (port, _),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(GET % b"/slow")
        assert read_until(client, b"\r\n\r\n/slow")
        assert until_closed(client) == b""


def test_a_client_that_reads_nothing_is_dropped() -> None:
    big = HotResponse(200, b"content-length: 1000000\r\n\r\n", b"x" * 1_000_000)

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await send_plain(send, 200, [(b"content-length", b"1000000")], b"x" * 1_000_000)

    with (
        serving(ProtocolContext(lambda *_: big, None, QUICK), large) as (port, server),
        socket.socket() as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(GET % b"/" * 10)
        wait_until(lambda: len(server.server_state.connections) == 1)
        wait_until(lambda: not server.server_state.connections)


def test_many_pipelined_requests_wait_for_a_slow_reader() -> None:
    big = HotResponse(200, b"content-length: 1000000\r\n\r\n", b"x" * 1_000_000)
    written: list[int] = []

    async def large(scope: Any, receive: Any, send: Any) -> None:
        written.append(1)
        await send_plain(send, 200, [(b"content-length", b"1000000")], b"x" * 1_000_000)

    def counted(*_: object) -> HotResponse:
        written.append(1)
        return big

    with (
        serving(ProtocolContext(counted), large) as (port, _),
        socket.create_connection(("127.0.0.1", port), 10) as client,
    ):
        client.sendall(GET % b"/" * 99 + LAST % b"/")
        received = len(client.recv(1000))
        assert len(written) < 20
        while piece := client.recv(1 << 20):
            received += len(piece)
        assert received > 100 * 1_000_000
        assert len(written) == 100


def test_the_server_stops_at_once_with_idle_connections_open() -> None:
    with serving(ProtocolContext(hot_response), echo) as (port, _):
        client = socket.create_connection(("127.0.0.1", port), 10)
        client.sendall(GET % b"/now")
        read_until(client, b"/now")
        began = time.monotonic()
    assert time.monotonic() - began < 2
    client.close()


HEADER = st.tuples(st.binary(max_size=20), st.binary(max_size=40))


@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.sampled_from([b"GET", b"HEAD", b"POST", b"OPTIONS", b"FOO"]),
            st.binary(max_size=30).map(lambda raw: b"/now" + raw),
            st.lists(HEADER, max_size=5),
        ).map(
            lambda parts: (
                b"%b %b HTTP/1.1\r\nhost: a\r\n%b\r\n"
                % (parts[0], parts[1], b"".join(b"%b: %b\r\n" % pair for pair in parts[2]))
            )
        ),
    )
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_break_the_server(data: bytes) -> None:
    port, server = SHARED.port, SHARED.server
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        answer = until_closed(client)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in answer.split(b"\r\n")[0]
    assert server.started


class SHARED:
    """The server of the test above."""

    port: int
    server: Any


@pytest.fixture(autouse=True, scope="module")
def shared() -> Any:
    with serving(ProtocolContext(hot_response, None, QUICK), echo) as (SHARED.port, SHARED.server):
        yield


@pytest.mark.slow
def test_five_hundred_half_sent_requests_are_closed_within_ten_seconds() -> None:
    with serving(ProtocolContext(hot_response), echo) as (port, server):
        clients = [socket.create_connection(("127.0.0.1", port), 15) for _ in range(500)]
        began = time.monotonic()
        for number, client in enumerate(clients):
            client.sendall((GET % b"/now")[: number % 27])
        ask(port, LAST % b"/now")  # others are served meanwhile
        for client in clients:
            until_closed(client)
            client.close()
        assert time.monotonic() - began < 10
        wait_until(lambda: not server.server_state.connections)
