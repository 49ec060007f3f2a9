"""The rules that are numbers: sizes of files and functions, one name for one class."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import pytest

from tests.house import (
    LONGEST_FILE,
    PACKAGES,
    Source,
    commands,
    duplicates,
    flags,
    homonyms,
    percentile,
    sources,
)

ROOT = Path(__file__).parents[1]


@lru_cache
def project() -> list[Source]:
    return sources(ROOT, *PACKAGES)


def source(folder: Path, text: str, name: str = "a.py") -> Source:
    path = folder / name
    path.write_text(text)
    return Source(path, folder)


def test_no_file_is_longer_than_it_may_be() -> None:
    files = [*project(), *sources(ROOT, "tests")]
    assert [file.name for file in files if file.lines > LONGEST_FILE] == []


def test_one_name_belongs_to_one_class() -> None:
    assert homonyms(project()) == {}


def test_pixels_are_declared_once() -> None:
    declared = [file.name for file in project() if re.search(r"^Pixels\b.*=", file.text, re.M)]
    assert declared == ["generator/grid/pixels.py"]


@pytest.mark.parametrize("package", PACKAGES)
def test_nine_functions_of_ten_have_at_most_30_lines(package: str) -> None:
    files = [file for file in project() if file.name.startswith(package + "/")]
    assert percentile([length for f in files for length in f.functions], 0.9) <= 30


def test_code_is_what_is_neither_blank_nor_comment_nor_docstring(tmp_path: Path) -> None:
    file = source(
        tmp_path, '"""Doc."""\n\n# a comment\nx = """\nnot a doc"""\n\ny = 1  # noqa: F\n'
    )
    assert (file.lines, file.code_lines(), file.comments()) == (7, 3, 1)


def test_a_class_name_in_two_files_is_found(tmp_path: Path) -> None:
    files = [source(tmp_path, "class A: ...\n", name) for name in ("a.py", "b.py")]
    assert homonyms(files) == {"A": ["a.py", "b.py"]}


def test_a_copy_is_found_though_its_names_differ(tmp_path: Path) -> None:
    text = "def f(x):\n    y = x + 1\n    if y:\n        return 2\n    y -= 3\n    return y\n"
    copy = "import os\n\n" + text.replace("y", "total").replace("x", "given").replace("f(", "g(")
    files = [source(tmp_path, text), source(tmp_path, copy, "b.py")]
    assert duplicates(files) == ["b.py:3 = a.py:1"]
    assert duplicates([files[0], source(tmp_path, text.replace("3", "4"), "c.py")]) == []


def test_commands_and_flags_are_read_from_help() -> None:
    assert commands("usage: x [-h] {train,export} ...\n") == ["train", "export"]
    text = "options:\n  -h, --help  show\n  --data DIR  folder\n  -o, --out FILE  see --data\n"
    assert flags(text) == ["--data", "--out"]
