"""The command `dataset`: what it writes, says and refuses."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.grid.tile import STAGE_ZOOMS
from tests.fakes import FakeRenderer
from tests.fakes_cascade import FakeSampler, FakeStage, picture
from tileserver.cli import main
from tileserver.commands import basics as commands
from tileserver.commands.datasetflags import parse_count, parse_seeds, parse_strength

Capture = pytest.CaptureFixture[str]
PAIRS = ["--zooms", "7,9", "--count", "2", "--bbox", "6,45,10,48"]


@dataclass
class FakeWorld(FakeRenderer):
    """A renderer that has a stage too."""

    stage: FakeStage = field(default_factory=FakeStage)
    sampler: FakeSampler = field(default_factory=FakeSampler)
    memory: None = None

    def __post_init__(self) -> None:
        """Begin as a renderer."""
        super().__init__()

    def stage_at(self, zoom: int) -> FakeStage:
        """Return the one stage."""
        assert zoom in STAGE_ZOOMS
        return self.stage


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeWorld:
    fake = FakeWorld()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(commands, "load_world", lambda settings: fake)
    return fake


@pytest.fixture
def photos(world: FakeWorld) -> Path:
    for number, name in enumerate(("sea/a.png", "wood/b.jpg")):
        path = Path("photos") / name
        path.parent.mkdir(parents=True)
        Image.fromarray(picture(64, 48) // (1 + number)).save(path)
    return Path("photos")


def test_pairs_are_written_and_said(world: FakeWorld, capsys: Capture) -> None:
    assert main(["dataset", "pairs", "out", *PAIRS, "--seeds", "3-4", "--format", "webp"]) == 0
    assert "listed in manifest.jsonl; sheet.webp shows a few" in capsys.readouterr().out
    assert Path("out/sheet.webp").exists()
    rows = [json.loads(line) for line in Path("out/manifest.jsonl").read_text().splitlines()]
    assert [(row["zoom"], row["seed"]) for row in rows] == [(7, 3), (9, 3), (7, 4), (9, 4)]
    with Image.open(Path("out") / rows[0]["child"]) as image:
        assert "no real place" in image.getexif()[0x010E]
    calls = len(world.calls)
    assert main(["dataset", "pairs", "out", *PAIRS, "--seeds", "3-4", "--format", "webp"]) == 0
    assert all(seed == 0 or block.stage is None for seed, block in world.calls[calls:])


def test_variants_are_written_and_said(photos: Path, capsys: Capture) -> None:
    assert main(["dataset", "variants", "photos", "out", "--gsd", "10", "--per-image", "3"]) == 0
    assert "The variants are in out" in capsys.readouterr().out
    assert sorted(path.name for path in Path("out/sea").iterdir()) == [f"a-{n}.png" for n in "012"]
    with Image.open("out/wood/b-2.png") as image:
        assert image.size == (48, 64)
        assert "no real place" in image.info["Disclaimer"]


def test_a_dry_run_writes_nothing(photos: Path, capsys: Capture) -> None:
    assert main(["dataset", "pairs", "a", *PAIRS, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "zoom  7  2 pairs" in said
    assert "To be made: 4 pairs in" in said
    assert main(["dataset", "variants", "photos", "b", "--gsd", "10", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "sea: 1 pictures" in said
    assert "To be made: 8 variants, about" in said
    assert "Nothing was written." in said
    assert os.listdir() == ["photos"]


def test_a_bad_picture_is_named_and_the_status_tells(photos: Path, capsys: Capture) -> None:
    (photos / "sea" / "bad.png").write_bytes(b"no picture")
    assert main(["dataset", "variants", "photos", "out", "--gsd", "10"]) == 1
    error = capsys.readouterr().err
    assert "left out: image photos/sea/bad.png is no picture" in error
    assert len(list(Path("out").rglob("*.png"))) == 8


def test_being_stopped_keeps_what_is_there(
    photos: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopping(FakeStage):
        def __call__(self, *given):  # type: ignore[no-untyped-def]
            if len(self.calls) == 5:
                raise KeyboardInterrupt
            return super().__call__(*given)

    stopping = FakeWorld(Stopping())
    monkeypatch.setattr(commands, "load_world", lambda settings: stopping)
    assert main(["dataset", "variants", "photos", "out", "--gsd", "10"]) == 130
    assert "goes on from here" in capsys.readouterr().err
    assert len(Path("out/manifest.jsonl").read_text().splitlines()) == 5


def test_a_resolution_beyond_the_training_is_remarked(photos: Path, capsys: Capture) -> None:
    assert main(["dataset", "variants", "photos", "out", "--gsd", "0.3"]) == 0
    assert "trained for 1.5 to 1300 m per pixel" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["pairs", "out", "--zooms", "8", "--count", "1"], "zoom 8 is no stage"),
        (["pairs", "photos", *PAIRS], "photos holds something else"),
        (["variants", "none", "out", "--gsd", "10"], "none is no folder"),
        (["variants", "photos", "photos/out", "--gsd", "10"], "photos/out lies in photos"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    photos: Path, capsys: Capture, arguments: list[str], expected: str
) -> None:
    assert main(["dataset", *arguments]) == 2
    assert expected in capsys.readouterr().err.splitlines()[-1]
    assert sorted(os.listdir()) == ["photos"]
    assert len(list(photos.rglob("*.*"))) == 2


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("dataset", "ACTION"),
        ("dataset pairs out --zooms 7", "--count"),
        ("dataset pairs out --zooms 7 --count 0", "expected 1 to 999999999"),
        ("dataset pairs out --zooms 7 --count 1 --seeds 5-1", "expected for example 0-3"),
        ("dataset variants a b", "--gsd"),
        ("dataset variants a b --gsd 10 --stages 3", "invalid choice"),
        ("dataset variants a b --gsd 10 --strength 2", "expected 0 to 1"),
    ],
)
def test_arguments_that_cannot_be_read_end_in_one_sentence(
    given: str, expected: str, capsys: Capture
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(given.split())
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.splitlines()) == 1


def test_seeds_are_read_in_their_order() -> None:
    assert parse_seeds("7,0-2,1") == (7, 0, 1, 2)
    assert parse_count("12") == 12
    assert parse_strength("0.5") == 0.5
    with pytest.raises(ValueError, match="expected for example"):
        parse_seeds("0-99999")


def test_variants_do_not_depend_on_their_neighbours(photos: Path) -> None:
    assert main(["dataset", "variants", "photos", "both", "--gsd", "10"]) == 0
    (photos / "sea" / "a.png").unlink()
    assert main(["dataset", "variants", "photos", "one", "--gsd", "10"]) == 0
    with Image.open("both/wood/b-1.png") as both, Image.open("one/wood/b-1.png") as one:
        assert np.array_equal(np.asarray(both), np.asarray(one))
