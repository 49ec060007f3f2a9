"""Compaction: a smaller file with the same tiles, or the old one untouched."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.caches import WORLD, damaged, fill, payload, row
from tileserver.cache import compaction as module
from tileserver.cache.compaction import compact
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError

LIMIT = 8 << 20


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of a closed cache of which most is free."""
    cache = TileCache.open(tmp_path / "cache", LIMIT)
    fill(cache, row(9, 200))
    fill(cache, row(5, 20))
    cache.pins.add(WORLD, None, [5])
    cache.worlds.record(WORLD, {"seed": "7"})
    cache.remove(WORLD, None, [9])
    cache.close()
    return tmp_path / "cache"


def whole(directory: Path) -> bool:
    cache = TileCache.open(directory, LIMIT)
    try:
        assert [pin.zooms for pin in cache.pins.all()] == [(5,)]
        assert cache.worlds.about() == {WORLD: {"seed": "7"}}
        assert damaged(cache) == []
        return all(cache.get(WORLD, tile) == payload(tile) for tile in row(5, 20))
    finally:
        cache.close()


def test_the_file_shrinks_and_keeps_everything(directory: Path) -> None:
    size = (directory / "data.mdb").stat().st_size
    heard: list[tuple[int, int]] = []
    before, after = compact(directory, LIMIT, lambda *how: heard.append(how))
    assert before == size
    assert after == (directory / "data.mdb").stat().st_size < size / 4
    assert heard[-1][0] == heard[-1][1] > 400_000
    assert whole(directory)
    assert not list(directory.glob("*.compact"))


def test_a_cache_in_use_is_left_alone(directory: Path) -> None:
    cache = TileCache.open(directory, LIMIT)
    content = (directory / "data.mdb").read_bytes()
    with pytest.raises(CacheError, match="is in use by another program"):
        compact(directory, LIMIT)
    assert (directory / "data.mdb").read_bytes() == content
    cache.close()
    assert whole(directory)


class Usage(NamedTuple):
    """What a disk would say."""

    total: int
    used: int
    free: int


def test_too_small_a_disk_is_told_before_anything_is_written(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(9, 9, 1000))
    with pytest.raises(CacheError, match=r"has 1000 bytes free, expected \d+ for a copy"):
        compact(directory, LIMIT)
    assert not list(directory.glob("*.compact"))
    monkeypatch.undo()
    assert whole(directory)


def test_a_damaged_copy_is_thrown_away(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = (directory / "data.mdb").stat().st_size
    monkeypatch.setattr(module, "damage", lambda path: "page 3 is bad")
    with pytest.raises(CacheError, match="is damaged .page 3 is bad., expected a sound one"):
        compact(directory, LIMIT)
    monkeypatch.undo()
    assert (directory / "data.mdb").stat().st_size == size
    assert not list(directory.glob("*.compact"))
    assert whole(directory)


def test_what_a_killed_run_left_is_replaced(directory: Path) -> None:
    (directory / "data.mdb.compact").write_bytes(b"half a copy")
    compact(directory, LIMIT)
    assert whole(directory)
