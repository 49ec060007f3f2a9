"""The command `elsewhere planet`: a picture that `--base` takes, and mistakes in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generator.base import tone
from generator.base.basemap import BaseMap
from generator.planets.planet import Planet
from tileserver.cli import main


def test_the_picture_is_the_planet(tmp_path: Path) -> None:
    path = tmp_path / "third.png"
    assert main(["planet", str(path), "--seed", "3", "--width", "128", "--style", "ice"]) == 0
    expected = tone.apply(Planet(3, "ice").picture(128))
    assert np.array_equal(np.asarray(Image.open(path)), expected)
    assert BaseMap.open(path).digest == BaseMap(expected).digest
    assert [p.name for p in tmp_path.iterdir()] == ["third.png"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.gif"], "expected .png or .jpg"),
        (["a.png", "--style", "lava"], "expected one of: terra, islands, desert, ice"),
        (["a.png", "--width", "63"], "expected an even number, 64 to 16384"),
        (["a.png", "--seed", "-1"], "expected 0 to 2^64 - 1"),
        (["nowhere/a.png"], "nowhere does not exist"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["planet", *arguments]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith("elsewhere planet: ")
    assert sentence in last
    assert list(tmp_path.iterdir()) == []
