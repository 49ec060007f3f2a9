"""The server as processes: start, signals, clients that leave, deaths, and errors at the start."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from generator.grid.block import Block
from generator.grid.errors import WeightsError
from generator.grid.tile import Tile
from tests.caches import damaged, tiles_of
from tests.fakes import FakeRenderer
from tests.servers import ROOT, Asking, alive, answers, needs_proc, server
from tests.waiting import wait_until
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png
from tileserver.errors import CacheError, StartError
from tileserver.processes.supervisor import serve
from tileserver.serving import listener
from tileserver.serving.listener import listen
from tileserver.settings import Settings


def test_a_client_that_leaves_takes_its_queued_work_along(tmp_path: Path) -> None:
    with server(tmp_path, "delay=0.5") as running:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{running.url}/13/4000/4000.png", timeout=0.2)
        left = time.monotonic()
        wait_until(lambda: running.metric("queue_length") == 0)
        assert time.monotonic() - left < 2.0
        wait_until(lambda: running.metric("tiles_stored") == 1)
        assert running.metric("jobs_dropped_total") >= 4


def test_sigterm_lets_running_requests_finish_and_leaves_nobody_behind(tmp_path: Path) -> None:
    with server(tmp_path, "delay=0.2", "workers=2") as running:
        children = running.children() if Path("/proc/self/task").exists() else {}
        asking = Asking(running, "/7/3/3.png")
        wait_until(lambda: running.metric("queue_length") > 0)
        running.process.terminate()
        answer = asking.result()
        assert answer.status_code == 200
        assert running.process.wait(10) == 0
        assert not any(map(alive, children.values()))
    cache = TileCache.open(tmp_path)
    assert cache.get(FakeRenderer().fingerprint(0), Tile(7, 3, 3)) == answer.content
    cache.close()


def test_after_sigterm_what_takes_too_long_is_turned_away(tmp_path: Path) -> None:
    with server(tmp_path, "delay=0.4", "drain_seconds=0.1") as running:
        asking = Asking(running, "/14/3/3.png")
        wait_until(lambda: running.metric("queue_length") > 0)
        running.process.send_signal(signal.SIGINT)
        answer = asking.result()
        assert answer.status_code == 503
        assert "is stopping" in answer.json()["detail"]
        assert running.process.wait(10) == 0


def test_a_second_signal_ends_everything_at_once(tmp_path: Path) -> None:
    with server(tmp_path, "delay=8", "drain_seconds=60") as running:
        asking = Asking(running, "/7/3/3.png")
        wait_until(lambda: running.metric("queue_length") > 0)
        running.process.send_signal(signal.SIGINT)
        wait_until(lambda: not answers(running, "/livez"))
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(5) == 0
        asking.join(5)


def test_a_signal_while_the_model_loads_ends_the_start(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fake_server", str(tmp_path), "loading=60"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            wait_until(lambda: (tmp_path / "loading").exists())
            process.terminate()
            assert process.wait(10) == 0
        finally:
            process.kill()
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_only_the_generator_process_loads_the_network_library() -> None:
    modules = "tileserver.commands.serve, tileserver.processes.webworker"
    look = f"import sys, {modules}; print('torch' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert found.stdout == "False\n"


@needs_proc
def test_a_dead_generator_delays_its_waiters_and_nobody_else(tmp_path: Path) -> None:
    with server(tmp_path, "delay=0.3") as running:
        stored = running.get("/0/0/0.png")
        asking = Asking(running, "/7/3/3.png")
        wait_until(lambda: running.metric("queue_length") > 0)
        running.kill("generator")
        again = running.get("/0/0/0.png")
        assert (again.status_code, again.content) == (200, stored.content)
        assert asking.result().status_code == 200
        assert running.get("/readyz").status_code == 200
        assert running.metric('restarts_total{process="generator"}') == 1


@needs_proc
def test_a_dead_web_process_is_started_again(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        first = running.get("/5/3/3.png")
        running.kill("worker-1")
        assert running.get("/5/3/3.png").content == first.content
        assert running.metric('restarts_total{process="worker"}') == 1
        assert running.metric('tile_misses_total{zoom="5"}') == 1


@needs_proc
def test_nobody_outlives_a_killed_supervisor_and_all_starts_again(tmp_path: Path) -> None:
    with server(tmp_path, "workers=2") as running:
        first = running.get("/9/3/3.png")
        wait_until(lambda: running.metric("tiles_stored") >= 3)
        children = running.children()
        assert len(children) == 3
        running.process.kill()
        wait_until(lambda: not any(map(alive, children.values())))
    with server(tmp_path) as running:
        assert running.get("/readyz").status_code == 200
        again = running.get("/9/3/3.png", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304


@needs_proc
def test_a_cache_cut_off_under_its_users_is_rebuilt(tmp_path: Path) -> None:
    with server(tmp_path) as running:
        first = running.get("/9/3/3.png")
        wait_until(lambda: running.metric("tiles_stored") >= 5)
        before = running.children()
        os.truncate(tmp_path / "data.mdb", 8192)
        with contextlib.suppress(httpx.HTTPError):  # the process that reads it may die of that
            running.get("/9/3/3.png?again")
        wait_until(lambda: answers(running, "/readyz"))
        again = running.get("/9/3/3.png")
        assert (again.status_code, again.content) == (200, first.content)
        assert set(running.children().values()).isdisjoint(before.values())
    assert list(tmp_path.glob("*damaged*"))


def test_kills_during_writes_leave_only_whole_tiles(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.crash", str(tmp_path), "4"]
    lives = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found = [int(line) for line in lives.stdout.split()]
    assert len(found) == 4
    assert found == sorted(found)
    assert found[-1] > found[1] > 0
    check_cache(tmp_path, at_least=found[-1])


def check_cache(directory: Path, at_least: int = 1) -> None:
    """Verify a cache that the fake renderer filled: digests, and the bytes of a sample."""
    cache, fake = TileCache.open(directory), FakeRenderer()
    world = fake.fingerprint(0)
    stored = list(tiles_of(cache, world))
    assert len(stored) >= at_least
    assert damaged(cache) == []
    assert not list(directory.glob("*damaged*"))
    for tile in random.Random(0).sample(stored, min(50, len(stored))):
        pixels = fake.compute(0, Block.of(tile), lambda need: cache.pixels(world, need))  # type: ignore[arg-type,return-value]
        assert cache.get(world, tile) == encode_png(pixels[tile])
    cache.close()


def test_a_port_in_use_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "PATIENCE_SECONDS", 0.0)
    taken = listen("127.0.0.1", 0)
    with pytest.raises(StartError, match="is in use by another"):
        serve(Settings(port=taken.getsockname()[1], cache=tmp_path))
    taken.close()
    assert not list(tmp_path.iterdir())


def test_a_bad_cache_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be written"):
        serve(Settings(port=0, cache=tmp_path / "file"))


def bad_weights(settings: Settings) -> FakeRenderer:
    raise WeightsError("the weights are of another version")


def sudden_end(settings: Settings) -> FakeRenderer:
    os._exit(7)


def test_bad_weights_stop_the_start_with_their_sentence(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="^the weights are of another version$"):
        serve(Settings(port=0, cache=tmp_path), bad_weights)
    TileCache.open(tmp_path).close()


def test_a_generator_that_dies_at_the_start_stops_it(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="generator ended with status 7 before it worked"):
        serve(Settings(port=0, cache=tmp_path), sudden_end)
