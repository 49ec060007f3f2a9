"""Long work: begun only when the user, who sees what it takes, confirms it."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from tests.fakes import FakeRenderer, FakeTerminal
from tileserver.cache.tilecache import TileCache
from tileserver.cli import main
from tileserver.commands import confirmation

Capture = pytest.CaptureFixture[str]
ALPS = ["--bbox", "6,45.5,12,47.5", "--zooms", "0-6"]
COMMANDS = [["seed", *ALPS], ["export", "a.pmtiles", *ALPS]]
TAKES = r"the box 6,45.5,12,47.5 takes \d+ tiles that are not stored, about 0.0 GB in \d+ s"


@pytest.fixture
def renderer(renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch) -> FakeRenderer:
    """Return a renderer beside which these regions are large, but fit."""
    monkeypatch.setattr("tileserver.batch.estimate.SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(confirmation, "UNASKED_TILES", 5)
    monkeypatch.setattr(confirmation, "ASK_SECONDS", 0.0)
    return renderer


def stored(tmp_path: Path) -> int:
    cache = TileCache.open(tmp_path / "tiles")
    try:
        return cache.count()
    finally:
        cache.close()


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_terminal_long_work_needs_yes(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: list[str],
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert main(command) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert re.search(TAKES + "; expected --yes for so much, a smaller region", error)
    assert stored(tmp_path) == 0
    assert main([*command, "--yes"]) == 0
    assert stored(tmp_path) > 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 2), ("\n", 2), ("", 2)])
def test_on_a_terminal_the_user_is_asked(
    renderer: FakeRenderer,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: list[str],
    answer: str,
    status: int,
) -> None:
    monkeypatch.setattr("sys.stdin", FakeTerminal(answer))
    assert main(command) == status
    error = capsys.readouterr().err
    assert re.search(TAKES + r"\. Begin\? \[y/N\] ", error)
    assert ("Nothing was made." in error) == (status != 0)
    assert (stored(tmp_path) > 0) == (status == 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_stored_already_is_not_asked_about(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["seed", *ALPS, "--yes"]) == 0
    monkeypatch.delattr(confirmation, "estimate")
    assert main(command) == 0


@pytest.mark.parametrize("limit", ["ASK_SECONDS", "ASK_BYTES"])
def test_many_tiles_that_take_little_are_not_asked_about(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, capsys: Capture, limit: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    monkeypatch.setattr(confirmation, "ASK_SECONDS", 3600.0)
    monkeypatch.setattr(confirmation, "ASK_BYTES", 1e9)
    assert main(["seed", *ALPS, "--no-pin"]) == 0
    assert "to see what the region takes" in capsys.readouterr().err
    monkeypatch.setattr(confirmation, limit, 0.0)
    assert main(["seed", "--bbox", "-12,45.5,-6,47.5", "--zooms", "0-6"]) == 2


def test_few_tiles_are_begun_without_a_look(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirmation, "UNASKED_TILES", 10_000)
    monkeypatch.delattr(confirmation, "estimate")
    assert main(["seed", *ALPS]) == 0


def test_a_dry_run_and_an_export_of_what_is_stored_ask_nothing(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["seed", *ALPS, "--dry-run"]) == 0
    assert main(["render", "6/33/22", "-o", "a.png"]) == 0
    assert main(["export", "a.pmtiles", *ALPS, "--cached"]) == 0


def test_the_whole_world_is_refused_before_anything_is_made(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, capsys: Capture, tmp_path: Path
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    world = ["--bbox", "-180,-85.06,180,85.06", "--zooms", "0-15"]
    assert main(["export", "a.pmtiles", *world]) == 2
    assert "takes 1,431,655,765 tiles" in capsys.readouterr().err
    assert main(["seed", *world]) == 2
    assert "GB more and" in capsys.readouterr().err
    assert stored(tmp_path) == 0
