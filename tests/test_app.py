"""The server as a process: start, signals, clients that leave, and sudden death."""

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from generator.block import Block
from generator.errors import WeightsError
from generator.tile import Tile
from tests.fakes import FakeRenderer
from tests.test_scheduler import wait_until
from tileserver import app as module
from tileserver.app import address, create_app, listen, serve
from tileserver.cache import TileCache
from tileserver.encode import encode_png
from tileserver.errors import CacheError, StartError
from tileserver.settings import Settings

ROOT = Path(__file__).parents[1]


@contextlib.contextmanager
def server(
    cache: Path, delay: float = 0.0, drain: float = 5.0
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a server process with the fake renderer; give it and its address."""
    command = [sys.executable, "-m", "tests.fake_server", str(cache), str(delay), str(drain)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Elsewhere is at http://127.0.0.1:"), line
            yield process, line.split()[3].rstrip("/")
        finally:
            if process.poll() is None:
                process.kill()


def gauge(url: str, name: str) -> float:
    lines = httpx.get(f"{url}/metrics").text.splitlines()
    return float(next(line for line in lines if line.startswith(f"elsewhere_{name} ")).split()[1])


def test_a_client_that_leaves_takes_its_queued_work_along(tmp_path: Path) -> None:
    with server(tmp_path, delay=0.5) as (_, url):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}/13/4000/4000.png", timeout=0.2)
        left = time.monotonic()
        wait_until(lambda: gauge(url, "queue_length") == 0)
        assert time.monotonic() - left < 2.0
        wait_until(lambda: gauge(url, "tiles_stored") == 1)
        assert gauge(url, "jobs_dropped_total") >= 4


def test_sigterm_lets_running_requests_finish(tmp_path: Path) -> None:
    with server(tmp_path, delay=0.3) as (process, url):
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/7/3/3.png")))
        asking.start()
        wait_until(lambda: gauge(url, "queue_length") > 0)
        process.terminate()
        asking.join(10)
        assert [answer.status_code for answer in answers] == [200]
        assert process.wait(10) == 0
    cache = TileCache.open(tmp_path)
    assert cache.get(FakeRenderer().fingerprint(0), Tile(7, 3, 3)) == answers[0].content
    cache.close()


def test_after_sigterm_what_takes_too_long_is_turned_away(tmp_path: Path) -> None:
    with server(tmp_path, delay=0.4, drain=0.1) as (process, url):
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(httpx.get(f"{url}/14/3/3.png")))
        asking.start()
        wait_until(lambda: gauge(url, "queue_length") > 0)
        process.terminate()
        asking.join(10)
        assert [answer.status_code for answer in answers] == [503]
        assert "is stopping" in answers[0].json()["detail"]
        assert process.wait(10) == 0


def test_a_killed_server_starts_again_and_keeps_what_it_stored(tmp_path: Path) -> None:
    with server(tmp_path) as (process, url):
        first = httpx.get(f"{url}/9/3/3.png")
        wait_until(lambda: gauge(url, "tiles_stored") >= 3)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with server(tmp_path) as (_, url):
        assert httpx.get(f"{url}/readyz").status_code == 200
        again = httpx.get(f"{url}/9/3/3.png", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304


def test_twenty_kills_during_writes_leave_only_whole_tiles(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash", str(tmp_path), "20"]
    lives = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = [int(line) for line in lives.stdout.split()]
    assert len(found) == 20
    assert found == sorted(found)
    assert found[-1] > found[1] > 0
    cache, fake = TileCache.open(tmp_path), FakeRenderer()
    world = fake.fingerprint(0)
    stored = list(cache.tiles(world))
    assert cache.count() == len(stored) >= found[-1]
    assert cache.verify() == []
    assert not list(tmp_path.glob("*damaged*"))
    for tile in random.Random(0).sample(stored, 50):
        block = Block.of(tile)
        pixels = fake.compute(0, block, lambda need: cache.pixels(world, need))  # type: ignore[arg-type,return-value]
        assert cache.get(world, tile) == encode_png(pixels[tile])
    cache.close()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is in use by another"):
            serve(Settings(port=port, cache=tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_host_that_is_not_here_is_told() -> None:
    with pytest.raises(StartError, match="'no.such.host.invalid' cannot be found"):
        listen("no.such.host.invalid", 0)
    with pytest.raises(StartError, match=r"port 0 of 192\.0\.2\.1 cannot be used"):
        listen("192.0.2.1", 0)


def test_a_bad_cache_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written"):
        serve(Settings(port=0, cache=tmp_path / "file"))


def test_bad_weights_stop_the_start_and_let_everything_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(settings: Settings) -> FakeRenderer:
        raise WeightsError("the weights are of another version")

    monkeypatch.setattr(module, "load_renderer", fail)
    with pytest.raises(WeightsError, match="of another version"):
        serve(Settings(port=0, cache=tmp_path))
    TileCache.open(tmp_path).close()


@pytest.mark.parametrize(
    ("host", "family", "shown"),
    [
        ("127.0.0.1", socket.AF_INET, "http://127.0.0.1:"),
        ("0.0.0.0", socket.AF_INET, "http://localhost:"),
        ("fe80::1", socket.AF_INET, "http://[fe80::1]:"),
    ],
)
def test_the_address_can_be_opened(host: str, family: int, shown: str) -> None:
    with socket.socket(family) as listener:
        listener.bind(("127.0.0.1", 0))
        assert address(listener, host) == f"{shown}{listener.getsockname()[1]}/"


def run_app(settings: Settings, *paths: str) -> list[httpx.Response]:
    """Start an application that loads its own model; ask until it has settled, then for paths."""

    async def inside() -> list[httpx.Response]:
        app = create_app(settings)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://a") as client,
        ):
            answers = [await client.get("/readyz"), await client.get("/5/1/1.png")]
            while "being loaded" in (await client.get("/readyz")).text:
                await asyncio.sleep(0.005)
            return answers + [await client.get(path) for path in paths]

    return asyncio.run(inside())


def test_while_the_model_loads_the_server_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(settings: Settings) -> FakeRenderer:
        time.sleep(0.1)
        return FakeRenderer()

    monkeypatch.setattr(module, "load_renderer", slow)
    early, tile, ready, made = run_app(Settings(cache=tmp_path), "/readyz", "/5/1/1.png")
    assert (early.status_code, tile.status_code) == (503, 503)
    assert "still being loaded" in early.json()["detail"]
    assert tile.headers["retry-after"]
    assert (ready.status_code, made.status_code) == (200, 200)


@pytest.mark.parametrize("error", [WeightsError("no weights here"), ImportError("no torch here")])
def test_a_model_that_cannot_be_loaded_is_told_by_readyz(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(settings: Settings) -> FakeRenderer:
        raise error

    monkeypatch.setattr(module, "load_renderer", fail)
    *_, ready, alive = run_app(Settings(cache=tmp_path), "/readyz", "/livez")
    assert ready.status_code == 503
    assert str(error) in ready.json()["detail"]
    assert alive.status_code == 200
