"""Real servers with the fake renderer, as processes, for tests."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx

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
