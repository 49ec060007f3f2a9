"""Seeding: makes every tile of a region, and goes on where it was stopped.

The cache itself says what is there, so a second run continues the first, whatever ended it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from generator.tile import Tile
from tileserver.errors import CacheError
from tileserver.maker import Maker
from tileserver.region import Region

LISTED = 1000
"""Missing tiles that are remembered with their reason; of the rest only the number is kept."""

HOPELESS = 100
"""Failures in a row after which a pass gives up."""

DRAW_SECONDS = 0.1

PLAIN_SECONDS = 15.0
"""Seconds between two lines of progress where there is no terminal."""


@dataclass(slots=True)
class Tally:
    """How far a seeding is, in tiles of the region, and `extra`: others that had to be made too.

    checked: visited so far. made: in this run. missing: could not be made; reasons: of the first.
    again: whether this is the second pass, which only looks unless something is missing.
    """

    wanted: int
    checked: int = 0
    made: int = 0
    extra: int = 0
    missing: int = 0
    reasons: dict[Tile, str] = field(default_factory=dict)
    again: bool = False

    @property
    def present(self) -> int:
        """Return how many of the visited tiles were there before."""
        return max(0, self.checked - self.made - self.missing)

    def fail(self, tile: Tile, error: Exception) -> None:
        """Count a tile that could not be made."""
        self.missing += 1
        if len(self.reasons) < LISTED:
            self.reasons[tile] = f"{type(error).__name__}: {error}"


Report = Callable[[Tally], None]


def seed(maker: Maker, region: Region, report: Report = lambda tally: None) -> Tally:
    """Make every tile of the region that is not there; what fails is tried once more at the end.

    The second pass also finds what was lost meanwhile; the tally says what is missing after it.
    Raises CacheError when nothing can be stored any more.
    """
    tally = _run_pass(maker, region, Tally(len(region)), report)
    if tally.made or tally.missing:
        again = Tally(len(region), made=tally.made, extra=tally.extra, again=True)
        tally = _run_pass(maker, region, again, report)
    return tally


def _run_pass(maker: Maker, region: Region, tally: Tally, report: Report) -> Tally:
    """Visit every tile of the region once; one that fails is counted and does not end the pass."""

    def count(made: Tile) -> None:
        if made in region:
            tally.made += 1
        else:
            tally.extra += 1

    failed_in_a_row = 0
    for tile in region.walk():
        try:
            maker.make(tile, count)
            failed_in_a_row = 0
        except CacheError:
            raise
        except Exception as error:  # one tile's failure, whatever it is, is not the others'
            tally.fail(tile, error)
            failed_in_a_row += 1
        tally.checked += 1
        report(tally)
        if failed_in_a_row == HOPELESS:
            tally.missing += tally.wanted - tally.checked
            tally.checked = tally.wanted
            break
    maker.flush()
    return tally


@contextmanager
def progress() -> Iterator[Report]:
    """Show progress on standard error: a bar on a terminal, now and then a line elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (
        TextColumn("{task.description} {task.completed:,.0f} of {task.total:,.0f} tiles"),
        BarColumn(None),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rate]}  left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        yield _Bar(bar)


class _Bar:
    """Draws the tally on a terminal, a few times a second however quick the tiles are."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._task = bar.add_task("Making", total=0, rate="")
        self._pace = Pace()
        self._drawn = 0.0

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._drawn < DRAW_SECONDS and tally.checked < tally.wanted:
            return
        self._drawn = now
        self._bar.update(
            self._task,
            description="Checking" if tally.again else "Making",
            total=tally.wanted,
            completed=tally.checked,
            rate=f"{self._pace.update(tally):.1f} tiles/s",
        )


class Pace:
    """Tiles made per second, over all of this run."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def update(self, tally: Tally) -> float:
        """Return the rate up to now."""
        return (tally.made + tally.extra) / max(time.monotonic() - self._started, 1e-9)


class _Lines:
    """Prints a line of progress every PLAIN_SECONDS."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._started = self._printed = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._printed < PLAIN_SECONDS:
            return
        self._printed = now
        left = (now - self._started) / tally.checked * (tally.wanted - tally.checked)
        print(
            f"{tally.checked:,} of {tally.wanted:,} tiles, {self._pace.update(tally):.1f} tiles/s, "
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
