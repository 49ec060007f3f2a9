"""Load on one URL: many connections that ask again as soon as they are answered.

wrk makes it where it is installed. The client in Python that stands in for it takes more time per
request than the server, so its rates say more about itself; its latencies hold at a low rate only.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

_TURNS = """local paths, turn = {%s}, 0
request = function()
  turn = turn + 1
  return wrk.format(nil, paths[turn %% #paths + 1])
end
"""
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Load:
    """What came of it: answers per second, latency in ms, answers that were errors or none."""

    rate: float
    p50_ms: float
    p99_ms: float
    failures: int


def client() -> str:
    """Return what makes the load here: wrk or Python."""
    return "wrk" if shutil.which("wrk") else "Python"


def load(
    url: str,
    seconds: float,
    connections: int = 32,
    headers: Mapping[str, str] | None = None,
    paths: Sequence[str] = (),
) -> Load:
    """Load a URL for some time. Raises OSError when nobody listens there.

    paths: what is asked for there in turn; none for the URL's own alone.
    """
    if client() == "wrk":
        return _wrk(url, seconds, connections, headers or {}, paths)
    return asyncio.run(_python(url, seconds, connections, headers or {}, paths))


def _wrk(
    url: str, seconds: float, connections: int, headers: Mapping[str, str], paths: Sequence[str]
) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if paths:
            script.write(_TURNS % ", ".join(f'"{path}"' for path in paths))
            script.flush()
            command += ["-s", script.name]
        done = subprocess.run([*command, url], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"wrk failed: {(done.stderr or done.stdout).strip()}")
    return read_wrk(done.stdout)


def read_wrk(text: str) -> Load:
    """Read what `wrk --latency` printed."""
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", text)
    found = dict(re.findall(r"^\s+(50|99)%\s+(\S+)", text, re.MULTILINE))
    assert rate is not None
    failures = sum(map(int, re.findall(r"Non-2xx or 3xx responses: ([0-9]+)", text)))
    errors = re.search(r"Socket errors:(.*)", text)
    failures += sum(map(int, re.findall(r"[0-9]+", errors[1]))) if errors else 0
    return Load(float(rate[1]), _ms(found["50"]), _ms(found["99"]), failures)


def _ms(text: str) -> float:
    match = re.fullmatch(r"([0-9.]+)(us|ms|s|m)", text)
    assert match is not None
    return float(match[1]) * _UNITS[match[2]]


async def _python(
    url: str, seconds: float, connections: int, headers: Mapping[str, str], paths: Sequence[str]
) -> Load:
    parts = urlsplit(url)
    targets = paths or [f"{parts.path}{'?' + parts.query if parts.query else ''}"]
    lines = [f"Host: {parts.netloc}", *(f"{name}: {value}" for name, value in headers.items())]
    requests = itertools.cycle(
        "\r\n".join([f"GET {target} HTTP/1.1", *lines, "", ""]).encode() for target in targets
    )
    host, port = parts.hostname or "localhost", parts.port or 80
    loop = asyncio.get_running_loop()
    spent: list[float] = []
    clients = []
    for _ in range(connections):
        _, made = await loop.create_connection(lambda: _Client(requests, spent), host, port)
        clients.append(made)
    started = time.perf_counter()
    await asyncio.sleep(seconds)
    passed = time.perf_counter() - started
    failures = sum(client.failures for client in clients)
    for client in clients:
        client.stop()
    spent.sort()
    if not spent:
        return Load(0.0, 0.0, 0.0, failures)
    p50, p99 = (spent[int(part * (len(spent) - 1))] * 1e3 for part in (0.5, 0.99))
    return Load(len(spent) / passed, p50, p99, failures)


class _Client(asyncio.Protocol):
    """One connection that asks for the next thing as soon as it is answered."""

    def __init__(self, requests: Iterator[bytes], spent: list[float]) -> None:
        self.requests = requests
        self.spent = spent
        self.failures = 0
        self._stopped = False
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._data[: end + 4]).lower()
        length = re.search(rb"\r\ncontent-length: ([0-9]+)", head)
        if len(self._data) < end + 4 + (int(length[1]) if length else 0):
            return
        self._data.clear()
        if head[9:10] not in b"23":
            self.failures += 1
        self.spent.append(time.perf_counter() - self._asked)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._stopped:
            self.failures += 1

    def stop(self) -> None:
        self._stopped = True
        self.transport.abort()

    def _ask(self) -> None:
        if not self._stopped:
            self._asked = time.perf_counter()
            self.transport.write(next(self.requests))
