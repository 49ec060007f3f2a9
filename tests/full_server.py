"""Runs a server whose disk fills up: python -m tests.full_server DISK, a small disk of its own.

Ends with a traceback when something is not as promised. Prints what it found.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from tests.judge import judge
from tests.servers import Server, server

PATIENCE_SECONDS = 60.0
STORED = [f"/{z}/{x}/{y}.png" for z, size in ((3, 4), (7, 3)) for x in range(size) for y in (1, 2)]


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for something; return the seconds."""
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() < begun + PATIENCE_SECONDS, f"not reached: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


def fill_up(ballast: Path) -> None:
    """Write a file until the disk has no room."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1 << 16, 512):
            try:
                while file.write(bytes(size)):
                    pass
            except OSError:
                continue
        os.fsync(file.fileno())


def ready(running: Server) -> httpx.Response:
    """Return what /readyz says."""
    return running.get("/readyz")


def hits(running: Server, bodies: dict[str, bytes]) -> None:
    """See that every stored tile is answered with its bytes."""
    for path, body in bodies.items():
        answer = running.get(path)
        assert (answer.status_code, answer.content) == (200, body), f"{path}: {answer.text[:200]}"


def stored(running: Server, count: int) -> bool:
    """Say whether so many tiles are stored."""
    return running.metric("tiles_stored") >= count


def main(disk: Path) -> None:
    """Fill the disk, serve on, lose processes, make room."""
    ballast = disk / "ballast"
    with server(disk / "cache", "nice=0") as running:
        bodies = {path: running.get(path).content for path in STORED}
        until(lambda: stored(running, len(STORED)), "the first tiles are stored")
        children = running.children()
        fill_up(ballast)
        fresh, served = 0, 0
        while ready(running).status_code == 200:
            for _ in range(8):
                answer = running.get(f"/9/{fresh % 512}/{fresh // 512}.png")
                assert answer.status_code == 200, answer.text
                fresh += 1
            hits(running, bodies)
            fill_up(ballast)
            assert fresh < 4000, "the disk does not fill up"
        told = ready(running)
        assert told.status_code == 503
        assert "cannot be written" in told.text, told.text
        for number in range(60):  # served without being stored
            answer = running.get(f"/11/{number}/7.png")
            assert answer.status_code == 200, answer.text
            served += running.get(f"/11/{number}/7.webp").status_code == 200
            hits(running, dict(list(bodies.items())[:3]))
        assert served == 60
        assert running.children() == children, "a process died of the full disk"
        running.kill("worker-1")
        until(lambda: alive(running, bodies), "hits after a web process died")
        hits(running, bodies)
        running.kill("generator")
        hits(running, bodies)
        until(lambda: "generator" in running.children(), "another generator")
        until(lambda: running.get("/11/500/500.png").status_code == 200, "tiles are made again")
        until(lambda: ready(running).status_code == 503, "the new generator sees the full disk")
        before = running.metric("tiles_stored")
        children = running.children()
        ballast.unlink()
        seconds = until(lambda: ready(running).status_code == 200, "recovery")
        for number in range(60):
            assert running.get(f"/11/{number}/700.png").status_code == 200
        until(lambda: stored(running, int(before) + 60), "tiles are stored again")
        hits(running, bodies)
        assert running.children() == children, "it recovered by a restart"
        running.process.terminate()
        assert running.process.wait(30) == 0
    found, bad = judge(disk / "cache")
    assert bad == []
    print(
        f"full after {fresh} more tiles; well {seconds:.1f} s after there was room; {found} tiles"
    )


def alive(running: Server, bodies: dict[str, bytes]) -> bool:
    """Say whether a stored tile is answered."""
    try:
        return running.get(next(iter(bodies))).status_code == 200
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
