"""Starts: stored tiles before the model is loaded, misses held, full disks, another model."""

from __future__ import annotations

import contextlib
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers import ROOT, Asking, Server, answers, needs_proc, server
from tests.waiting import wait_until

PATH = "/7/3/3.png"


@contextlib.contextmanager
def starting(cache: Path, *words: str) -> Iterator[Server]:
    """Give a server whose start waits for the file `gate` in its cache, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.fake_server", str(cache), f"port={port}"]
    command += [f"gate={cache / 'gate'}", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        running = Server(process, f"http://127.0.0.1:{port}")
        try:
            with running.client:
                wait_until(lambda: answers(running, "/livez"))
                yield running
        finally:
            if process.poll() is None:
                process.kill()


def finish(running: Server) -> None:
    """Let the start go on, and wait for its end."""
    assert running.process.stdout is not None
    (Path(running.process.args[3]) / "gate").touch()  # type: ignore[index,arg-type]
    assert running.process.stdout.readline().startswith("Ready: ")


def stored(cache: Path) -> httpx.Response:
    """Store a tile with a server that is then killed."""
    with server(cache) as running:
        answer = running.get(PATH)
        wait_until(lambda: running.metric("tiles_stored") >= 5)
    assert answer.status_code == 200
    return answer


def test_the_first_start_holds_requests_until_the_model_is_loaded(tmp_path: Path) -> None:
    with starting(tmp_path) as running:
        refused = running.get("/readyz")
        assert refused.status_code == 503
        assert "is being started" in refused.json()["detail"]
        assert running.get("/tilejson.json").status_code == 200
        assert running.get("/api/info").json()["model"] == {}
        asking = Asking(running, PATH)
        finish(running)
        assert asking.result().status_code == 200
        assert running.get("/readyz").status_code == 200


def test_what_is_held_for_too_long_may_come_again(tmp_path: Path) -> None:
    with starting(tmp_path, "hold_seconds=0.1") as running:
        for path in (PATH, "/7/3/3.webp", "/5/tms/7/3/3@2x.png"):
            refused = running.get(path)
            assert refused.status_code == 503
            assert int(refused.headers["retry-after"]) >= 1
            assert refused.headers["cache-control"] == "no-store"


def test_a_stop_during_the_start_lets_nobody_wait(tmp_path: Path) -> None:
    with starting(tmp_path, "drain_seconds=0.1") as running:
        with socket.create_connection(("127.0.0.1", httpx.URL(running.url).port or 0)) as client:
            client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert running.get("/livez").status_code == 200  # by now the other one waits
            running.process.terminate()
            client.settimeout(10)
            assert client.recv(100).startswith(b"HTTP/1.1 503 ")
        assert running.process.wait(10) == 0


def test_stored_tiles_are_served_while_the_model_is_loaded(tmp_path: Path) -> None:
    before = stored(tmp_path)
    with starting(tmp_path, "hold_seconds=0.2") as running:
        again = running.get(PATH)
        assert (again.status_code, again.content) == (200, before.content)
        assert again.headers["etag"] == before.headers["etag"]
        assert running.get("/api/info").json()["model"] == {"name": "fake", "steps": 1}
        assert running.get("/readyz").status_code == 503
        assert running.get("/7/99/99.png").status_code == 503
        finish(running)
        wait_until(lambda: answers(running, "/7/99/99.png"))


def test_a_start_that_fails_ends_although_stored_tiles_were_served(tmp_path: Path) -> None:
    stored(tmp_path)
    with starting(tmp_path, "broken=1") as running:
        assert running.get(PATH).status_code == 200
        (tmp_path / "gate").touch()
        assert running.process.wait(10) != 0
        assert running.process.stdout is not None
        assert running.process.stdout.read() == ""


@needs_proc
def test_a_web_process_that_starts_without_a_generator_serves_stored_tiles(tmp_path: Path) -> None:
    before = stored(tmp_path)
    with starting(tmp_path) as running:
        wait_until(lambda: "generator" in running.children())
        first = running.children()
        running.kill("worker-1")
        wait_until(
            lambda: running.children().get("worker-1", first["worker-1"]) not in first.values()
        )
        again = running.get(PATH)
        assert (again.status_code, again.content) == (200, before.content)
        assert running.children()["generator"] == first["generator"]
        finish(running)
        assert running.metric('restarts_total{process="worker"}') == 1


@needs_proc
@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs Linux' prlimit")
def test_a_start_on_a_full_disk_serves_what_is_stored_and_recovers(tmp_path: Path) -> None:
    before = stored(tmp_path)
    kind = resource.RLIMIT_FSIZE
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, ((tmp_path / "data.mdb").stat().st_size // 2, hard))
    try:
        with server(tmp_path) as running:
            wait_until(lambda: running.get("/readyz").status_code == 503)
            assert "cannot be written" in running.get("/readyz").json()["detail"]
            running.kill("worker-1")
            running.kill("generator")
            again = running.get(PATH)
            assert (again.status_code, again.content) == (200, before.content)
            assert running.get("/7/99/99.png").status_code == 200
            for pid in running.children().values():
                resource.prlimit(pid, kind, (soft, hard))
            wait_until(lambda: answers(running, "/readyz"))
    finally:
        resource.setrlimit(kind, (soft, hard))
