"""Maintenance: makes room when asked, writes down marks at the end, survives trouble."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.caches import WORLD, age, fill, row
from tileserver.cache import maintenance as module
from tileserver.cache.eviction import START
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_storing_wakes_it_before_the_hard_stop(cache: TileCache) -> None:
    while cache.evictor.share() < START:
        fill(cache, row(12, 16, y=cache.count()))
    fill(cache, row(12, 1, y=4000))
    assert eventually(lambda: cache.evictor.share() < START)
    assert cache.count() > 100


def test_marks_are_written_when_the_cache_is_closed(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path, 8 << 20)
    tiles = fill(cache, row(5, 3), size=100)
    age(cache, tiles, 500)
    for tile in tiles[:2]:
        cache.get(WORLD, tile)
    cache.close()
    cache = TileCache.open(tmp_path, 8 << 20)
    cache.evictor.make_room(0.0001)
    cache.close()
    cache = TileCache.open(tmp_path, 8 << 20)
    assert cache.recency.flush() == 0
    cache.close()


def test_a_dead_reader_is_cleared(cache: TileCache) -> None:
    code = (
        "import sys; from pathlib import Path; from tileserver.cache.tilecache import TileCache\n"
        "cache = TileCache.open(Path(sys.argv[1]), 8 << 20)\n"
        "with cache.store.reading():\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(cache.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        fill(cache, row(5, 32), size=100)
        assert cache.store.lag() == 2
        os.kill(reader.pid, signal.SIGKILL)
    cache._maintenance.run_once(evict=False)
    assert cache.store.lag() == 0


def test_trouble_is_said_once_and_does_not_end_it(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def fail() -> int:
        calls.append(1)
        raise CacheError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(cache.recency, "flush", fail)
        for number in (1, 2, 3):
            cache._maintenance.wake()
            assert eventually(lambda number=number: len(calls) == number)
    cache._maintenance.close()
    assert caplog.text.count("the disk is full; it is tried again later") == 1


def test_it_runs_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.01)
    cache = TileCache.open(tmp_path, 8 << 20)
    tiles = fill(cache, row(5, 1), size=100)
    age(cache, tiles, 500)
    before = int(cache.store.env.info()["last_txnid"])
    cache.get(WORLD, tiles[0])
    assert eventually(lambda: int(cache.store.env.info()["last_txnid"]) > before)
    cache.close()


def test_a_writer_that_does_not_finish_keeps_nobody_from_closing(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_SECONDS", 0.05)
    tiles = fill(cache, row(5, 2), size=100)
    age(cache, tiles, 500)
    cache.get(WORLD, tiles[0])
    with cache.store.writing():
        cache.close()
        assert cache.get(WORLD, tiles[0]) is not None
    cache._maintenance._thread.join(10)
    cache.close()
    with pytest.raises(CacheError):
        cache.get(WORLD, tiles[0])
