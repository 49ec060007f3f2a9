"""Counts how large and how tangled a checkout is: python -m tests.house [ROOT] [--markdown].

`tests/test_house.py` holds those of the numbers that are rules.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import subprocess
import sys
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from tests import test_layers

PACKAGES = ("generator", "tileserver", "training", "experiments", "web")
COMMENTED = ("generator/nets", "generator/cascade", "generator/memory", "training")
LONGEST_FILE = 400
BLOCK = 5
"""Statements that two places must share, whatever they call things, to count as a duplicate."""

_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Source:
    """One Python file, parsed when first asked about."""

    def __init__(self, path: Path, root: Path) -> None:
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text(encoding="utf-8")
        self.lines = len(self.text.splitlines())

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text)))

    @property
    def classes(self) -> list[str]:
        return [node.name for node in self.nodes if isinstance(node, ast.ClassDef)]

    @property
    def functions(self) -> list[int]:
        """Return the number of lines of every function."""
        found = [node for node in self.nodes if isinstance(node, _FUNCTIONS)]
        return [(node.end_lineno or 0) - node.lineno + 1 for node in found]

    def tokens(self) -> list[tokenize.TokenInfo]:
        return list(tokenize.generate_tokens(io.StringIO(self.text).readline))

    def code_lines(self) -> int:
        """Return the number of lines that are neither blank nor comment nor docstring."""
        occupied: set[int] = set()
        for token in self.tokens():
            if token.type not in _NO_CODE and token.string:
                occupied |= set(range(token.start[0], token.end[0] + 1))
        for text in filter(_is_docstring, self.nodes):
            occupied -= set(range(text.lineno, text.end_lineno + 1))  # type: ignore[attr-defined]
        return len(occupied)

    def comments(self) -> int:
        """Return the number of comments that speak to a reader, not to a tool."""
        texts = [token.string for token in self.tokens() if token.type == tokenize.COMMENT]
        return sum(not re.match(r"# (noqa|type:|fmt:)", text) for text in texts)

    def statements(self) -> list[tuple[int, str]]:
        """Return (line number, normalised text) of every statement but imports and docstrings."""
        return list(_statements(_Nameless().visit(ast.parse(self.text)).body))


class _Nameless(ast.NodeTransformer):
    """Takes from a syntax tree the names that its author gave to variables and functions."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("_", node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg("_", node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = "_"
        return self.generic_visit(node)


def _statements(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom) or _is_docstring(node):
            continue
        inner = [getattr(node, part, None) or [] for part in ("body", "orelse", "finalbody")]
        yield node.lineno, ast.unparse(node).split("\n")[0] if any(inner) else ast.unparse(node)
        for statements in (*inner, *(h.body for h in getattr(node, "handlers", []))):
            yield from _statements(statements)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def sources(root: Path, *packages: str) -> list[Source]:
    paths = (path for package in packages for path in sorted((root / package).rglob("*.py")))
    return [Source(path, root) for path in paths]


def homonyms(files: list[Source]) -> dict[str, list[str]]:
    """Return the class names that are defined more than once, with the files that do so."""
    found = defaultdict(list)
    for source in files:
        for name in source.classes:
            found[name].append(source.name)
    return {name: places for name, places in sorted(found.items()) if len(places) > 1}


def duplicates(files: list[Source]) -> list[str]:
    """Return each run of at least BLOCK statements that an earlier place has too."""
    first: dict[tuple[str, ...], str] = {}
    found = []
    for source in files:
        run, rows = 0, source.statements()
        for start in range(len(rows) - BLOCK + 1):
            place = f"{source.name}:{rows[start][0]}"
            earlier = first.setdefault(tuple(t for _, t in rows[start : start + BLOCK]), place)
            run = 0 if earlier == place else run + 1
            if run == 1:
                found.append(f"{place} = {earlier}")
    return found


def percentile(lengths: list[int], share: float) -> int:
    """Return the length that the share of all lengths does not exceed; 0 of nothing."""
    return sorted(lengths)[min(int(share * len(lengths)), len(lengths) - 1)] if lengths else 0


def help_of(root: Path, *command: str) -> str:
    """Return the help of a command of the checkout, or nothing where there is no such command."""
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    line = [sys.executable, "-m", *command, "--help"]
    return subprocess.run(line, cwd=root, env=environment, capture_output=True, text=True).stdout


def commands(text: str) -> list[str]:
    listed = re.search(r"\{([\w,-]+)\}", text)
    return listed[1].split(",") if listed else re.findall(r"^    (\w+)  ", text, re.MULTILINE)


def flags(text: str) -> list[str]:
    listed = re.findall(r"^ +(?:-\w(?: \w+)?, )?(--[\w-]+)", text, re.MULTILINE)
    return [name for name in listed if name != "--help"]


def measure(root: Path) -> Iterator[tuple[str, str]]:
    every = sources(root, *PACKAGES)
    tests = sources(root, "tests")
    parts = {name: [f for f in every if f.name.startswith(name + "/")] for name in PACKAGES}
    for name, files in {**parts, "source": every, "tests": tests}.items():
        lines, code = sum(f.lines for f in files), sum(f.code_lines() for f in files)
        yield f"{name}: files; lines; of code", f"{len(files)}; {lines:,}; {code:,}"
    yield (
        f"files over {LONGEST_FILE} lines",
        _listed(f"{f.name} {f.lines}" for f in [*every, *tests] if f.lines > LONGEST_FILE),
    )
    lengths = [length for file in every for length in file.functions]
    numbers = f"{percentile(lengths, 0.5)}, {percentile(lengths, 0.9)}, {max(lengths)}"
    yield "functions: number; lines p50, p90, longest", f"{len(lengths)}; {numbers}"
    folders = Counter(file.name.rpartition("/")[0] for file in every)
    yield "folders: modules", _listed(f"{name} {count}" for name, count in folders.most_common())
    names = homonyms(every)
    yield "class names of several classes", _listed(f"{n} {len(f)}" for n, f in names.items())
    pixels = (f.name for f in every if re.search(r"^Pixels\b.*=", f.text, re.MULTILINE))
    yield "declarations of Pixels", _listed(pixels)
    yield "import cycles", " -> ".join(test_layers.cycle(root)) or "none"
    wrong = [*test_layers.violations(root), *test_layers.upward(root)]
    yield "wrong-way imports, by the table of this checkout's tests", _listed(wrong)
    yield f"duplicates of {BLOCK} statements or more", _listed(duplicates(every))
    for folder in COMMENTED:
        files = [file for file in every if file.name.startswith(folder + "/")]
        share = 100 * sum(f.comments() for f in files) / max(1, sum(f.lines for f in files))
        yield f"comments per 100 lines, {folder}", f"{share:.1f}"
    for program in ("training", "tileserver"):
        yield f"commands of {program}", _listed(commands(help_of(root, program)))
    yield "flags of training train", _listed(flags(help_of(root, "training", "train")))


def _listed(names: Iterator[str] | list[str]) -> str:
    names = list(names)
    return f"{len(names)}: {', '.join(names)}" if names else "0"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__)
    parser.add_argument("root", type=Path, nargs="?", default=Path(__file__).parents[1])
    parser.add_argument("--markdown", action="store_true", help="print a table in Markdown")
    arguments = parser.parse_args()
    if arguments.markdown:
        print("| | |\n|---|---|")
    for what, value in measure(arguments.root.resolve()):
        print(f"| {what} | {value} |" if arguments.markdown else f"{what}: {value}")


if __name__ == "__main__":
    main()
