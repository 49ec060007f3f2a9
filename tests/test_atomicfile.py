"""Files are written whole or not at all."""

import os
from pathlib import Path

import pytest

from generator.atomicfile import atomic_replace


@pytest.mark.parametrize("durable", [False, True])
def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path, durable: bool) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with atomic_replace(target, durable=durable) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with atomic_replace(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_it_may_be_written_in_another_folder(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    with atomic_replace(tmp_path / "a.txt", folder=tmp_path / "work") as part:
        assert part.parent == tmp_path / "work"
        part.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"
    assert os.listdir(tmp_path / "work") == []


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_replace(tmp_path / "a.txt"):
        pass
