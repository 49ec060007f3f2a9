"""The database's rows: payloads once, counted, freed with the last row that needs them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.caches import OTHER, WORLD, fill, payload, row, store_id
from tileserver.cache.store import digest_of
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png

TILE = Tile(7, 3, 5)
SEA = encode_png(np.full((256, 256, 3), (3, 20, 60), np.uint8))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    opened = TileCache.open(tmp_path / "cache", 8 << 20)
    yield opened
    opened.close()


def entries(cache: TileCache) -> tuple[int, int, int, int]:
    """Return how many tiles, variants, payloads and counts there are."""
    store = cache.store
    with store.reading() as txn:
        tables = (store.tiles, store.variants, store.blobs, store.counts)
        return tuple(txn.stat(table)["entries"] for table in tables)


def test_a_tile_of_one_colour_takes_a_few_bytes_and_reads_back(cache: TileCache) -> None:
    cache.put_many(WORLD, [(TILE, SEA)])
    assert entries(cache) == (1, 0, 0, 0)
    with cache.store.reading() as txn:
        assert len(txn.get(WORLD + store_id(TILE), None, cache.store.tiles)) == 28
    entry = cache.entry(WORLD, TILE)
    assert entry is not None
    assert (entry.payload, entry.digest) == (SEA, digest_of(SEA))


def test_identical_payloads_are_stored_once_and_freed_with_the_last(cache: TileCache) -> None:
    same = payload(TILE)
    tiles = row(5, 3)
    cache.put_many(WORLD, [(tile, same) for tile in tiles])
    cache.put_many(OTHER, [(tiles[0], same)])
    cache.put_variants([(WORLD, tiles[0], 1, same)])
    assert entries(cache) == (4, 1, 1, 1)
    for tile in tiles:
        drop(cache, tile)
        assert entries(cache)[2] == 1
        assert cache.get(OTHER, tiles[0]) == same
    assert entries(cache) == (1, 0, 1, 0)
    cache.remove(OTHER)
    assert entries(cache) == (0, 0, 0, 0)


def drop(cache: TileCache, tile: Tile) -> None:
    with cache.store.writing() as txn:
        assert cache.store.drop(txn, cache.store.tiles, WORLD + store_id(tile))


def test_a_tile_goes_with_its_variants_and_leaves_those_of_others(cache: TileCache) -> None:
    near = row(9, 4)
    fill(cache, near)
    cache.put_variants([(WORLD, tile, n, payload(tile, 99 + n)) for tile in near for n in (1, 255)])
    drop(cache, near[1])
    for tile in near:
        for number in (1, 255):
            entry = cache.entry(WORLD, tile, number)
            assert (entry is None) == (tile == near[1])
            assert entry is None or entry.payload == payload(tile, 99 + number)
    assert entries(cache) == (3, 6, 9, 0)


def test_a_damaged_payload_is_mended_for_all_that_share_it(cache: TileCache) -> None:
    same, tiles = payload(TILE), row(5, 2)
    cache.put_many(WORLD, [(tile, same) for tile in tiles])
    with cache.store.writing() as txn:
        txn.put(digest_of(same), same[:-1] + b"?", db=cache.store.blobs)
    assert cache.get(WORLD, tiles[0]) is None
    cache.put_many(WORLD, [(tiles[0], same)])
    assert [cache.get(WORLD, tile) for tile in tiles] == [same, same]


def test_pages_in_use_grow_with_what_is_stored_and_shrink_with_what_is_removed(
    cache: TileCache,
) -> None:
    empty = cache.used
    fill(cache, row(8, 100))
    full = cache.used
    assert 100 * 20_000 < full - empty < 100 * 20_000 * 1.4
    assert full <= cache.size + 12 * 4096
    cache.remove()
    assert cache.used < empty + 40_000


def test_a_walk_holds_nothing_and_sees_each_key_once(cache: TileCache) -> None:
    fill(cache, row(6, 50), size=100)
    keys = []
    for rows in cache.store.walk(cache.store.tiles, b"", b"\xff", 7):
        assert len(rows) <= 7
        assert cache.store.lag() == 0
        fill(cache, [Tile(3, 1, len(keys) % 8)], OTHER, 100)
        keys += [key for key, _ in rows if key.startswith(WORLD)]
    assert keys == sorted(WORLD + store_id(tile) for tile in row(6, 50))


@pytest.mark.parametrize("chunk", [1, 2, 5, 10, 50, 51])
def test_a_walk_ends_before_its_end(cache: TileCache, chunk: int) -> None:
    fill(cache, row(6, 50), size=100)
    keys = sorted(WORLD + store_id(tile) for tile in row(6, 50))
    lists = cache.store.walk(cache.store.tiles, keys[3], keys[13], chunk)
    assert [key for rows in lists for key, _ in rows] == keys[3:13]


def test_a_reader_that_stays_behind_is_seen(cache: TileCache) -> None:
    with cache.store.reading():
        fill(cache, row(6, 48), size=100)
        assert cache.store.lag() == 3
    assert cache.store.lag() == 0
