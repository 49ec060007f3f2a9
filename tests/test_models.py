"""What a server remembers of its model: found again, never mistaken, and never in the way."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tileserver.rendering import models as module
from tileserver.rendering.models import FILE, Model, Models
from tileserver.settings import Settings

MODEL = Model(b"i" * 32, {"steps": 3})


def test_a_model_is_recalled_under_the_same_identity_inputs_only(tmp_path: Path) -> None:
    settings = Settings(cache=tmp_path)
    models = Models(settings)
    assert models.recall() is None
    models.remember(models.identity_inputs(), MODEL)
    assert Models(settings).recall() == MODEL
    assert Models(replace(settings, steps=7)).recall() is None
    assert Models(replace(settings, seed=7, threads=1)).recall() == MODEL


def test_a_newer_identity_takes_the_place_of_the_older(tmp_path: Path) -> None:
    models = Models(Settings(cache=tmp_path))
    models.remember(models.identity_inputs(), MODEL)
    models.remember(models.identity_inputs(), Model(b"j" * 32, {}))
    assert models.recall() == Model(b"j" * 32, {})


def test_what_is_known_is_not_written_again(tmp_path: Path) -> None:
    models = Models(Settings(cache=tmp_path))
    models.remember("a", MODEL)
    written = models.path.stat().st_ino
    models.remember("a", MODEL)
    assert models.path.stat().st_ino == written


def test_only_some_models_are_kept_and_nothing_else_lies_about(tmp_path: Path) -> None:
    models = Models(Settings(cache=tmp_path))
    for number in range(module.KEPT + 3):
        models.remember(str(number), MODEL)
    kept = list(json.loads(models.path.read_text()))
    assert kept == [str(number) for number in range(3, module.KEPT + 3)]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 100,
        b"[1]",
        b'{"KEY": 7}',
        b'{"KEY": {"identity": "xx", "about": {}}}',
        b'{"KEY": {"identity": "ab", "about": 7}}',
        b'{"KEY": {"identity": "", "about": {}}}',
        b'{"KEY"',
    ],
)
def test_a_damaged_file_is_forgotten(tmp_path: Path, content: bytes) -> None:
    models = Models(Settings(cache=tmp_path))
    key = models.identity_inputs()
    models.path.write_bytes(content.replace(b"KEY", key.encode()))
    assert models.recall() is None
    models.remember(key, MODEL)
    assert models.recall() == MODEL


def test_where_nothing_can_be_written_nothing_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = Models(Settings(cache=tmp_path / "absent"))
    models.remember("a", MODEL)
    models = Models(Settings(cache=tmp_path))
    models.remember("a", MODEL)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    models.remember("b", MODEL)
    assert list(json.loads(models.path.read_text())) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
