"""Which layers a world has, and the lines that credit whoever made them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generator.geography.choice import EARTH_FOLDER, chosen, layers_folder
from generator.geography.credits import credits
from generator.grid.errors import BaseMapError, GeographyError


@pytest.mark.parametrize(
    ("geography", "base", "choice", "folder"),
    [
        (None, None, "earth", EARTH_FOLDER),
        (None, "planet:3", "made-up", None),
        (None, "mars.png", "none", None),
        ("none", None, "none", None),
        ("none", "planet:3", "none", None),
        ("mine", "mars.png", "mine", Path("mine")),
        ("mine", None, "mine", Path("mine")),
    ],
)
def test_the_base_map_decides_unless_something_is_named(
    geography: str | None, base: str | None, choice: str, folder: Path | None
) -> None:
    found = chosen(geography, None if base is None else Path(base))
    assert (found, layers_folder(found)) == (choice, folder)


def test_a_planet_that_cannot_be_is_told() -> None:
    with pytest.raises(BaseMapError):
        chosen(None, Path("planet:3:cheese"))


def test_credits_are_those_of_all_layers_each_once(tmp_path: Path) -> None:
    lines = {"water": ["A", "C"], "roads": "A", "towns": "B", "relief": ""}
    index = {name: {"credit": line} for name, line in lines.items()}
    (tmp_path / "layers.json").write_text(json.dumps(index))
    assert credits(tmp_path) == ["A", "C", "B"]
    (tmp_path / "layers.json").write_text('{"lakes": {}}')
    with pytest.raises(GeographyError, match="a credit for each layer"):
        credits(tmp_path)


def test_layers_without_an_index_credit_nobody(tmp_path: Path) -> None:
    assert credits(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"water": 3}', b"\xff", b"7"])
def test_a_damaged_index_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "layers.json").write_bytes(content)
    with pytest.raises(GeographyError, match="layers.json cannot be read, expected a JSON object"):
        credits(tmp_path)
