"""What the documents name exists: links, files, tests, modules, commands and their options."""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import ORDER
from tileserver import cli as server
from training import cli as training

ROOT = Path(__file__).parents[1]
FOLDERS = ("docs", "experiments", "generator", "recipes", "tests", "tileserver", "training", "web")
PAST = {"CHANGELOG.md", "docs/notebook.md"}
"""Documents that name what is gone; only their links are checked."""

DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in (ROOT, *(ROOT / name for name in FOLDERS))
    for path in folder.glob("*.md")
)
FILES = [
    path.relative_to(ROOT).as_posix() for name in FOLDERS for path in (ROOT / name).rglob("*.py")
]
TESTS: dict[str, set[str]] = {}
"""Names of tests by file; and every name of a test or of its module by itself."""
for path in (ROOT / "tests").glob("test_*.py"):
    names = set(re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")))
    TESTS |= {f"tests/{path.name}": names, path.stem: set()} | {name: set() for name in names}
PRESENT = [name for name in DOCUMENTS if name not in PAST]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return the names that GitHub gives to the headings of a document."""
    titles = re.findall(r"^#+ +(.*?)\s*$", without_code(text), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", title).replace("`", "") for title in titles)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in plain}


def broken_links(name: str, text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        if not file.exists() or (anchor and anchor not in anchors(file.read_text("utf-8"))):
            yield target


def spans(text: str) -> list[str]:
    """Return what stands between backticks, in lines and in blocks of code."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [*blocks, *re.findall(r"`([^`]+)`", without_code(text))]


def missing_files(text: str) -> Iterator[str]:
    """Yield each path into a folder of the project, module and test that is not there."""
    named = "\n".join(spans(text))
    start = rf"(?<![\w/.-])((?:{'|'.join(FOLDERS)})/[\w./*-]*|[\w/]+\.py)(?![<\w])"
    for name in re.findall(start, named):
        files = (path for path in FILES if path == name or path.endswith("/" + name))
        if not any(files) and not any(ROOT.glob(name)):
            yield name
    for file, test in re.findall(r"(tests/\w+\.py)?(?:::)?\b(test_\w+)\b(?!\.py|\*|<)", named):
        if (file or test) not in TESTS or test not in TESTS.get(file, TESTS):
            yield f"{file}::{test}" if file else test


def missing_modules(text: str) -> Iterator[str]:
    for name in re.findall(rf"python -m ((?:{'|'.join(FOLDERS)})[\w.]*)", text):
        if importlib.util.find_spec(name) is None:
            yield name


def missing_names(text: str) -> Iterator[str]:
    """Yield each name that an example in Python imports from the project and that is not there."""
    for block in re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in FOLDERS:
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        yield f"{node.module}.{alias.name}"


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            found |= action.choices
    return found


def unknown_words(parser: argparse.ArgumentParser, program: str, text: str) -> Iterator[str]:
    """Yield each command of a program, and each option of a command, that it does not have."""
    for span in spans(text.replace("\\\n", " ")):
        for line in re.findall(rf"(?:^|\s)(?:{program} )+(\w.*)", span, re.MULTILINE):
            words, chosen = line.split("#")[0].split(), parser
            while words and subcommands(chosen):
                if words[0] not in subcommands(chosen):
                    yield f"{program} {words[0]}"
                    break
                chosen = subcommands(chosen)[words.pop(0)]
            options = re.findall(r"(?<!\S)\[?(--?[a-z][\w-]*)", line.split("#")[0])
            yield from (f"{line.split()[0]} {o}" for o in options if not _has(chosen, o))


def _has(parser: argparse.ArgumentParser, option: str) -> bool:
    return any(option in action.option_strings for action in parser._actions)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    assert list(broken_links(name, read(name))) == []


@pytest.mark.parametrize("name", PRESENT)
def test_files_and_tests_that_are_named_exist(name: str) -> None:
    assert list(missing_files(read(name))) == []


@pytest.mark.parametrize("name", PRESENT)
def test_modules_and_names_of_examples_exist(name: str) -> None:
    assert [*missing_modules(read(name)), *missing_names(read(name))] == []


@pytest.mark.parametrize("name", PRESENT)
def test_commands_and_their_options_exist(name: str) -> None:
    assert list(unknown_words(server.parser(), "elsewhere", read(name))) == []
    assert list(unknown_words(training.parser(), "python -m training", read(name))) == []


@pytest.mark.parametrize("package", ORDER)
def test_the_map_of_folders_has_all_of_them_in_their_order(package: str) -> None:
    table = read("docs/architecture.md").partition(f"| in `{package}/`")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)/`", table, re.MULTILINE)) == ORDER[package]


def test_what_is_not_there_is_found() -> None:
    text = """
[gone](gone.md) and [no heading](README.md#gone), `tests/test_docs.py::test_gone`, `gone.py`,
`python -m generator.gone`, `elsewhere gone` and `elsewhere serve --gone`.

```python
from generator.grid.tile import Tile, Gone
```
"""
    assert list(broken_links("README.md", text)) == ["gone.md", "README.md#gone"]
    assert list(missing_files(text)) == ["gone.py", "tests/test_docs.py::test_gone"]
    assert list(missing_modules(text)) == ["generator.gone"]
    assert list(missing_names(text)) == ["generator.grid.tile.Gone"]
    found = list(unknown_words(server.parser(), "elsewhere", text))
    assert found == ["elsewhere gone", "serve --gone"]
