"""Damaged cache files: never a death by signal at opening or reading, never wrong bytes."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

from tests.caches import WORLD, fill, payload, row
from tests.damage import LIMIT, TILES, make
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheDamagedError, CacheError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the directory of a closed cache."""
    make(tmp_path / "cache")
    return tmp_path / "cache"


def damage(directory: Path, seed: int, times: int) -> str:
    command = [sys.executable, "-m", "tests.damage", str(directory), str(seed), str(times)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


def test_a_few_random_damages_are_survived(directory: Path) -> None:
    assert "16 damaged" in damage(directory, 0, 16)


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_many_random_damages_are_survived(directory: Path) -> None:
    times = int(os.environ.get("ELSEWHERE_SOAK_DAMAGES", "2000"))
    out = damage(directory, 1000, times)
    found = re.fullmatch(r"\d+ damaged, (\d+) kept, (\d+) refused\n", out)
    assert found is not None
    assert int(found[1]) > times // 10
    assert int(found[2]) == 0


@pytest.mark.parametrize("value", [b"elsewhere tile cache 9", b"elsewhere t1le cache 2", b"?"])
def test_a_cache_whose_mark_was_damaged_is_set_aside(directory: Path, value: bytes) -> None:
    with lmdb.open(str(directory)) as env, env.begin(write=True) as txn:
        txn.put(b"format", value)
    cache = TileCache.open(directory, LIMIT)
    assert cache.count() == 0
    cache.close()
    assert (directory / "data.mdb.old-1").exists()


HOLDER = """
import sys
from pathlib import Path
from tests.caches import WORLD
from tests.damage import LIMIT, TILES
from tileserver.cache.tilecache import TileCache
cache = TileCache.open(Path(sys.argv[1]), LIMIT)
print("open", flush=True)
sys.stdin.readline()
print(sum(cache.get(WORLD, tile) is not None for tile in TILES))
"""


@pytest.fixture
def holder(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program that has the cache open and reads all of it when told to."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_after_a_truncation_in_use_the_next_start_rebuilds(
    directory: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    os.truncate(directory / "data.mdb", 4 * 4096)
    with pytest.raises(CacheDamagedError, match=r"was cut off while in use .\d+ bytes are missing"):
        TileCache.open(directory, LIMIT)
    holder.communicate(b"read\n")
    # The kernel ends it, since a page that it maps is gone: nobody can prevent that in time.
    assert holder.returncode == -signal.SIGBUS
    cache = TileCache.open(directory, LIMIT)
    fill(cache, row(5, 3))
    assert cache.get(WORLD, row(5, 3)[0]) == payload(row(5, 3)[0])
    cache.close()
    assert (directory / "data.mdb.damaged-1").exists()


def test_flips_in_use_are_served_to_nobody(
    directory: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    cache = TileCache.open(directory, LIMIT)
    with (directory / "data.mdb").open("rb+") as file:
        content = file.read()
        for tile in TILES[::2]:
            file.seek(content.index(payload(tile)[500:540]))
            file.write(bytes([payload(tile)[500] ^ 1]))
    found = [cache.get(WORLD, tile) for tile in TILES]
    assert found[::2] == [None] * len(TILES[::2])
    assert found[1::2] == [payload(tile) for tile in TILES[1::2]]
    assert cache.damaged == len(TILES[::2])
    cache.close()
    out, _ = holder.communicate(b"read\n")
    assert int(out) == len(TILES[1::2])


def test_a_file_of_another_program_is_refused_whole(tmp_path: Path) -> None:
    with lmdb.open(str(tmp_path), max_dbs=3) as env:
        theirs = env.open_db(b"tiles", dupsort=True)
        with env.begin(write=True, db=theirs) as txn:
            txn.put(b"theirs", b"data")
    content = (tmp_path / "data.mdb").read_bytes()
    with pytest.raises(CacheError, match="belongs to another program"):
        TileCache.open(tmp_path, LIMIT)
    assert (tmp_path / "data.mdb").read_bytes() == content
