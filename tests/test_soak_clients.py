"""Many and hostile clients of a whole server: random requests, half-sent ones, many at once.

ELSEWHERE_SOAK_FUZZ says how many requests are made up (20 000 unless set).
"""

import asyncio
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from generator.grid.tile import Tile
from tests.full_server import until
from tests.servers import Server, needs_proc, server
from tests.sockets import until_closed
from tests.test_kills import load
from tests.test_tiles import REQUESTS, Request

FUZZ = int(os.environ.get("ELSEWHERE_SOAK_FUZZ", "20000"))
AT_ONCE = 4
HALF_SENT = 500
CLOSED_SECONDS = 10.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600), needs_proc]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Server]:
    with (
        (tmp_path / "log").open("w") as log,
        server(tmp_path / "cache", "nice=0", errors=log) as running,
    ):
        yield running
        running.process.terminate()
        assert running.process.wait(30) == 0
    logged = (tmp_path / "log").read_text()
    assert "Traceback" not in logged, logged[-3000:]


def address(running: Server) -> tuple[str, int]:
    url = httpx.URL(running.url)
    return url.host, url.port or 80


def on_the_wire(request: Request) -> bytes:
    """Return a request as bytes, with whatever it has in its path, query and headers."""
    path, query, headers, method = request
    lines = [b"%b %b?%b HTTP/1.1" % (method.encode(), path, query), b"host: a"]
    lines += [b"%b: %b" % pair for pair in headers]
    return b"\r\n".join([*lines, b"connection: close", b"", b""])


REAL = st.builds(
    lambda z, x, y, rest: (b"/%d/%d/%d%b" % (z, x, y, rest), b"", [], "GET"),
    st.integers(0, 16),
    st.integers(-1, 70000),
    st.integers(-1, 70000),
    st.sampled_from([b".png", b".webp", b".jpg", b"@2x.png", b"@2x.webp", b".gif", b"", b"@3x"]),
)
SMALL = st.builds(
    lambda z, x, y, rest: (b"/%d/%d/%d%b" % (z, x, y, rest), b"", [], "GET"),
    st.integers(0, 6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.sampled_from([b".png", b".webp", b".jpg", b"@2x.png", b"@2x.webp"]),
)


def test_no_request_of_many_is_an_internal_error(running: Server) -> None:
    where, statuses = address(running), Counter[int]()

    @given(st.lists(st.one_of(REQUESTS, REAL, SMALL), min_size=AT_ONCE, max_size=AT_ONCE))
    @settings(
        max_examples=-(-FUZZ // AT_ONCE),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def check(requests: list[Request]) -> None:
        for request in requests:
            with socket.create_connection(where, 60) as client:
                client.sendall(on_the_wire(request))
                answer = until_closed(client)
            status = int(answer[9:12]) if answer else 0
            statuses[status] += 1
            assert status < 500 or status == 503, answer[:2000]

    before = running.children()
    check()
    shown = dict(statuses.most_common())
    print(f"{statuses.total()} requests, by status (0: just closed): {shown}")
    assert statuses.total() >= FUZZ
    assert statuses[200] > 0
    assert statuses[500] == 0
    assert running.children() == before, "a process died"
    assert running.get("/readyz").status_code == 200


def test_half_sent_requests_are_closed_while_hits_go_on(running: Server) -> None:
    body, ending = running.get("/3/1/2.png").content, threading.Event()
    hits: list[float] = []

    def ask() -> None:
        while not ending.wait(0.02):
            begun = time.monotonic()
            answer = running.get("/3/1/2.png")
            assert (answer.status_code, answer.content) == (200, body)
            hits.append(time.monotonic() - begun)

    asking = threading.Thread(target=ask)
    asking.start()
    request = b"GET /3/1/2.png HTTP/1.1\r\nhost: a\r\nuser-agent: slow\r\n"
    clients, closed = [], []
    try:
        for number in range(HALF_SENT):
            client = socket.create_connection(address(running), 30)
            clients.append((client, time.monotonic()))
            client.sendall(request[: number % len(request)])
        for client, begun in clients:
            until_closed(client)
            closed.append(time.monotonic() - begun)
            client.close()
    finally:
        ending.set()
        asking.join(30)
    hits.sort()
    print(
        f"{HALF_SENT} half-sent requests: the last closed after {max(closed):.1f} s; "
        f"{len(hits)} hits meanwhile, half within {1000 * hits[len(hits) // 2]:.1f} ms, "
        f"the slowest {1000 * hits[-1]:.0f} ms"
    )
    assert max(closed) <= CLOSED_SECONDS
    assert len(hits) > 50


def test_a_thousand_requests_for_a_cold_tile_make_it_once(running: Server) -> None:
    where, tile = address(running), Tile(5, 7, 9)

    async def ask() -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection(*where)
        writer.write(f"GET /{tile}.png HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        writer.close()
        return int(head.split()[1]), body

    async def ask_all() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(ask() for _ in range(1000)))

    found = asyncio.run(ask_all())
    assert len(set(found)) == 1
    assert found[0][0] == 200
    assert running.metric('generation_seconds_count{zoom="5"}') == 1


def test_a_storm_of_new_tiles_with_clients_that_leave_ends_in_order(running: Server) -> None:
    """Clients ask for far more than can be made and leave at once; then all is quiet again."""
    for number in range(600):
        with socket.create_connection(address(running), 30) as client:
            client.sendall(b"GET /13/%d/4000.png HTTP/1.1\r\nhost: a\r\n\r\n" % (8 * number))
    with load(2) as loads:
        for each in loads:
            each.url = running.url
        until(lambda: all(each.good > 20 for each in loads), "clients that stay get their tiles")
    until(lambda: running.metric("queue_length") == 0, "nothing is left to make")
    assert [bad for each in loads for bad in each.bad] == []
    assert running.get("/3/1/2.png").status_code == 200
