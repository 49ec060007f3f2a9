"""Real servers with the fake renderer, as processes, for tests."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

ROOT = Path(__file__).parents[1]


class Server:
    """A running server: its supervisor process and its address."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url
        # Without certificates, which take long to load, and a connection for every request.
        limits = httpx.Limits(max_keepalive_connections=0)
        self.client = httpx.Client(base_url=url, timeout=20, verify=False, limits=limits)

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.client.get(path, headers=headers)

    def metric(self, name: str) -> float:
        """Return a metric's value; name with labels as in the text, without elsewhere_."""
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(f"elsewhere_{name} "):
                return float(line.split()[1])
        return 0.0

    def children(self) -> dict[str, int]:
        """Return the process ids of the server's parts by what they are."""
        found = {}
        for pid in map(int, _children(self.process.pid)):
            with contextlib.suppress(OSError):  # it has just ended
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name.startswith("ew-"):
                    found[name.removeprefix("ew-")] = pid
        return found

    def kill(self, part: str) -> None:
        os.kill(self.children()[part], signal.SIGKILL)


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@contextlib.contextmanager
def server(
    cache: Path, *words: str, module: str = "tests.fake_server", errors: IO[str] | None = None
) -> Iterator[Server]:
    """Start a server on a free port, words as `tests.fake_server` takes them; end it after."""
    command = [sys.executable, "-m", module, str(cache), *words]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Ready: http://127.0.0.1:"), line
            running = Server(process, line.split()[1].rstrip("/"))
            with running.client:
                yield running
        finally:
            if process.poll() is None:
                process.kill()


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


class Asking(threading.Thread):
    """Asks for one path in the background; the server may die of something else meanwhile."""

    def __init__(self, running: Server, path: str) -> None:
        super().__init__(daemon=True)
        self.running, self.path = running, path
        self.answer: httpx.Response | None = None
        self.start()

    def run(self) -> None:
        with contextlib.suppress(httpx.HTTPError):
            self.answer = self.running.get(self.path)

    def result(self) -> httpx.Response:
        self.join(20)
        assert self.answer is not None
        return self.answer


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def answers(running: Server, path: str) -> bool:
    try:
        return running.get(path).status_code == 200
    except httpx.HTTPError:
        return False
