"""What the scheduler works with: a job per block, what it asks of a store, and who is answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum, IntEnum, auto
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.errors import GenerationError

if TYPE_CHECKING:  # not at run time: the supervisor needs none of it, and starts the sooner
    from tileserver.cache.claims import Claim
    from tileserver.cache.tilecache import CachedTile

Key = tuple[int, Tile]
BlockKey = tuple[int, Block]
Answer: TypeAlias = "Future[CachedTile]"

Rank = tuple[int, int, int]
"""Smaller goes first: (0 if it has waited for long else 1 + priority, minus the view's number,
arrival)."""

LAST: Rank = (9, 0, 0)


class Priority(IntEnum):
    """What a tile is wanted for; the smaller goes first."""

    INTERACTIVE = 0
    PREFETCH = 1
    SEEDING = 2


class Ask(NamedTuple):
    """How and by whom a tile is asked for.

    client: who pays for it, '' for nobody in particular. free: no budget counts. stored_only: only
    what is stored may be used.
    """

    priority: Priority = Priority.INTERACTIVE
    client: str = ""
    free: bool = True
    stored_only: bool = False


class State(Enum):
    """Where a job stands; ASIDE is queued for later, since another process makes the block."""

    QUEUED = auto()
    ASIDE = auto()
    RUNNING = auto()
    STORING = auto()
    OVER = auto()


WAITING = (State.QUEUED, State.ASIDE)


@dataclass(eq=False, slots=True)
class Job:
    """One block to make.

    inputs: jobs it waits for; users: jobs that wait for its pixels. answers: who waits for which
    tile; clients: how many of them are whose. since: when it was asked for. attempts: how often an
    input was gone; refusals: how often another process had the claim.
    """

    key: BlockKey
    rank: Rank = LAST
    priority: Priority = Priority.SEEDING
    since: float = 0.0
    state: State = State.QUEUED
    inputs: set[Job] = field(default_factory=set)
    users: set[Job] = field(default_factory=set)
    answers: dict[Answer, Tile] = field(default_factory=dict)
    clients: Counter[str] = field(default_factory=Counter)
    claim: Claim | None = None
    pixels: Mapping[Tile, Pixels] | None = None
    attempts: int = 0
    refusals: int = 0

    @property
    def wanted(self) -> bool:
        """Say whether anybody waits for this block."""
        return bool(self.users or self.answers)

    def tiles(self) -> list[Tile]:
        """Return the block's tiles, those that somebody waits for first."""
        first = dict.fromkeys(self.answers.values())
        return list(first | dict.fromkeys(self.key[1].tiles))


class Receiver(Protocol):
    """What a store tells about a block that it was given."""

    def made(self, tile: Tile, entry: CachedTile) -> None:
        """Hear that a tile's final bytes exist."""
        ...

    def over(self, error: Exception | None) -> None:
        """Hear that the block is stored (or kept unsaved), or why there are no bytes of it."""
        ...


class Store(Protocol):
    """Where finished tiles are; the scheduler looks here before and after it makes something."""

    def find(self, key: Key) -> CachedTile | None:
        """Return the tile's stored bytes, or None."""
        ...

    def has(self, key: Key) -> bool:
        """Say whether the tile is stored, quickly."""
        ...

    def pixels(self, key: Key) -> Pixels | None:
        """Return the stored tile's pixels, uint8 [256, 256, 3], or None."""
        ...

    def claim(self, key: BlockKey) -> Claim | None:
        """Claim a block before it is made; None while another process makes it."""
        ...

    def deliver(self, seed: int, tiles: Mapping[Tile, Pixels], receiver: Receiver) -> None:
        """Encode the tiles in their order and store them together."""
        ...


def fail(answers: Iterable[Answer], error: Exception) -> None:
    """Answer all with an error."""
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)


def succeed(answers: Iterable[Answer], entry: CachedTile) -> None:
    """Answer all with a tile."""
    for answer in answers:
        if answer.set_running_or_notify_cancel():
            answer.set_result(entry)


def explained(key: BlockKey, error: BaseException) -> GenerationError:
    """Return the error as a sentence for those who asked."""
    if isinstance(error, GenerationError):
        return error
    seed, block = key
    return GenerationError(
        f"block {block} of seed {seed} could not be made: {type(error).__name__}: {error}"
    )
