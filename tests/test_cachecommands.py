"""The commands of `elsewhere cache`: what they print, remove and refuse."""

import json
from pathlib import Path

import pytest

from tests.caches import OTHER, WORLD, fill, row
from tests.fakes import FakeTerminal
from tileserver.cache.store import digest_of
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory of a closed cache with two worlds."""
    monkeypatch.chdir(tmp_path)
    cache = TileCache.open(tmp_path / "cache", 8 << 20)
    for world, seed in ((WORLD, "0"), (OTHER, "7")):
        fill(cache, [*row(5, 10), *row(9, 20)], world, 500)
        cache.worlds.record(world, {"seed": seed})
        cache.pins.add(world, None, [5])
    cache.close()
    return tmp_path / "cache"


def run(directory: Path, action: str, *arguments: str) -> int:
    return main(["cache", action, "--cache", str(directory), *arguments])


def left(directory: Path) -> tuple[int, int]:
    cache = TileCache.open(directory, 8 << 20)
    try:
        return cache.count(WORLD), cache.count(OTHER)
    finally:
        cache.close()


def spoil(directory: Path) -> None:
    cache = TileCache.open(directory, 8 << 20)
    with cache.store.writing() as txn:
        digest = next(iter(txn.cursor(db=cache.store.blobs)))[0]
        txn.put(digest, b"spoilt", db=cache.store.blobs)
    cache.close()


def test_stats_are_lines_or_json(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(directory, "stats") == 0
    assert "60 tiles and 0 variants" in capsys.readouterr().out
    assert run(directory, "stats", "--json") == 0
    assert json.loads(capsys.readouterr().out)["tiles"] == 60


def test_verify_finds_and_repairs(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(directory, "verify") == 0
    assert "60 read, 0 damaged tiles" in capsys.readouterr().out
    spoil(directory)
    assert run(directory, "verify") == 1
    out = capsys.readouterr().out
    assert "60 read, 2 damaged tiles" in out
    assert "of world 7" in out
    assert "--repair removes them" in out
    assert run(directory, "verify", "--repair") == 1
    assert run(directory, "verify") == 0
    assert left(directory) == (29, 29)


def test_clear_removes_a_seed_s_world_with_its_record(directory: Path) -> None:
    assert run(directory, "clear", "--world", "7", "--yes") == 0
    assert left(directory) == (30, 0)
    cache = TileCache.open(directory, 8 << 20)
    assert list(cache.worlds.about()) == [WORLD]
    assert [pin.world for pin in cache.pins.all()] == [WORLD]
    cache.close()


def test_clear_keeps_to_box_and_zooms(directory: Path) -> None:
    assert run(directory, "clear", "--world", WORLD.hex(), "--zooms", "9", "--yes") == 0
    assert left(directory) == (10, 30)
    box = "-180,80,-170,85.05"
    assert run(directory, "clear", "--world", "all", "--bbox", box, "--zooms", "9", "--yes") == 0
    assert left(directory) == (10, 15)


def test_clear_without_a_terminal_needs_yes(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(directory, "clear", "--world", "all") == 2
    assert "no terminal to ask, expected --yes" in capsys.readouterr().err
    assert left(directory) == (30, 30)


@pytest.mark.parametrize(("answer", "status", "kept"), [("y\n", 0, 0), ("\n", 2, 30)])
def test_clear_asks_at_a_terminal(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: str,
    status: int,
    kept: int,
) -> None:
    monkeypatch.setattr("sys.stdin", FakeTerminal(answer))
    assert run(directory, "clear", "--world", "0") == status
    assert "Remove 30 tiles of world 0 from" in capsys.readouterr().err
    assert left(directory) == (kept, 30)


def test_an_unknown_world_is_named(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(directory, "clear", "--world", "3", "--yes") == 2
    assert "has no world '3', expected all or one of: 0, 7" in capsys.readouterr().err


def test_compact_says_what_it_gained(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(directory, "clear", "--world", "7", "--yes") == 0
    assert run(directory, "compact") == 0
    assert "The file of the cache had" in capsys.readouterr().out
    assert left(directory) == (30, 0)


@pytest.mark.parametrize("action", ["stats", "verify", "compact"])
def test_a_missing_cache_is_told_and_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    assert run(tmp_path / "nothing", action) == 2
    assert "there is no cache in" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


def test_damaged_tiles_beyond_the_first_are_counted(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cache = TileCache.open(directory, 8 << 20)
    with cache.store.writing() as txn:
        for digest, _ in list(txn.cursor(db=cache.store.blobs)):
            assert digest != digest_of(b"spoilt")
            txn.put(digest, b"spoilt", db=cache.store.blobs)
    cache.close()
    assert run(directory, "verify") == 1
    assert "and 40 more" in capsys.readouterr().out
