"""Ctrl-C and SIGTERM to all processes of a terminal: one line, status 0 or 130, nothing half."""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from generator.grid.tile import Tile
from tests.fakes import draw
from tests.servers import needs_proc
from tests.terminal import Terminal

INT, TERM = signal.SIGINT, signal.SIGTERM
STOPPED = "Stopped.\n"
SERVED = "Elsewhere has stopped.\n"

WORK = "def work():\n    for _ in range(3000): time.sleep(0.02)"
"""A minute's work that looks up now and then."""

Run = Callable[..., Terminal]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Give what runs Python code on a terminal."""
    begun: list[Terminal] = []

    def begin(*words: str) -> Terminal:
        begun.append(Terminal(*words, cwd=tmp_path))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.close()


def code(body: str) -> tuple[str, str]:
    """Return a program whose command is `body`, indented."""
    return "-c", (
        "import os, signal, sys, time\n"
        "from generator import stopping\n"
        f"{WORK}\n"
        f"def run():\n{body}\n    return 0\n"
        "sys.exit(stopping.command(run))"
    )


@pytest.mark.parametrize("kind", [INT, TERM])
def test_a_command_ends_with_a_line_and_tidies_up(
    run: Run, tmp_path: Path, kind: signal.Signals
) -> None:
    body = """
    open("part", "w").close()
    try:
        print("working", flush=True)
        work()
    finally:
        os.remove("part")"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(kind)
    assert (ended.status, ended.after) == (130, STOPPED)
    assert os.listdir(tmp_path) == []


def test_more_signals_do_not_disturb_what_is_tidied_up(run: Run, tmp_path: Path) -> None:
    body = """
    try:
        print("working", flush=True)
        work()
    finally:
        time.sleep(0.3)
        open("tidy", "w").close()"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(INT, INT, TERM)
    assert (ended.status, ended.after) == (130, STOPPED)
    assert os.listdir(tmp_path) == ["tidy"]


def test_who_insists_need_not_wait(run: Run) -> None:
    body = """
    stopping.INSIST_SECONDS = 0.01
    try:
        print("working", flush=True)
        work()
    finally:
        work()"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(INT, INT)
    assert (ended.status, ended.after) == (130, "Stopped at once.\n")


def test_a_signal_that_python_drops_comes_again(run: Run) -> None:
    body = """
    class Deaf:
        def __del__(self):
            print("working", flush=True)
            work()
    Deaf()
    work()"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(INT)
    assert (ended.status, ended.after) == (130, STOPPED)


def test_what_a_library_makes_of_the_signal_is_no_error(run: Run) -> None:
    body = """
    try:
        print("working", flush=True)
        work()
    except KeyboardInterrupt:
        raise ImportError("a part of the library is missing")"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(INT)
    assert (ended.status, ended.after) == (130, STOPPED)


def test_the_status_is_right_wherever_the_signal_comes(run: Run) -> None:
    body = """
    print("working", flush=True)
    exec("work()")"""
    terminal = run(*code(body))
    terminal.until("working\r\n")
    ended = terminal.end(INT)
    assert (ended.status, ended.after) == (130, STOPPED)


def test_errors_without_a_signal_stay_errors(run: Run) -> None:
    ended = run(*code("    raise ImportError('a bug')")).end()
    assert ended.status == 1
    assert "ImportError: a bug" in ended.after


@pytest.mark.parametrize(("kind", "package"), [
    (INT, "tileserver"), (TERM, "tileserver"), (INT, "training"),
])  # fmt: skip
def test_a_signal_while_the_command_line_is_imported(
    run: Run, kind: signal.Signals, package: str
) -> None:
    """The package's `cli` is asked for by a program that is stopped there."""
    slow = (
        f"import builtins, sys, time\n{WORK}\n"
        "real = builtins.__import__\n"
        "def load(name, *rest):\n"
        "    if name == 'argparse':\n"
        "        print('importing', flush=True)\n"
        "        work()\n"
        "    return real(name, *rest)\n"
        "builtins.__import__ = load\n"
        f"from {package}.__main__ import main\n"
        "sys.exit(main())"
    )
    terminal = run("-c", slow)
    terminal.until("importing\r\n")
    ended = terminal.end(kind)
    assert (ended.status, ended.after) == (130, STOPPED)


@pytest.mark.parametrize("kind", [INT, TERM])
def test_a_seeding_says_that_it_can_go_on(run: Run, tmp_path: Path, kind: signal.Signals) -> None:
    seeding = ("-m", "tests.fake_seeder", "0.05", "log", "--bbox", "2,43,14,52", "--zooms", "0-9")
    terminal = run(*seeding, "--cache", "tiles", "--nice", "0")
    terminal.until("Making")
    ended = terminal.end(kind)
    assert ended.status == 130
    assert ended.after.endswith("Stopped; the same command goes on from here.\n")
    assert "Traceback" not in ended.after


@needs_proc
@pytest.mark.parametrize(("mark", "kinds"), [("Loading", (TERM,)), ("Ready", (TERM, INT))])
def test_every_process_of_a_server_ends_with_one_line(
    run: Run, mark: str, kinds: tuple[signal.Signals, ...]
) -> None:
    terminal = run("-m", "tests.fake_server", "tiles", "loading=0.5", "log_level=warning")
    terminal.until(mark)
    ended = terminal.end(*kinds)
    said = (ended.before + ended.after).splitlines()
    assert ended.status == 0
    assert said[2 if mark == "Loading" else 3 :] == [SERVED.strip()]


@needs_proc
def test_what_is_said_at_a_start_ends_with_the_address(run: Run) -> None:
    terminal = run("-m", "tests.fake_server", "tiles", "log_level=warning")
    terminal.until("Ready: http://127.0.0.1:")
    ended = terminal.end(INT)
    first, loading, ready, *others = (ended.before + ended.after).splitlines()
    assert ended.status == 0
    assert first == "Elsewhere, seed 0, cache tiles; Ctrl+C stops it."
    assert loading == (
        "Loading the shipped network, its memory of layouts and the base map NASA Blue Marble; "
        "stored tiles are served meanwhile."
    )
    assert re.fullmatch(r"Ready: http://127\.0\.0\.1:\d+/", ready)
    assert others == [SERVED.strip()]


SLOW = {
    "render": ("render", "13/4268/2891", "-o", "t.png", "--no-cache"),
    "upscale": ("upscale", "in.png", "out.png", "--gsd", "64"),
    "planet": ("planet", "p.png"),
    "seed": ("seed", "--bbox", "5,45,10,47", "--zooms", "0-9", "--cache", "tiles"),
    "export": ("export", "a.pmtiles", "--bbox", "5,45,10,47", "--zooms", "0-9", "--cache", "tiles"),
    "pairs": ("dataset", "pairs", "pairs", "--zooms", "11,13", "--count", "50"),
    "variants": ("dataset", "variants", "photos", "varied", "--gsd", "10"),
    "build": ("memory", "build", "photos", "-o", "m.bank", "--gsd", "10"),
    "show": ("memory", "show", "shipped", "-o", "sheet.png"),
    "bench": ("bench",),
    "serve": ("serve", "--port", "0", "--cache", "tiles"),
}
"""Commands with the shipped network, which go on for longer than the test waits."""

MOMENTS = (0.5, 1.5, 3.0, 6.0, 10.0)
"""Seconds after which they are told to stop: while they import, load, work, or have ended."""


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("command", SLOW)
def test_every_command_ends_with_one_line_at_any_moment(
    run: Run, tmp_path: Path, command: str
) -> None:
    picture = Image.fromarray(draw(0, Tile(9, 1, 2))).resize((1024, 1024))
    (tmp_path / "photos" / "wood").mkdir(parents=True)
    for path in ("in.png", "photos/wood/a.png", "photos/wood/b.png"):
        picture.save(tmp_path / path)
    for number, seconds in enumerate(MOMENTS):
        terminal = run("-m", "tileserver", *SLOW[command])
        time.sleep(seconds)
        if terminal.process.poll() is not None:
            continue
        ended = terminal.end(*((INT,), (TERM,), (INT, INT))[number % 3])
        where = f"{command} after {seconds} s: {ended}"
        assert ended.status in (0, 130), where
        assert "Traceback" not in ended.after, where
        assert "Error" not in ended.after, where
        assert ended.after.count("topped") == (ended.status == 130 or command == "serve"), where
    left = [path for path in tmp_path.rglob("*") if ".part" in path.name]
    assert left == []
