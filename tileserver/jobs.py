"""What the scheduler works with: a job per tile, what it asks of a store, and who is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from generator.tile import Tile
from tileserver.cache import Entry
from tileserver.errors import GenerationError

Pixels = NDArray[np.uint8]
Key = tuple[int, Tile]
Answer = Future[Entry]

Rank = tuple[int, int, int]
"""Smaller goes first: (0 if it has waited for long else 1, minus the view's number, arrival)."""

LAST: Rank = (2, 0, 0)


class State(Enum):
    """Where a job stands."""

    QUEUED = auto()
    RUNNING = auto()
    STORING = auto()
    OVER = auto()


@dataclass(eq=False, slots=True)
class Job:
    """One tile to make.

    inputs: jobs it waits for; users: jobs that wait for its pixels. since: when it was asked for.
    """

    key: Key
    rank: Rank = LAST
    since: float = 0.0
    state: State = State.QUEUED
    inputs: set[Job] = field(default_factory=set)
    users: set[Job] = field(default_factory=set)
    answers: set[Answer] = field(default_factory=set)
    pixels: Pixels | None = None
    attempts: int = 0

    @property
    def wanted(self) -> bool:
        """Say whether anybody waits for this tile."""
        return bool(self.users or self.answers)


class Store(Protocol):
    """Where finished tiles are; the scheduler looks here before and after it makes something."""

    def find(self, key: Key) -> Entry | None:
        """Return the tile's stored bytes, or None."""
        ...

    def has(self, key: Key) -> bool:
        """Say whether the tile is stored, quickly."""
        ...

    def pixels(self, key: Key) -> Pixels | None:
        """Return the stored tile's pixels, uint8 [256, 256, 3], or None."""
        ...

    def deliver(self, key: Key, pixels: Pixels, done: Callable[[Entry | Exception], None]) -> None:
        """Encode and store the pixels; call `done` when the final bytes exist."""
        ...


def fail(answers: Iterable[Answer], error: Exception) -> None:
    """Answer all with an error."""
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)


def explained(key: Key, error: BaseException) -> GenerationError:
    """Return the error as a sentence for those who asked."""
    if isinstance(error, GenerationError):
        return error
    seed, tile = key
    return GenerationError(
        f"tile {tile} of seed {seed} could not be made: {type(error).__name__}: {error}"
    )
