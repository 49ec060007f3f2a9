"""A server process does not grow with the requests it has answered, or with idle connections."""

import contextlib
import os
import socket
import sys
from pathlib import Path

import httpx
import pytest

from experiments.webload import load
from tests.servers import Server, server
from tests.sockets import read_until

REQUESTS = int(os.environ.get("ELSEWHERE_SOAK_REQUESTS", "1000000"))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]


def resident(here: Server) -> int:
    """Return kB of the web process."""
    (process,) = (pid for name, pid in here.children().items() if name.startswith("worker"))
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def test_a_million_requests_leave_the_memory_as_it_was(tmp_path: Path) -> None:
    with server(tmp_path) as here:
        paths = ["/3/1/2.png", "/3/1/2.webp", "/3/1/2@2x.png?v=000000000000"]
        for path in paths:
            assert here.get(path).status_code == 200
        for path in [*paths, "/tilejson.json", "/3/9/9.png"]:
            load(here.url + path, 3.0)
        before, asked = resident(here), 0.0
        while asked < REQUESTS:
            for path in [*paths, *paths, "/3/9/9.png"]:
                asked += load(here.url + path, 5.0).rate * 5.0
        after = resident(here)
        print(f"{asked:,.0f} requests: {before:,} kB before, {after:,} kB after")
        assert after < before * 1.05


def test_idle_connections_cost_little_and_leave_nothing(tmp_path: Path) -> None:
    def visit() -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(500):
                client = stack.enter_context(socket.create_connection(address, 10))
                client.sendall(b"GET /livez HTTP/1.1\r\nhost: a\r\n\r\n")
                read_until(client, b"alive")
            assert resident(here) < before + 500 * 20

    with server(tmp_path) as here:
        address = (httpx.URL(here.url).host, httpx.URL(here.url).port or 80)
        before = resident(here) + 2000
        visit()
        before = resident(here)
        for _ in range(5):
            visit()
        assert resident(here) < before * 1.05
