"""The lock on a cache directory: who may check, whose limit holds, and what is refused."""

import fcntl
import os
from pathlib import Path

import pytest

from tests.caches import WORLD, fill, row
from tileserver.cache import datafile as cachefiles
from tileserver.cache import directorylock
from tileserver.cache.directorylock import DirectoryLock
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheDamagedError, CacheError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the data file of a closed cache with tiles."""
    cache = TileCache.open(tmp_path)
    fill(cache, row(5, 30))
    cache.close()
    return tmp_path / "data.mdb"


def test_a_file_in_use_is_not_touched(data: Path) -> None:
    with (data.parent / "elsewhere.lock").open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        data.write_bytes(b"whatever the other program does here")
        DirectoryLock(data.parent).close()
    assert data.exists()


def test_a_directory_held_alone_by_another_program_is_told(data: Path) -> None:
    with (data.parent / "elsewhere.lock").open("r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CacheError, match="is locked by another program"):
            DirectoryLock(data.parent, patience=0.05)


def test_a_file_in_place_of_the_directory_is_told(data: Path) -> None:
    with pytest.raises(CacheError, match="cannot be written .* expected a directory"):
        DirectoryLock(data)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc as a read-only place")
def test_a_read_only_place_is_told() -> None:
    with pytest.raises(CacheError, match=r"/proc/self/fdinfo.* cannot be written"):
        DirectoryLock(Path("/proc/self/fdinfo"))


def test_a_directory_without_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(CacheError, match="Permission denied"):
        DirectoryLock(tmp_path)


def test_after_some_unclean_ends_long_files_are_walked(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[str] = []
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    monkeypatch.setattr(cachefiles, "_verify", lambda path, _: walks.append(path) or [])
    for _ in range(2):
        for _ in range(directorylock.UNCLEAN):
            os.close(DirectoryLock(data.parent)._file)  # as a killed program leaves it
        assert walks == []
        DirectoryLock(data.parent).close()  # a clean end at last
        assert len(walks) == 1
        walks.clear()


def test_after_starts_that_went_well_long_files_are_not_walked(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    monkeypatch.setattr(cachefiles, "_verify", lambda path, _: pytest.fail("walked"))
    for _ in range(2 * directorylock.UNCLEAN):
        lock = DirectoryLock(data.parent)
        lock.approve()
        os.close(lock._file)  # as a killed program leaves it


def test_the_first_program_s_limit_holds_for_those_that_join(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = TileCache.open(tmp_path, 8 << 20)
    assert joined(tmp_path) == 8 << 20
    assert "in use with a limit of 8388608 bytes, which holds instead of 67108864" in caplog.text
    first.close()
    alone = TileCache.open(tmp_path, 64 << 20)
    assert alone.limit == 64 << 20
    alone.close()


def joined(directory: Path) -> int:
    """Return the limit that another program would get."""
    lock = DirectoryLock(directory, limit=64 << 20)
    lock.close()
    return lock.limit


def test_a_lowered_limit_leaves_what_is_stored(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path, 64 << 20)
    tiles = fill(cache, row(9, 300))
    cache.close()
    cache = TileCache.open(tmp_path, 4 << 20)
    assert all(cache.get(WORLD, tile) for tile in tiles)
    fill(cache, row(10, 40))
    assert cache.used <= 4 << 20
    cache.close()


def test_the_directory_can_be_had_alone_unless_it_is_shared(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    assert not first.alone()
    second.close()
    assert first.alone()
    with pytest.raises(CacheError, match="is locked by another program"):
        DirectoryLock(tmp_path, patience=0.05)
    first.close()
    DirectoryLock(tmp_path).close()


def test_a_cache_that_was_cut_off_in_use_is_told_to_those_that_join(data: Path) -> None:
    first = DirectoryLock(data.parent)
    DirectoryLock(data.parent).close()
    os.truncate(data, data.stat().st_size // 2)
    with pytest.raises(CacheDamagedError, match="stop every program that uses it"):
        DirectoryLock(data.parent)
    first.close()
    DirectoryLock(data.parent).close()
    assert (data.parent / "data.mdb.damaged-1").exists()
