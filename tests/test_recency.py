"""Marks of use: a read never writes, a flush writes few, and old marks stay as they are."""

import time

import pytest

from generator.grid.tile import Tile
from tests.caches import WORLD, age, fill, row, store_id
from tileserver.cache import recency as module
from tileserver.cache.store import HEAD
from tileserver.cache.tilecache import TileCache


def minutes_unused(cache: TileCache, tile: Tile, variant: bytes = b"") -> int:
    store = cache.store
    with store.reading() as txn:
        table = store.variants if variant else store.tiles
        used = HEAD.unpack_from(txn.get(WORLD + store_id(tile) + variant, None, table))[1]
    return int(time.time()) // 60 - int(used)


def commits(cache: TileCache) -> int:
    return int(cache.store.env.info()["last_txnid"])


def test_reading_an_old_tile_marks_it_at_the_next_flush(cache: TileCache) -> None:
    read, unread, fresh = fill(cache, row(5, 3), size=100)
    age(cache, [read, unread], 500)
    before = commits(cache)
    for tile in (read, fresh, read):
        assert cache.get(WORLD, tile) is not None
    assert commits(cache) == before
    assert cache.recency.flush() == 1
    assert commits(cache) == before + 1
    assert minutes_unused(cache, read) <= 1
    assert minutes_unused(cache, unread) >= 500
    assert cache.recency.flush() == 0
    assert commits(cache) == before + 1


def test_a_variant_is_marked_too(cache: TileCache) -> None:
    (tile,) = fill(cache, row(5, 1), size=100)
    cache.put_variants([(WORLD, tile, 3, b"variant")])
    with cache.store.writing() as txn:
        key = WORLD + store_id(tile) + b"\3"
        value = bytearray(txn.get(key, None, cache.store.variants))
        value[1:5] = bytes(4)
        txn.put(key, bytes(value), db=cache.store.variants)
    assert cache.entry(WORLD, tile, 3) is not None
    assert cache.recency.flush() == 1
    assert minutes_unused(cache, tile, b"\3") <= 1


def test_marking_does_not_change_the_tile(cache: TileCache) -> None:
    (tile,) = fill(cache, row(5, 1), size=100)
    age(cache, [tile], 500)
    before = cache.entry(WORLD, tile)
    cache.recency.flush()
    assert cache.entry(WORLD, tile) == before


def test_marks_are_a_bounded_sample(cache: TileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 10)
    tiles = fill(cache, row(6, 40), size=100)
    age(cache, tiles, 500)
    for tile in tiles:
        cache.get(WORLD, tile)
    assert cache.recency.flush() == 10


def test_a_tile_that_went_meanwhile_is_passed_over(cache: TileCache) -> None:
    tiles = fill(cache, row(5, 2), size=100)
    age(cache, tiles, 500)
    for tile in tiles:
        cache.get(WORLD, tile)
    cache.remove()
    assert cache.recency.flush() == 0
