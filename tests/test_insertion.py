"""Storing within the limit: it goes on for ever, stops with a sentence, and never overshoots."""

from pathlib import Path
from typing import Any

import pytest

from generator.grid.tile import Tile
from tests.caches import WORLD, fill, payload, row
from tileserver.cache.eviction import START, STOP
from tileserver.cache.store import TileStore
from tileserver.cache.tilecache import FLOOR, TileCache
from tileserver.errors import CacheFullError

LIMIT = 8 << 20


def stored(cache: TileCache, tiles: list[Tile]) -> list[Tile]:
    return [tile for tile in tiles if cache.has(WORLD, tile)]


def test_storing_goes_on_for_ever_within_the_limit(cache: TileCache) -> None:
    for y in range(5):
        fill(cache, row(12, 200, y))
        assert cache.size <= LIMIT
        assert cache.evictor.share() <= STOP
    assert cache.count() > 100
    for tile in row(12, 200, 4):
        assert cache.get(WORLD, tile) in (None, payload(tile))
    assert cache.damaged == 0


def test_a_cache_full_of_pinned_tiles_says_so_and_goes_on_reading(cache: TileCache) -> None:
    cache.pins.add(WORLD, None, [12])
    tiles = row(12, 500)
    with pytest.raises(
        CacheFullError, match=r"is full: 8\d% of its limit of 8388608 bytes is in use"
    ):
        fill(cache, tiles)
    kept = stored(cache, tiles)
    assert START < cache.evictor.share() <= STOP
    assert all(cache.get(WORLD, tile) == payload(tile) for tile in kept)
    cache.pins.remove(WORLD)
    fill(cache, row(12, 50, 7))
    assert cache.size <= LIMIT


def test_variants_are_left_out_while_room_is_scarce(cache: TileCache) -> None:
    cache.pins.add(WORLD, None, [12])
    with pytest.raises(CacheFullError):
        fill(cache, row(12, 500))
    assert not cache.put_variants([(WORLD, Tile(12, 0, 0), 1, b"variant")])
    assert cache.entry(WORLD, Tile(12, 0, 0), 1) is None


def test_a_batch_larger_than_the_limit_is_stored_in_parts(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path, 4 << 20)
    tiles = row(12, 300)
    cache.put_many(WORLD, [(tile, payload(tile)) for tile in tiles])
    assert cache.size <= 4 << 20
    assert 50 < len(stored(cache, tiles)) < 300
    cache.close()


class Fragmented:
    """A store whose first puts find no run of free pages."""

    def __init__(self, store: TileStore, failures: int) -> None:
        self.failures = failures
        self._put = store.put

    def __call__(self, *args: Any) -> None:
        if self.failures:
            self.failures -= 1
            raise CacheFullError("no run of pages is free")
        self._put(*args)


def test_a_file_of_scattered_free_pages_is_mended_by_eviction(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, row(9, 280))
    assert FLOOR + 0.1 < cache.evictor.share() < START
    monkeypatch.setattr(cache.store, "put", Fragmented(cache.store, 1))
    fill(cache, row(10, 5))
    assert stored(cache, row(10, 5)) == row(10, 5)
    assert len(stored(cache, row(9, 280))) < 270


def test_eviction_is_not_tried_while_a_reader_holds_the_pages(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles = fill(cache, row(9, 100))
    with cache.store.reading():
        tiles += fill(cache, row(10, 100))
        monkeypatch.setattr(cache.store, "put", Fragmented(cache.store, 1))
        with pytest.raises(CacheFullError, match="no run of pages"):
            fill(cache, row(11, 5))
    assert stored(cache, tiles) == tiles
