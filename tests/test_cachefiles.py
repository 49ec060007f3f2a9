"""Checks before a cache file is opened: damage is set aside, nothing lost, locks honoured."""

import random
from pathlib import Path

import pytest

from generator.grid.tile import Tile
from tests.caches import WORLD
from tests.fakes import draw
from tileserver.cache import datafile as cachefiles
from tileserver.cache.datafile import damage
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png


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


def test_a_long_file_that_is_short_is_walked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a file may lack pages that are free; only a walk tells."""
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    with data.open("rb+") as file:
        file.truncate(data.stat().st_size - 4096)
    assert damage(data) is not None


def test_a_long_file_that_cannot_be_read_is_set_aside(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cachefiles, "WALK_LIMIT", 0)
    spoil(data, "tree overwritten")
    cache = TileCache.open(data.parent)
    assert cache.count() == 0
    cache.close()
    assert (data.parent / "data.mdb.damaged-1").exists()
