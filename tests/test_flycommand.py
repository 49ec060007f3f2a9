"""The command `fly`: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.fakes import FakeRenderer
from tileserver.cli import main
from tileserver.flying import film as filming

ROOT = Path(__file__).parents[1]
Capture = pytest.CaptureFixture[str]
PATH = "46.5,7.6 47.4,8.5"
FEW = ["--altitude", "4000km:2000km", "--size", "64x36", "--fps", "5", "--seconds", "2"]


@pytest.fixture
def renderer(
    renderer: FakeRenderer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> FakeRenderer:
    """Return the renderer of commands that run in a folder which nothing else writes to."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return renderer


def test_a_film_is_made_and_said(renderer: FakeRenderer, capsys: Capture) -> None:
    assert main(["fly", PATH, "-o", "film.webp", *FEW, "--seed", "7"]) == 0
    out, err = capsys.readouterr()
    assert "Wrote film.webp: 10 frames, 2.0 s" in out
    assert "Filming 121 km over world 7: 10 frames" in err
    assert {seed for seed, _ in renderer.calls} == {7}
    with Image.open("film.webp") as film:
        assert (film.n_frames, film.size) == (10, (64, 36))
        assert "world 7" in film.getexif()[0x010E]
    assert os.listdir() == ["film.webp"]


def test_a_line_of_a_file_gives_the_same_film(renderer: FakeRenderer) -> None:
    line = {"type": "LineString", "coordinates": [[7.6, 46.5], [8.5, 47.4]]}
    Path("path.geojson").write_text(json.dumps(line))
    assert main(["fly", "path.geojson", "-o", "a.webp", *FEW]) == 0
    assert main(["fly", PATH, "-o", "b.webp", *FEW]) == 0
    assert Path("a.webp").read_bytes() == Path("b.webp").read_bytes()


def test_a_path_may_start_in_the_south(renderer: FakeRenderer) -> None:
    assert main(["fly", "-33.9,18.4 -34,19", "-o", "a.webp", *FEW]) == 0


def test_a_dry_run_tells_tiles_frames_and_time_and_stores_nothing(
    renderer: FakeRenderer, capsys: Capture
) -> None:
    assert main(["fly", PATH, "-o", "film.webp", *FEW, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "World 0, a flight of 10 frames" in out
    assert "To be made:" in out
    assert "To be drawn: 10 frames of 64x36, 2.0 s of film, 121 km" in out
    assert os.listdir() == []


def test_being_told_to_stop_keeps_what_was_made(
    renderer: FakeRenderer, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["fly", PATH, "-o", "whole.webp", *FEW]) == 0
    put = filming.FrameFolder.put

    def stopping(work: filming.FrameFolder, number: int, pixels: filming.Pixels) -> None:
        put(work, number, pixels)
        if number == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(filming.FrameFolder, "put", stopping)
    capsys.readouterr()
    assert main(["fly", PATH, "-o", "film.webp", *FEW]) == 130
    error = capsys.readouterr().err
    assert "film.webp was not written. The same command goes on from here." in error
    assert len(list(Path(".film.webp.frames/frames").iterdir())) == 5
    monkeypatch.setattr(filming.FrameFolder, "put", put)
    assert main(["fly", PATH, "-o", "other.webp", *FEW, "--dry-run"]) == 0
    assert ".film.webp.frames holds 0 MB of frames of an unfinished film" in capsys.readouterr().err
    assert main(["fly", PATH, "-o", "film.webp", *FEW]) == 0
    assert "unfinished" not in capsys.readouterr().err
    assert Path("film.webp").read_bytes() == Path("whole.webp").read_bytes()
    assert sorted(os.listdir()) == ["film.webp", "whole.webp"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["46.5,7.6", "-o", "a.webp", *FEW], "has 1 point"),
        (["-46.5,7.6", "-o", "a.webp", *FEW], "has 1 point"),
        (["99,7 8,9", "-o", "a.webp", *FEW], "expected latitudes of -90 to 90"),
        (["none.geojson", "-o", "a.webp", *FEW], "neither coordinates nor a file"),
        ([PATH, "-o", "a.avi", *FEW], "unknown ending .avi"),
        ([PATH, "-o", "none/a.webp", *FEW], "to be a folder that may be"),
        ([PATH, "-o", "a.webp", "--altitude", "low"], "the altitude is 'low'"),
        ([PATH, "-o", "a.webp", "--altitude", "1km", "--size", "9x9"], "width is 9"),
        ([PATH, "-o", "a.webp", "--altitude", "1km", "--fps", "500"], "expected 1 to 120"),
        ([PATH, "-o", "a.webp", *FEW, "--nice", "30"], "expected 0 to 19"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    renderer: FakeRenderer, capsys: Capture, arguments: list[str], expected: str
) -> None:
    assert main(["fly", *arguments]) == 2
    (error,) = capsys.readouterr().err.splitlines()
    assert expected in error
    assert renderer.calls == []
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "PATH"),
        ([PATH, "--altitude", "1km"], "-o/--output"),
        ([PATH, "-o", "a.webp"], "--altitude"),
        ([PATH, "-o", "a.webp", "--altitude", "1km", "--size", "big"], "the size is 'big'"),
        (
            [PATH, "-o", "a.webp", "--altitude", "1km", "--fps", "x"],
            "frames per second is 'x', expected a number",
        ),
        ([PATH, "-o", "a.webp", "--altitude", "1km", "--seconds", "-1"], "such as 20"),
        (
            [PATH, "-o", "a.webp", "--altitude", "1km", "--seconds", "9", "--speed", "1"],
            "not allowed with",
        ),
    ],
)
def test_missing_and_unreadable_arguments_are_one_sentence(
    renderer: FakeRenderer, capsys: Capture, arguments: list[str], expected: str
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["fly", *arguments])
    (error,) = capsys.readouterr().err.splitlines()
    assert expected in error


FAKE = (
    "import sys; from tests.fakes import FakeRenderer; from tileserver.cli import main; "
    "from tileserver.commands import basics; "
    "basics.load_world = lambda settings: FakeRenderer(); sys.exit(main(sys.argv[1:]))"
)


@pytest.mark.slow
def test_a_film_that_was_killed_again_and_again_is_the_same(
    renderer: FakeRenderer, tmp_path: Path
) -> None:
    pytest.importorskip("av")
    command = ["fly", PATH, "-o", "film.mp4", "--altitude", "900km:300km", "--size", "320x180"]
    command += ["--fps", "12", "--seconds", "5"]
    assert main(command) == 0
    whole = Path("film.mp4").read_bytes()
    Path("film.mp4").unlink()
    environment = {**os.environ, "ELSEWHERE_CACHE": str(tmp_path / "b"), "PYTHONPATH": str(ROOT)}
    frames = Path(".film.mp4.frames", "frames")
    for enough in (1, 20, 40):
        with subprocess.Popen([sys.executable, "-c", FAKE, *command], env=environment) as process:
            while process.poll() is None and len(list(frames.glob("*.png"))) < enough:
                time.sleep(0.002)
            process.kill()
        assert len(list(frames.iterdir())) >= enough
        assert not Path("film.mp4").exists()
    subprocess.run([sys.executable, "-c", FAKE, *command], env=environment, check=True)
    assert Path("film.mp4").read_bytes() == whole
    assert os.listdir() == ["film.mp4"]
