"""The scheduler's policy: who may have something made, and which requests form one view of a map.

`Admission` knows the room in the queue, a client's share of it and a client's budget. `Viewports`
numbers the views: the newest view goes first, and its requests keep their order.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from generator.grid.tile import Tile
from tileserver.errors import BudgetError, UnavailableError
from tileserver.rendering.budgets import ClientBudgets
from tileserver.rendering.request import Priority, RequestOptions

SHARE = {Priority.INTERACTIVE: 1.0, Priority.PREFETCH: 0.5, Priority.SEEDING: 0.25}
"""How full the queue may be, at most, for a request of this priority to be let in."""

CLIENT_SHARE = 0.5
"""How much of the queue one client that is not free may take."""

REACH_TILES = 16
"""A tile this close to the last one of its zoom belongs to the same view."""

GAP_SECONDS = 2.0
"""A view in which nothing is asked for and nothing answered for so long is over."""

VIEWS_REMEMBERED = 32


class Admission:
    """Lets requests in or turns them away; used under the engine's lock.

    size: blocks that may be requested and unfinished at a time. budget: blocks made for one client
    per minute, None for any number; what a tile needs is known only once it is scheduled.
    """

    def __init__(self, size: int, budget: int | None = None) -> None:
        self.size = size
        self._budgets = ClientBudgets(budget)
        self._waiting: Counter[str] = Counter()

    def check(self, requested: int, options: RequestOptions, pace: float, new: bool) -> None:
        """Let a request for a block nobody requested yet in, or raise.

        requested: blocks requested so far. pace: seconds that a block takes. new: whether the block
        is not yet being made for others either. Raises UnavailableError or BudgetError.
        """
        if requested >= self.size * SHARE[options.priority]:
            raise UnavailableError(
                f"{requested} blocks of tiles are waiting to be made, which is as many as may "
                "wait; try again soon",
                retry=_between(1.0, requested * pace, 60.0),
            )
        if options.free or not options.client:
            return
        if self._waiting[options.client] >= max(1, int(self.size * CLIENT_SHARE)):
            waiting = self._waiting[options.client]
            raise BudgetError(
                f"{waiting} blocks of tiles are waiting to be made for this client, "
                "which is as many as may wait for one; try again soon",
                retry=_between(1.0, waiting * pace, 60.0),
            )
        if new and (wait := self._budgets.wait(options.client)):
            raise BudgetError(
                f"this client has used up its {self._budgets.budget} new blocks of tiles per "
                "minute; stored tiles are served as before",
                retry=_between(1.0, wait, 600.0),
            )

    def charge(self, options: RequestOptions, blocks: int) -> None:
        """Take the blocks that were scheduled for a request from its client's budget."""
        if options.client and not options.free:
            self._budgets.charge(options.client, blocks)

    def join(self, clients: Counter[str], client: str) -> None:
        """Note that a client's request waits for a job. clients: the job's requests by client."""
        if not clients[client]:
            self._waiting[client] += 1
        clients[client] += 1

    def leave(self, clients: Counter[str], client: str) -> None:
        """Note that a request of a client no longer waits for a job."""
        clients[client] -= 1
        if not clients[client]:
            self._release(clients, client)

    def finish(self, clients: Counter[str]) -> None:
        """Note that a job takes no room any more."""
        for client in list(clients):
            self._release(clients, client)

    def _release(self, clients: Counter[str], client: str) -> None:
        del clients[client]
        self._waiting[client] -= 1
        if not self._waiting[client]:
            del self._waiting[client]


@dataclass(slots=True)
class _View:
    number: int
    seed: int
    last: Tile
    time: float

    def answered(self, answer: Future[Any]) -> None:
        self.time = time.monotonic()


class Viewports:
    """Numbers the views of all clients; a later view has a higher number.

    A client sends the tiles of a view one after another, the most important first. Serving single
    requests newest first would turn that order round and leave the first ones waiting for ever.

    A client asks for a few tiles at a time and for the next when one is answered. So a view lasts
    while anything is answered in it, however slow the machine: else the outer tiles, asked for
    late, would be a view of their own and go before the middle.
    """

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._count = 0

    def number(self, seed: int, tile: Tile, now: float, answer: Future[Any]) -> int:
        """Return the number of the view that a request belongs to.

        now: on the monotonic clock; answer: what the request waits for.
        """
        view = self._view(seed, tile, now)
        answer.add_done_callback(view.answered)
        return view.number

    def _view(self, seed: int, tile: Tile, now: float) -> _View:
        for view in self._views:
            if view.seed == seed and now - view.time <= GAP_SECONDS and _near(view.last, tile):
                view.last, view.time = tile, now
                return view
        self._count += 1
        self._views.insert(0, _View(self._count, seed, tile, now))
        del self._views[VIEWS_REMEMBERED:]
        return self._views[0]


def _near(one: Tile, other: Tile) -> bool:
    return (
        one.z == other.z
        and abs(one.x - other.x) <= REACH_TILES
        and abs(one.y - other.y) <= REACH_TILES
    )


def _between(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))
