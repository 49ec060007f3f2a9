"""A full disk below the cache: commits fail, reads go on, and it recovers without a restart."""

import contextlib
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.caches import WORLD, damaged, fill, payload, row
from tests.fulldisk import rehearse
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError, CacheFullError

ROOT = Path(__file__).parents[1]


def test_commits_that_cannot_be_written_leave_the_rest_readable(tmp_path: Path) -> None:
    """Files may not grow beyond a size for a while: to LMDB that is a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    try:
        assert rehearse(tmp_path / "cache", lambda: limit(2 << 20), lambda: limit(soft)) >= 96
    finally:
        limit(soft)


def test_a_small_disk_that_fills_up_is_survived(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux) to mount a small disk for itself")
    mount = f"mount -t tmpfs -o size=6m none '{disk}'"
    unshare = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*unshare, mount], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs in a namespace of its own")
    script = f"{mount} && exec '{sys.executable}' -m tests.fulldisk '{disk}/cache'"
    done = subprocess.run([*unshare, script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[0]) >= 96


def test_a_cache_can_be_opened_read_and_tried_on_a_full_disk(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path)
    stored = fill(cache, row(5, 32))
    cache.prove()
    rows, pages = cache.rows, cache.used
    cache.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "data.mdb").stat().st_size // 2, hard))
    try:
        cache = TileCache.open(tmp_path)
        with pytest.raises(CacheError, match="cannot be written"):
            cache.prove()
        assert all(cache.get(WORLD, tile) == payload(tile) for tile in stored)
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        cache.prove()
        assert (cache.rows, cache.used) == (rows, pages)
        assert damaged(cache) == []
        cache.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_cache_at_its_limit_is_no_full_disk(tmp_path: Path) -> None:
    cache = TileCache.open(tmp_path, 1 << 20)
    with contextlib.suppress(CacheFullError):
        for place in range(20):
            fill(cache, row(5, 1, place), size=60_000)
    cache.prove()
    cache.close()
