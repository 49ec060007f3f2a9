"""Pinned regions: written down once, listed, and covering exactly their tiles."""

from pathlib import Path

import pytest

from generator.grid.errors import TileError
from generator.grid.tile import Tile, tiles_in_bbox
from tests.caches import OTHER, WORLD
from tileserver.cache.pins import Pin
from tileserver.cache.tilecache import TileCache
from tileserver.regions.tileid import tile_id

ALPS = (5.9, 45.8, 10.5, 47.8)
FIJI = (177.0, -19.0, -178.0, -16.0)


def test_pins_survive_a_restart_and_are_there_once(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path, 8 << 20)
    cache.pins.add(WORLD, ALPS, range(4))
    cache.pins.add(WORLD, ALPS, [3, 2, 1, 0, 0])
    cache.pins.add(OTHER, None, [0])
    cache.close()
    cache = TileCache.open(tmp_path, 8 << 20)
    assert cache.pins.all() == [Pin(WORLD, ALPS, (0, 1, 2, 3)), Pin(OTHER, None, (0,))]
    cache.close()


def test_unpinning_takes_what_fits(cache: TileCache) -> None:
    cache.pins.add(WORLD, ALPS, [3])
    cache.pins.add(WORLD, FIJI, [3])
    cache.pins.add(OTHER, ALPS, [3])
    assert cache.pins.remove(WORLD, ALPS, [4]) == 0
    assert cache.pins.remove(WORLD, ALPS, [3]) == 1
    assert cache.pins.remove(bbox=ALPS) == 1
    assert cache.pins.all() == [Pin(WORLD, FIJI, (3,))]
    assert cache.pins.remove() == 1


def test_the_cover_holds_just_the_pinned_tiles(cache: TileCache) -> None:
    cache.pins.add(WORLD, ALPS, [6, 9])
    cache.pins.add(WORLD, FIJI, [6])
    cover = cache.pins.cover()
    wanted = {*tiles_in_bbox(*ALPS, 6), *tiles_in_bbox(*ALPS, 9), *tiles_in_bbox(*FIJI, 6)}
    assert set(cover) == {WORLD}
    assert len(cover[WORLD]) == len(wanted)
    assert all(tile_id(tile) in cover[WORLD] for tile in wanted)


def test_a_region_off_the_map_is_refused(cache: TileCache) -> None:
    with pytest.raises(TileError):
        cache.pins.add(WORLD, (0.0, 86.0, 1.0, 87.0), [3])
    with pytest.raises(TileError):
        cache.pins.add(WORLD, ALPS, [99])
    assert cache.pins.all() == []


def test_an_unreadable_pin_is_left_out(cache: TileCache) -> None:
    cache.pins.add(WORLD, ALPS, [3])
    with cache.store.writing() as txn:
        for number, value in enumerate([b"", b"[]", b"{}", b'{"bbox": [1], "zooms": [2]}']):
            txn.put(WORLD + bytes([number]), value, db=cache.store.pins)
    assert cache.pins.all() == [Pin(WORLD, ALPS, (3,))]
    assert Tile(3, 4, 2) in set(tiles_in_bbox(*ALPS, 3))
