"""Claims: one holder at a time, in one process or several, and none after a death."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tileserver.cache.claims import Claims, offset_of
from tileserver.errors import CacheError

ROOT = Path(__file__).parents[1]
WORLD = b"w" * 16
BLOCK, OTHER = Block(Tile(8, 3, 4)), Block(Tile(8, 4, 3))

HOLD = """
import sys
from pathlib import Path
from generator.grid.block import Block
from generator.grid.tile import Tile
from tileserver.cache.claims import Claims
claims = Claims(Path(sys.argv[1]))
print(claims.take(b"w" * 16, Block(Tile(8, 3, 4))) is not None, flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=["description", "process"])
def directory(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give a directory, with either kind of lock."""
    if request.param == "process":
        monkeypatch.delattr(fcntl, "F_OFD_SETLK", raising=False)
    elif not hasattr(fcntl, "F_OFD_SETLK"):
        pytest.skip("this system has no locks of open file descriptions")
    return tmp_path


@contextlib.contextmanager
def holder(directory: Path) -> Iterator[tuple[subprocess.Popen[str], bool]]:
    """Start a process that claims BLOCK; give it and whether it got the claim."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline() == "True\n"
        finally:
            process.kill()


def test_a_block_has_one_claim_at_a_time(directory: Path) -> None:
    first, second = Claims(directory), Claims(directory)
    claim = first.take(WORLD, BLOCK)
    assert claim is not None
    assert first.take(WORLD, BLOCK) is None
    assert second.take(WORLD, BLOCK) is None
    assert second.take(WORLD, OTHER) is not None
    assert second.take(b"v" * 16, BLOCK) is not None
    claim.release()
    claim.release()
    again = second.take(WORLD, BLOCK)
    assert again is not None
    claim.release()
    assert first.take(WORLD, BLOCK) is None
    first.close()
    second.close()


def test_closing_releases_what_is_held_and_nothing_else(directory: Path) -> None:
    first, second = Claims(directory), Claims(directory)
    assert first.take(WORLD, BLOCK)
    assert second.take(WORLD, OTHER)
    first.close()
    first.close()
    assert first.take(WORLD, BLOCK) is None
    third = Claims(directory)
    assert third.take(WORLD, BLOCK)
    assert third.take(WORLD, OTHER) is None
    second.close()
    third.close()


def test_leaving_the_block_releases(directory: Path) -> None:
    claims = Claims(directory)
    with contextlib.suppress(ZeroDivisionError):
        claim = claims.take(WORLD, BLOCK)
        assert claim
        with claim:
            raise ZeroDivisionError
    assert claims.take(WORLD, BLOCK)
    claims.close()


def test_another_process_excludes_until_it_is_killed(directory: Path) -> None:
    claims = Claims(directory)
    with holder(directory) as (process, took):
        assert took
        assert claims.take(WORLD, BLOCK) is None
        assert claims.take(WORLD, OTHER)
        process.kill()
        process.wait()
        assert claims.take(WORLD, BLOCK)
        with holder(directory) as (_, took):
            assert not took
    claims.close()


def test_a_directory_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be opened"):
        Claims(tmp_path / "file")


def test_locking_that_fails_is_told(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = Claims(directory)

    def fail(*_: object) -> None:
        raise OSError(37, os.strerror(37))

    monkeypatch.setattr(fcntl, "fcntl", fail)
    monkeypatch.setattr(fcntl, "lockf", fail)
    with pytest.raises(CacheError, match="expected a local file system"):
        claims.take(WORLD, BLOCK)
    claims.close()


def test_worlds_and_blocks_have_bytes_of_their_own() -> None:
    blocks = [Block(Tile(z, x, y)) for z in (0, 3, 6, 8) for x in range(1 << z) for y in (0,)]
    offsets = {offset_of(world, block) for world in (WORLD, b"v" * 16) for block in blocks}
    assert len(offsets) == 2 * len(blocks)
    assert max(offsets) < 1 << 62
