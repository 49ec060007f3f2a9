"""Progress of long work on standard error: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

DRAW_SECONDS = 0.1

PLAIN_SECONDS = 15.0
"""Seconds between two lines of progress where there is no terminal."""


class Report(Protocol):
    """Hears how far the work is."""

    def __call__(self, step: str, done: int, total: int, worked: int) -> None:
        """Say that `done` of `total` tiles are through this step.

        worked: tiles that took time so far, in this run; the rate is theirs.
        """


def silent(step: str, done: int, total: int, worked: int) -> None:
    """Report nothing."""


@contextmanager
def progress(things: str = "tiles") -> Iterator[Report]:
    """Show progress of things, such as tiles, with rate and time left."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(things)
        return
    columns = (
        TextColumn("{task.description} {task.completed:,.0f} of {task.total:,.0f} " + things),
        BarColumn(None),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rate]}  left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar, things)


@contextmanager
def bar(things: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many things are done and the time left; begins with the first report."""
    columns = (
        f"{{task.completed}} of {{task.total}} {things}",
        BarColumn(None),
        TimeRemainingColumn(),
    )
    shown = Progress(*columns, console=Console(stderr=True))
    task = shown.add_task(things)
    with ExitStack() as stack:

        def report(done: int, total: int) -> None:
            if not shown.live.is_started:
                stack.enter_context(shown)
            shown.update(task, completed=done, total=total)

        yield report


class _Bar:
    """Draws on a terminal, a few times a second however quick the tiles are."""

    def __init__(self, bar: Progress, things: str) -> None:
        self._things = things
        self._bar = bar
        self._task = bar.add_task("", total=0, rate="")
        self._started = time.monotonic()
        self._drawn = 0.0

    def __call__(self, step: str, done: int, total: int, worked: int) -> None:
        now = time.monotonic()
        if now - self._drawn < DRAW_SECONDS and done < total:
            return
        self._drawn = now
        self._bar.update(
            self._task,
            description=step,
            total=total,
            completed=done,
            rate=f"{worked / max(now - self._started, 1e-9):,.1f} {self._things}/s",
        )


class _Lines:
    """Prints a line of progress every PLAIN_SECONDS."""

    def __init__(self, things: str) -> None:
        self._things = things
        self._step = ""
        self._started = self._begun = self._printed = time.monotonic()

    def __call__(self, step: str, done: int, total: int, worked: int) -> None:
        now = time.monotonic()
        if step != self._step:
            self._step, self._begun = step, now
        if now - self._printed < PLAIN_SECONDS or not done:
            return
        self._printed = now
        left = (now - self._begun) / done * (total - done)
        print(
            f"{step} {done:,} of {total:,} {self._things}, "
            f"{worked / max(now - self._started, 1e-9):,.1f} {self._things}/s, "
            f"about {duration(left)} left",
            file=sys.stderr,
            flush=True,
        )


def duration(seconds: float) -> str:
    """Return a time as people say it: '40 s', '12 min', '3 h 05 min', '2 d 4 h'."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(minutes / 60)
    return f"{hours // 24} d {hours % 24} h"
