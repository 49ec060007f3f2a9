"""Eviction: the least used goes first, pins and limits hold, and only one program does it."""

import fcntl
import threading

from generator.grid.tile import Tile
from tests.caches import OTHER, WORLD, age, fill, payload, row
from tileserver.cache.eviction import TARGET
from tileserver.cache.tilecache import TileCache

LIMIT = 8 << 20


def stored(cache: TileCache, tiles: list[Tile], world: bytes = WORLD) -> list[Tile]:
    return [tile for tile in tiles if cache.has(world, tile)]


def test_the_least_used_go_first(cache: TileCache) -> None:
    tiles = fill(cache, row(9, 200))
    old, older = tiles[50:100], tiles[120:160]
    age(cache, old, 100)
    age(cache, older, 200)
    share = cache.evictor.share()
    gone = cache.evictor.make_room(share * 0.85)
    assert 20 <= gone <= 40
    assert len(stored(cache, older)) == 40 - gone
    assert len(stored(cache, tiles)) == 200 - gone
    cache.evictor.make_room(share * 0.7)
    assert not stored(cache, older)
    assert 0 < len(stored(cache, old)) < 50
    assert len(stored(cache, tiles)) == 110 + len(stored(cache, old))


def test_tiles_that_were_read_stay(cache: TileCache) -> None:
    tiles = fill(cache, row(9, 100))
    age(cache, tiles, 500)
    read = tiles[::3]
    for tile in read:
        assert cache.get(WORLD, tile) is not None
    cache.evictor.make_room(cache.evictor.share() * 0.5)
    assert stored(cache, read) == read


def test_variants_go_before_any_tile(cache: TileCache) -> None:
    tiles = fill(cache, row(9, 50))
    age(cache, tiles, 500)
    cache.put_variants([(WORLD, tile, 1, payload(tile, 20_001)) for tile in tiles])
    cache.evictor.make_room(cache.evictor.share() * 0.6)
    assert stored(cache, tiles) == tiles
    assert sum(cache.entry(WORLD, tile, 1) is not None for tile in tiles) < 20


def test_equally_old_tiles_go_from_the_deepest_zoom(cache: TileCache) -> None:
    low, deep = fill(cache, row(5, 30)), fill(cache, row(12, 60))
    cache.evictor.make_room(cache.evictor.share() * 0.5)
    assert stored(cache, low) == low
    assert len(stored(cache, deep)) < 30


def test_pinned_tiles_stay_until_they_are_unpinned(cache: TileCache) -> None:
    pinned, others = fill(cache, row(9, 60)), fill(cache, row(10, 60))
    age(cache, pinned, 500)
    cache.pins.add(WORLD, None, [9])
    cache.evictor.make_room(0.001)
    assert stored(cache, pinned) == pinned
    assert not stored(cache, others)
    cache.pins.remove(WORLD)
    cache.evictor.make_room(0.001)
    assert not stored(cache, pinned)


def test_one_program_evicts_at_a_time(cache: TileCache) -> None:
    fill(cache, row(9, 50))
    with (cache.path / "elsewhere.evict").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert cache.evictor.make_room(0.001) == 0
    assert cache.evictor.make_room(0.001) == 50


def test_shared_payloads_are_freed_with_the_last_tile(cache: TileCache) -> None:
    same = payload(Tile(0, 0, 0))
    for world in (WORLD, OTHER):
        cache.put_many(world, [(tile, same) for tile in row(9, 40)])
    fill(cache, row(10, 40))
    cache.evictor.make_room(0.001)
    with cache.store.reading() as txn:
        for table in (cache.store.blobs, cache.store.counts, cache.store.tiles):
            assert txn.stat(table)["entries"] == 0


def test_a_use_in_the_future_counts_as_long_ago(cache: TileCache) -> None:
    tiles = fill(cache, row(9, 40))
    age(cache, tiles[:20], -(1 << 20))
    age(cache, tiles[20:], 50)
    cache.evictor.make_room(cache.evictor.share() * 0.6)
    assert stored(cache, tiles[20:]) == tiles[20:]


def test_reads_go_on_while_tiles_are_evicted(cache: TileCache) -> None:
    kept, gone = fill(cache, row(9, 20)), fill(cache, row(12, 200))
    age(cache, gone, 500)
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            wrong.extend(tile for tile in kept if cache.get(WORLD, tile) != payload(tile))
            wrong.extend(t for t in gone if cache.get(WORLD, t) not in (None, payload(t)))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        cache.evictor.make_room(TARGET * 0.2)
    finally:
        done.set()
        reader.join()
    assert not wrong
    assert cache.damaged == 0
