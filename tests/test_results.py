"""The store: bytes are announced once, batches are committed, and a failing disk is survived."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.fakes import draw
from tests.waiting import wait_until
from tileserver.cache.tilecache import CachedTile, CacheError, TileCache
from tileserver.rendering.engine import results as module
from tileserver.rendering.engine.results import Writer, _Block
from tileserver.rendering.metrics import Metrics

WORLD = b"w" * 16
TILES = [Tile(5, x, y) for x in range(10) for y in range(10)]


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    opened = TileCache.open(tmp_path)
    yield opened
    opened.close()


class Answers:
    """Collects what the writer announces."""

    def __init__(self) -> None:
        self.found: list[CachedTile | Exception] = []
        self.blocks = 0

    def encoded(self, tile: Tile, entry: CachedTile) -> None:
        self.found.append(entry)

    def stored(self, error: Exception | None) -> None:
        self.blocks += 1
        if error is not None:
            self.found.append(error)

    def payloads(self) -> list[bytes]:
        return [result.payload for result in self.found if isinstance(result, CachedTile)]


def block(tiles: dict[Tile, Pixels], answers: Answers) -> _Block:
    return _Block(WORLD, tiles, answers.encoded, answers.stored)


def submit(writer: Writer, answers: Answers, tiles: list[Tile]) -> None:
    for tile in tiles:
        writer.submit(block({tile: draw(0, tile)}, answers))


def test_what_is_announced_is_what_is_stored(cache: TileCache) -> None:
    writer, answers = Writer(cache, Metrics()), Answers()
    submit(writer, answers, TILES)
    writer.close()
    writer.close()
    assert answers.payloads() == [cache.get(WORLD, tile) for tile in TILES]
    assert not writer.pending


def test_tiles_are_committed_in_batches(cache: TileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    put = cache.put_batch

    def counting(tiles: object) -> None:
        batch = list(tiles)  # type: ignore[call-overload]
        sizes.append(len(batch))
        put(batch)

    monkeypatch.setattr(cache, "put_batch", counting)
    monkeypatch.setattr(module, "BATCH_SECONDS", 30.0)
    writer = Writer(cache, Metrics())
    submit(writer, Answers(), TILES)
    writer.close()
    assert sizes == [64, 36]


def test_a_block_is_told_stored_once_all_its_tiles_are_committed(cache: TileCache) -> None:
    over: list[bool] = []

    class Watcher(Answers):
        def stored(self, error: Exception | None) -> None:
            over.append(all(cache.has(WORLD, tile) for tile in TILES[:5]))

    writer = Writer(cache, Metrics())
    writer.submit(block({tile: draw(0, tile) for tile in TILES[:5]}, Watcher()))
    writer.close()
    assert over == [True]


def test_a_lonely_tile_is_committed_soon(cache: TileCache) -> None:
    writer = Writer(cache, Metrics())
    submit(writer, Answers(), TILES[:1])
    wait_until(lambda: cache.has(WORLD, TILES[0]) and not writer.pending)
    writer.close()


def test_worlds_are_written_down_with_their_first_tile(cache: TileCache) -> None:
    writer = Writer(cache, Metrics())
    writer.worlds[WORLD] = {"seed": "4"}
    submit(writer, Answers(), TILES[:2])
    writer.close()
    assert cache.worlds.about() == {WORLD: {"seed": "4"}}


def test_pixels_that_cannot_be_encoded_are_told_and_the_next_ones_work(cache: TileCache) -> None:
    writer, answers = Writer(cache, Metrics()), Answers()
    wrong = np.zeros((2, 2, 3), np.uint8)
    writer.submit(block({TILES[1]: draw(0, TILES[1]), TILES[0]: wrong}, answers))
    submit(writer, answers, TILES[:1])
    writer.close()
    assert isinstance(answers.found[1], ValueError)
    assert answers.payloads()[1:] == [cache.get(WORLD, TILES[0])]
    assert answers.blocks == 2
    assert not cache.has(WORLD, TILES[1])


def test_a_failing_disk_is_survived_and_recovers(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    working, put = threading.Event(), cache.put_batch

    def fail_at_first(tiles: object) -> None:
        if not working.is_set():
            raise CacheError("the disk is full")
        put(tiles)  # type: ignore[arg-type]

    monkeypatch.setattr(cache, "put_batch", fail_at_first)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.02)
    monkeypatch.setattr(module, "KEEP_UNSAVED", 90)
    metrics, answers = Metrics(), Answers()
    writer = Writer(cache, metrics)
    submit(writer, answers, TILES)
    wait_until(lambda: len(answers.found) == 100 and len(writer.pending) == 90)
    assert len(answers.payloads()) == 100
    assert [writer.problem] == ["the disk is full"]
    assert b"elsewhere_tiles_unsaved_total 10.0" in metrics.text()
    working.set()
    wait_until(lambda: not writer.pending)
    assert writer.problem is None
    assert cache.count(WORLD) == 90
    assert caplog.text.count("the disk is full") == 1
    writer.close()


def test_a_disk_that_is_full_from_the_start_is_told_and_so_is_its_end(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    full = threading.Event()
    full.set()
    prove = cache.prove

    def proving() -> None:
        if full.is_set():
            raise CacheError("no room")
        prove()

    monkeypatch.setattr(cache, "prove", proving)
    writer = Writer(cache, Metrics())
    wait_until(lambda: writer.problem == "no room")
    full.clear()
    wait_until(lambda: writer.problem is None)
    writer.close()
