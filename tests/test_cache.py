"""The tile cache: what goes in comes out, damage is never served, and bad directories are told."""

import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import lmdb
import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.caches import damaged, tiles_of
from tests.fakes import draw
from tileserver.cache import tilecache as module
from tileserver.cache.tilecache import CacheError, TileCache, digest_of
from tileserver.encode import encode_png

WORLD = b"w" * 16
OTHER = b"x" * 16
TILE = Tile(7, 3, 5)
PNG = encode_png(draw(0, TILE))


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    opened = TileCache.open(tmp_path / "cache")
    yield opened
    opened.close()


def fill(cache: TileCache, world: bytes = WORLD, zoom: int = 3) -> list[Tile]:
    tiles = [Tile(zoom, x, y) for x in range(2**zoom) for y in range(2**zoom)]
    cache.put_many(world, [(tile, encode_png(draw(1, tile))) for tile in tiles])
    return tiles


def change(cache: TileCache, table: str, value: bytes | Callable[[bytes], bytes]) -> None:
    """Change the first value of a table behind the cache's back."""
    path = cache.path
    cache.close()
    with lmdb.open(str(path), max_dbs=8, map_size=1 << 30) as env:
        db = env.open_db(table.encode())
        with env.begin(write=True, db=db) as txn:
            key, old = next(iter(txn.cursor()))
            txn.put(key, value if isinstance(value, bytes) else value(old))


def test_a_stored_tile_is_read_back_with_its_digest(cache: TileCache) -> None:
    assert cache.entry(WORLD, TILE) is None
    assert not cache.has(WORLD, TILE)
    cache.put_many(WORLD, [(TILE, PNG)])
    assert cache.get(WORLD, TILE) == PNG
    entry = cache.entry(WORLD, TILE)
    assert entry is not None
    assert (entry.payload, entry.digest) == (PNG, digest_of(PNG))
    assert abs(entry.modified - time.time()) < 100
    assert cache.has(WORLD, TILE)
    pixels = cache.pixels(WORLD, TILE)
    assert pixels is not None
    assert np.array_equal(pixels, draw(0, TILE))


def test_worlds_are_apart(cache: TileCache) -> None:
    cache.put_many(WORLD, [(TILE, PNG)])
    assert cache.get(OTHER, TILE) is None
    fill(cache, OTHER)
    assert cache.count() == 65
    assert cache.count(WORLD) == 1
    assert cache.count(OTHER) == 64


def test_tiles_of_a_world_are_listed_once(cache: TileCache) -> None:
    tiles = fill(cache)
    fill(cache, OTHER, 2)
    assert sorted(tiles_of(cache, WORLD)) == tiles


def test_what_made_a_world_is_written_down(cache: TileCache) -> None:
    cache.worlds.record(WORLD, {"seed": "7", "weights": "abc"})
    assert cache.worlds.about() == {WORLD: {"seed": "7", "weights": "abc"}}


def test_a_sound_tile_is_never_replaced(cache: TileCache) -> None:
    cache.put_many(WORLD, [(TILE, PNG)])
    cache.put_many(WORLD, [(TILE, encode_png(draw(9, TILE)))])
    assert cache.get(WORLD, TILE) == PNG


def test_tiles_survive_a_restart(tmp_path: Path) -> None:
    first = TileCache.open(tmp_path)
    first.put_many(WORLD, [(TILE, PNG)])
    first.close()
    second = TileCache.open(tmp_path)
    assert second.get(WORLD, TILE) == PNG
    second.close()


def flip(place: int) -> Callable[[bytes], bytes]:
    return lambda value: value[:place] + bytes([value[place] ^ 4]) + value[place + 1 :]


@pytest.mark.parametrize(
    ("table", "value"),
    [
        ("tiles", b""),
        ("tiles", b"\0" * 17),
        ("tiles", b"\1" * 25),
        ("tiles", b"\2" * 28),
        ("tiles", flip(0)),
        ("tiles", flip(10)),
        ("tiles", lambda row: row[:20]),
        ("blobs", b""),
        ("blobs", PNG[:-1]),
        ("blobs", flip(0)),
        ("blobs", flip(900)),
        ("blobs", encode_png(draw(1, TILE))),
    ],
)
def test_a_damaged_value_is_dropped_counted_and_made_again(
    tmp_path: Path, table: str, value: bytes | Callable[[bytes], bytes]
) -> None:
    cache = TileCache.open(tmp_path)
    cache.put_many(WORLD, [(TILE, PNG)])
    change(cache, table, value)
    cache = TileCache.open(tmp_path)
    assert cache.pixels(WORLD, TILE) is None
    assert not cache.has(WORLD, TILE)
    assert cache.damaged == 1
    cache.put_many(WORLD, [(TILE, PNG)])
    assert cache.has(WORLD, TILE)
    assert cache.get(WORLD, TILE) == PNG
    assert damaged(cache) == []
    cache.close()


def test_a_tile_that_is_no_picture_is_dropped_and_counted(cache: TileCache) -> None:
    cache.put_many(WORLD, [(TILE, b"no picture")])
    assert cache.pixels(WORLD, TILE) is None
    assert cache.damaged == 1


def test_damage_that_another_program_found_is_mended_too(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path)
    cache.put_many(WORLD, [(TILE, PNG)])
    change(cache, "blobs", flip(900))
    cache = TileCache.open(tmp_path)
    cache.put_many(WORLD, [(TILE, PNG)])
    assert cache.get(WORLD, TILE) == PNG
    cache.close()


def test_remembering_whole_tiles_is_bounded(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 10)
    for tile in fill(cache):
        assert cache.get(WORLD, tile) == cache.get(WORLD, tile) is not None
        assert len(cache._whole) <= 10


def test_verify_names_the_damaged_tiles(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path)
    cache.put_many(WORLD, [(TILE, PNG)])
    fill(cache, OTHER)
    assert damaged(cache) == []
    change(cache, "tiles", b"\0" * 40)
    cache = TileCache.open(tmp_path)
    assert damaged(cache) == [(WORLD, TILE)]
    cache.close()


def test_a_world_of_the_wrong_length_is_refused(cache: TileCache) -> None:
    with pytest.raises(CacheError, match="a world has 3 bytes, expected 16"):
        cache.get(b"abc", TILE)


def test_a_closed_cache_says_so(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path)
    cache.close()
    cache.close()
    with pytest.raises(CacheError, match="cannot be read"):
        cache.get(WORLD, TILE)
    with pytest.raises(CacheError, match="cannot be read"):
        cache.put_many(WORLD, [(TILE, PNG)])


def test_a_foreign_database_is_refused_and_kept(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as txn:
        txn.put(b"theirs", b"data")
    with pytest.raises(CacheError, match="belongs to another program"):
        TileCache.open(tmp_path)
    with lmdb.open(str(tmp_path)) as env, env.begin() as txn:
        assert txn.get(b"theirs") == b"data"


def test_a_cache_of_another_format_is_set_aside_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"elsewhere tile cache 1")
        txn.put(b"tiles", b"whatever")
    cache = TileCache.open(tmp_path)
    assert cache.count() == 0
    cache.close()
    assert "renamed to data.mdb.old-1" in caplog.text
    with lmdb.open(str(tmp_path / "data.mdb.old-1"), subdir=False) as env, env.begin() as txn:
        assert txn.get(b"tiles") == b"whatever"


def test_a_cache_of_another_format_in_use_is_refused(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as txn:
        txn.put(b"format", b"elsewhere tile cache 99")
    with (tmp_path / "elsewhere.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        with pytest.raises(CacheError, match="of another version"):
            TileCache.open(tmp_path)


def test_a_writer_that_does_not_finish_is_told(tmp_path: Path) -> None:
    TileCache.open(tmp_path).close()
    code = (
        "import lmdb, sys\n"
        "env = lmdb.open(sys.argv[1], map_size=1 << 30)\n"
        "txn = env.begin(write=True)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(CacheError, match=r"is locked: another program .* 0.2 s"):
            TileCache.open(tmp_path, patience=0.2)
    for thread in threading.enumerate():
        if thread.name == "cache-open":
            thread.join(5)


def test_two_programs_share_a_directory(cache: TileCache) -> None:
    cache.put_many(WORLD, [(TILE, PNG)])
    code = (
        "import sys; from pathlib import Path\n"
        "from generator.grid.tile import Tile; from tileserver.cache.tilecache import TileCache\n"
        "cache = TileCache.open(Path(sys.argv[1]))\n"
        "png = cache.get(b'w' * 16, Tile(7, 3, 5))\n"
        "cache.put_many(b'w' * 16, [(Tile(0, 0, 0), png)])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(cache.path)], check=True, cwd=Path.cwd())
    assert cache.get(WORLD, Tile(0, 0, 0)) == PNG
