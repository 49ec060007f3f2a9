"""Records of worlds: what made them, since when, and which have tiles."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.grid.tile import Tile
from tests.caches import OTHER, WORLD, fill, row
from tileserver.cache import worlds as module
from tileserver.cache.tilecache import TileCache
from tileserver.cache.worlds import namespaces
from tileserver.errors import CacheError


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    opened = TileCache.open(tmp_path / "cache", 8 << 20)
    yield opened
    opened.close()


def test_the_first_time_stays(cache: TileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    for now, about in ((1000.0, {"seed": "7"}), (2000.0, {"seed": "7", "weights": "abc"})):
        monkeypatch.setattr(module.time, "time", lambda now=now: now)
        cache.worlds.record(WORLD, about)
    assert cache.worlds.all() == {WORLD: ({"seed": "7", "weights": "abc"}, 1000)}
    assert cache.worlds.about() == {WORLD: {"seed": "7", "weights": "abc"}}


def test_a_forgotten_world_is_gone(cache: TileCache) -> None:
    for world in (WORLD, OTHER):
        cache.worlds.record(world, {})
    cache.worlds.forget(WORLD)
    assert list(cache.worlds.about()) == [OTHER]


def test_an_unreadable_record_is_empty_and_written_anew(cache: TileCache) -> None:
    with cache.store.writing() as txn:
        txn.put(WORLD, b'{"about": ', db=cache.store.worlds)
    assert cache.worlds.about() == {WORLD: {}}
    cache.worlds.record(WORLD, {"seed": "1"})
    assert cache.worlds.about() == {WORLD: {"seed": "1"}}


def test_worlds_with_tiles_are_found_unrecorded(cache: TileCache) -> None:
    assert namespaces(cache.store) == []
    fill(cache, row(5, 20), OTHER, 50)
    fill(cache, row(5, 20), b"\xff" * 16, 50)
    cache.put_variants([(WORLD, Tile(3, 1, 1), 1, b"variant")])
    assert namespaces(cache.store) == [WORLD, OTHER, b"\xff" * 16]


def test_a_world_of_the_wrong_length_is_refused(cache: TileCache) -> None:
    with pytest.raises(CacheError, match="a world has 3 bytes, expected 16"):
        cache.worlds.record(b"abc", {})
