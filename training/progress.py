"""Progress of long work: what is done, how fast, and how long it will take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import length_hint
from typing import TypeVar

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

T = TypeVar("T")


class _Rate(ProgressColumn):
    """Steps per second."""

    def render(self, task: Task) -> Text:
        """Return the rate, or nothing before the first step."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "")


def track(
    items: Iterable[T], description: str, total: int | None = None, done: int = 0
) -> Iterator[T]:
    """Yield the items while a bar shows their number, their rate and the time that is left.

    total: of all items, with `done` that were dealt with before; None where the items tell it.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns) as progress:
        known = total if total is not None else length_hint(items) or None
        task = progress.add_task(description, total=known, completed=done)
        for item in items:
            yield item
            progress.advance(task)
