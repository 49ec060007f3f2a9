"""The check of all that is stored: damage of every kind is found, and repair leaves none."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from generator.grid.tile import Tile
from tests.caches import WORLD, fill, payload, row, store_id
from tileserver.cache.store import TileStore, Txn, digest_of
from tileserver.cache.tilecache import TileCache
from tileserver.cache.verification import check_all, repair

TILES = row(5, 10)
SHARED = payload(Tile(0, 0, 0))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    """Give a cache with tiles, two of which share their bytes, and a variant."""
    opened = TileCache.open(tmp_path / "cache", 8 << 20)
    fill(opened, TILES, size=3000)
    opened.put_many(WORLD, [(tile, SHARED) for tile in row(6, 2)])
    opened.put_variants([(WORLD, TILES[0], 9, b"a variant")])
    yield opened
    opened.close()


def key(tile: Tile) -> bytes:
    return WORLD + store_id(tile)


def spoil_payload(store: TileStore, txn: Txn) -> None:
    txn.put(digest_of(payload(TILES[3], 3000)), b"other bytes", db=store.blobs)


def lose_payload(store: TileStore, txn: Txn) -> None:
    txn.delete(digest_of(payload(TILES[3], 3000)), db=store.blobs)


def spoil_row(store: TileStore, txn: Txn) -> None:
    txn.put(key(TILES[3]), b"\7" * 25, db=store.tiles)


def spoil_variant(store: TileStore, txn: Txn) -> None:
    txn.put(digest_of(b"a variant"), b"another", db=store.blobs)


def strange_key(store: TileStore, txn: Txn) -> None:
    txn.put(b"what is this", b"doing here", db=store.tiles)


def tile_beyond_the_map(store: TileStore, txn: Txn) -> None:
    row = txn.get(key(TILES[3]), None, store.tiles)
    txn.put(WORLD + b"\xff" * 8, row, db=store.tiles)


def lone_payload(store: TileStore, txn: Txn) -> None:
    txn.put(digest_of(b"nobody's"), b"nobody's", db=store.blobs)


def count_too_high(store: TileStore, txn: Txn) -> None:
    txn.put(digest_of(SHARED), b"\0\0\0\x63", db=store.counts)


def count_too_low(store: TileStore, txn: Txn) -> None:
    txn.delete(digest_of(SHARED), db=store.counts)


def count_unreadable(store: TileStore, txn: Txn) -> None:
    txn.put(digest_of(SHARED), b"?", db=store.counts)


DAMAGES: list[tuple[Callable[[TileStore, Txn], None], list[Tile], int, bool]] = [
    (spoil_payload, [TILES[3]], 1, False),
    (lose_payload, [TILES[3]], 1, False),
    (spoil_row, [TILES[3]], 1, True),
    (spoil_variant, [], 1, False),
    (strange_key, [], 1, False),
    (tile_beyond_the_map, [], 1, True),
    (lone_payload, [], 0, True),
    (count_too_high, [], 0, True),
    (count_too_low, [], 0, True),
    (count_unreadable, [], 0, True),
]


@pytest.mark.parametrize(("damage", "tiles", "rows", "orphans"), DAMAGES)
def test_damage_is_found_and_repaired(
    cache: TileCache,
    damage: Callable[[TileStore, Txn], None],
    tiles: list[Tile],
    rows: int,
    orphans: bool,
) -> None:
    with cache.store.writing() as txn:
        damage(cache.store, txn)
    found = check_all(cache.store)
    assert found.tiles == [(WORLD, tile) for tile in tiles]
    assert len(found.keys) == rows
    assert (found.orphans > 0) == orphans
    assert found
    repair(cache.store, found)
    assert not check_all(cache.store)
    for tile in TILES:
        assert cache.get(WORLD, tile) == (None if tile in tiles else payload(tile, 3000))
    assert [cache.get(WORLD, tile) for tile in row(6, 2)] == [SHARED, SHARED]
    cache.remove()
    assert not check_all(cache.store)


def test_a_sound_cache_has_no_findings(cache: TileCache) -> None:
    heard: list[int] = []
    found = check_all(cache.store, heard.append)
    assert not found
    assert found.checked == cache.rows == 13
    assert heard[-1] == 13


def test_a_tile_mended_between_check_and_repair_stays(cache: TileCache) -> None:
    with cache.store.writing() as txn:
        spoil_payload(cache.store, txn)
    found = check_all(cache.store)
    cache.put_many(WORLD, [(TILES[3], payload(TILES[3], 3000))])
    repair(cache.store, found)
    assert cache.get(WORLD, TILES[3]) == payload(TILES[3], 3000)
