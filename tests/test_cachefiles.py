"""Checks before a cache file is opened: damage is set aside, nothing lost, locks honoured."""

import fcntl
import os
import random
from pathlib import Path

import pytest

from generator.tile import Tile
from tests.caches import WORLD, fill, row
from tests.fakes import draw
from tileserver import cachefiles
from tileserver.cache import TileCache
from tileserver.cachefiles import DirectoryLock, damage
from tileserver.encode import encode_png
from tileserver.errors import CacheDamagedError, CacheError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return the data file of a closed cache with 64 tiles."""
    cache = TileCache.open(tmp_path)
    tiles = [Tile(3, x, y) for x in range(8) for y in range(8)]
    cache.put_many(WORLD, [(tile, encode_png(draw(0, tile))) for tile in tiles])
    cache.close()
    return tmp_path / "data.mdb"


def spoil(data: Path, how: str) -> None:
    content = bytearray(data.read_bytes())
    match how:
        case "cut in the middle":
            del content[len(content) // 2 :]
        case "cut to a few bytes":
            del content[100:]
        case "one page short":
            del content[-4096:]
        case "garbage":
            content = bytearray(random.Random(1).randbytes(len(content)))
        case "another kind of file":
            content = bytearray(b"\x89PNG\r\n\x1a\n" + b"hello " * 5000)
        case "zeroed":
            content = bytearray(len(content))
        case "tree overwritten":
            content[8192:] = b"\xff" * (len(content) - 8192)
    data.write_bytes(content)


HOW = [
    "cut in the middle",
    "cut to a few bytes",
    "one page short",
    "garbage",
    "another kind of file",
    "zeroed",
    "tree overwritten",
]


@pytest.mark.parametrize("how", HOW)
def test_a_damaged_file_is_set_aside_whole_and_a_new_cache_starts(
    data: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(data, how)
    spoilt = data.read_bytes()
    cache = TileCache.open(data.parent)
    assert cache.count() == 0
    cache.put_many(WORLD, [(Tile(0, 0, 0), b"png")])
    cache.close()
    assert (data.parent / "data.mdb.damaged-1").read_bytes() == spoilt
    assert "is damaged" in caplog.text
    assert "renamed to data.mdb.damaged-1" in caplog.text


@pytest.mark.parametrize("how", ["cut in the middle", "garbage", "zeroed", "one page short"])
def test_large_files_are_checked_by_head_and_length(
    data: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    assert damage(data) is None
    spoil(data, how)
    assert damage(data) is not None


def test_each_damaged_file_keeps_a_name_of_its_own(data: Path) -> None:
    for number in (1, 2, 3):
        data.write_bytes(b"broken %d" % number)
        TileCache.open(data.parent).close()
    kept = [path.read_bytes() for path in sorted(data.parent.glob("*damaged*"))]
    assert kept == [b"broken 1", b"broken 2", b"broken 3"]


def test_a_sound_an_empty_and_an_absent_file_are_no_damage(data: Path) -> None:
    assert damage(data) is None
    data.write_bytes(b"")
    assert damage(data) is None
    data.unlink()
    assert damage(data) is None


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


def test_a_long_file_that_is_short_is_walked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a file may lack pages that are free; only a walk tells."""
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    with data.open("rb+") as file:
        file.truncate(data.stat().st_size - 4096)
    assert damage(data) is not None


def test_after_some_unclean_ends_long_files_are_walked(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    walks: list[str] = []
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    monkeypatch.setattr(cachefiles, "_verify", lambda path, _: walks.append(path) or [])
    for _ in range(2):
        for _ in range(cachefiles.UNCLEAN):
            os.close(DirectoryLock(data.parent)._file)  # as a killed program leaves it
        assert walks == []
        DirectoryLock(data.parent).close()  # a clean end at last
        assert len(walks) == 1
        walks.clear()


def test_a_long_file_that_cannot_be_read_is_set_aside(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    spoil(data, "tree overwritten")
    cache = TileCache.open(data.parent)
    assert cache.count() == 0
    cache.close()
    assert (data.parent / "data.mdb.damaged-1").exists()


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
    spoil(data, "cut in the middle")
    with pytest.raises(CacheDamagedError, match="stop every program that uses it"):
        DirectoryLock(data.parent)
    first.close()
    DirectoryLock(data.parent).close()
    assert (data.parent / "data.mdb.damaged-1").exists()
