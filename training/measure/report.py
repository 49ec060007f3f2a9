"""Results of measures: Markdown tables, and the JSON file that holds all numbers."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from generator.atomicfile import atomic_replace
from training.errors import TrainingError

Row = TypeVar("Row")


class Results:
    """The parts of an evaluation that are done, kept in a JSON file if there is one.

    Parts of a file that was made with the same settings need not be measured again.
    """

    def __init__(self, settings: dict[str, Any], path: Path | None) -> None:
        self.settings, self.path = settings, path
        self.parts: dict[str, dict[str, Any]] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            try:
                held = json.loads(path.read_text())
                same = held["settings"] == json.loads(json.dumps(settings))
                if same:
                    self.parts, self._rows = held["parts"], held.get("rows", {})
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise TrainingError(
                    f"{path} is not a file that evaluate wrote; name another with --json"
                ) from error

    def add(self, name: str, numbers: Any, table: str) -> None:
        """Keep a part: its dataclasses, and the table that shows them."""
        self.parts[name] = {"numbers": _plain(numbers), "table": table}
        self._rows.pop(name, None)
        self._write()

    def rows(
        self, name: str, kind: Callable[..., Row], zooms: Iterable[int], row: Callable[[int], Row]
    ) -> list[Row]:
        """Measure a part row by row, and keep each, so that a stopped part goes on.

        kind: the dataclass of a row, which takes its fields by name.
        """
        held = self._rows.setdefault(name, {})
        found = []
        for zoom in zooms:
            if str(zoom) not in held:
                held[str(zoom)] = _plain(row(zoom))
                self._write()
            found.append(kind(**held[str(zoom)]))
        return found

    def _write(self) -> None:
        if self.path is None:
            return
        held = {"settings": self.settings, "parts": self.parts, "rows": self._rows}
        text = json.dumps(held, indent=1)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_replace(self.path) as part:
                part.write_text(text)
        except OSError as error:
            raise TrainingError(f"cannot write {self.path}: {error}") from error


def markdown(headers: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def signed(octaves: tuple[float, float]) -> str:
    """Return two numbers with their signs and one decimal."""
    return " ".join(f"{value:+.1f}" for value in octaves)


def _plain(numbers: Any) -> Any:
    if dataclasses.is_dataclass(numbers) and not isinstance(numbers, type):
        return dataclasses.asdict(numbers)
    if isinstance(numbers, list):
        return [_plain(one) for one in numbers]
    if isinstance(numbers, dict):
        return {key: _plain(value) for key, value in numbers.items()}
    return numbers
