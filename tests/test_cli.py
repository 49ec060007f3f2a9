"""The command line: what it reads, and one sentence for every mistake."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from generator.grid.errors import BaseMapError
from generator.grid.tile import Tile
from tileserver.cli import EXAMPLES, joined_words, main, parser, stopped
from tileserver.commands import bench as command
from tileserver.commands import flags

NAMES = ["serve", "seed", "export", "export merge", "render", "upscale", "dataset", "bench"]


@pytest.mark.parametrize("name", NAMES)
def test_every_command_explains_itself_with_examples(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*name.split(), "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "examples:" in text
    assert f"elsewhere {name}" in text.partition("examples:")[2]


def example_lines() -> list[str]:
    return [
        line.strip().split("  ")[0].split(" > ")[0]
        for text in EXAMPLES.values()
        for line in text.splitlines()
        if line.strip().startswith("elsewhere ")
    ]


@pytest.mark.parametrize("line", example_lines())
def test_every_example_can_be_given(line: str) -> None:
    words = joined_words(shlex.split(line)[1:])
    assert parser().parse_args(words).command == words[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", "COMMAND"),
        ("sail", "invalid choice"),
        ("seed --zooms 1", "--bbox"),
        ("seed --bbox 1,2,3 --zooms 1", "expected four numbers"),
        ("seed --bbox 1,2,3,4 --polygon a --zooms 1", "not allowed with argument"),
        ("seed --bbox 1,2,3,4 --zooms 9-20", "expected rising numbers 0 to 17"),
        ("export a.tif --zooms 1", "--bbox --polygon"),
        ("export merge a.pmtiles", "SHARD"),
        ("export a.pmtiles --bbox 1,2,3,4 --zooms 1 --cluster here", "expected auto or ray://"),
        ("export a.tif --bbox 1,2,3,4 --zooms 1 --format gif", "invalid choice"),
        ("render 1/2 -o a.png", "expected Z/X/Y"),
        ("render 1/2/0 -o a.png", "tile x is 2, expected 0 to 1 at zoom 1"),
        ("render 99999999999999999999/2/0 -o a.png", "expected 0 to 17"),
        ("render 1/1/1", "-o"),
        ("upscale a b --gsd -3", "expected metres per pixel"),
        ("upscale a b --gsd 64 --stages 9", "expected 1 to 5"),
    ],
)
def test_arguments_that_cannot_be_read_end_in_one_sentence(
    given: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given.split())
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


def test_a_box_may_start_with_a_minus_sign() -> None:
    given = joined_words(["seed", "--bbox", "-10,35,5,45", "--zooms", "3"])
    assert parser().parse_args(given).bbox == (-10.0, 35.0, 5.0, 45.0)
    assert joined_words(["--bbox", "--zooms"]) == ["--bbox", "--zooms"]


def fail_with(error: BaseException):  # type: ignore[no-untyped-def]
    def command(args: object) -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (KeyboardInterrupt(), 130, "Stopped."),
        (BaseMapError("the base map is 3 px wide, expected 64"), 2, "expected 64"),
        (MemoryError(), 2, "not enough memory"),
    ],
)
def test_errors_become_a_status_and_a_sentence(
    error: BaseException,
    status: int,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(command, "bench", fail_with(error))
    assert main(["bench"]) == status
    printed = capsys.readouterr().err
    assert text in printed
    assert len(printed.splitlines()) == 1


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            ["render", "3/1/1", "-o", "tile.png"],
            "Stopped; tile.png was not written. What was stored is not made again.",
        ),
        (["memory", "build", "in", "-o", "m.bank"], "Stopped; the same command goes on from here."),
        (["cache", "verify"], "Stopped."),
    ],
)
def test_what_is_left_of_a_stopped_command_is_said(given: list[str], line: str) -> None:
    assert stopped(parser().parse_args(given)) == line


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "bench", fail_with(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        main(["bench"])


def test_a_tile_is_read() -> None:
    assert flags.parse_tile("15/3/4") == Tile(15, 3, 4)


def test_the_module_is_the_command() -> None:
    code = [sys.executable, "-m", "tileserver", "--version"]
    root = Path(__file__).parents[1]
    done = subprocess.run(code, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("elsewhere ")
