"""Who may have something made: room in the queue, a client's share of it, and its budget."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from dataclasses import dataclass

from tileserver.errors import BudgetError, UnavailableError
from tileserver.rendering.engine.jobs import Ask, Job, Priority

SHARE = {Priority.INTERACTIVE: 1.0, Priority.PREFETCH: 0.5, Priority.SEEDING: 0.25}
"""How full the queue may be, at most, for a request of this kind to be let in."""

CLIENT_SHARE = 0.5
"""How much of the queue one client that is not free may take."""

REMEMBERED = 10_000
"""Clients whose budget is remembered; the one that was idle for longest is forgotten."""

SECONDS = 60.0
"""A budget is so many blocks in this time, and may be used up at once."""


@dataclass(slots=True)
class _Purse:
    balance: float
    time: float


class Admission:
    """Lets requests in or turns them away; used under the scheduler's lock.

    size: blocks that may be asked for and unfinished at a time. budget: blocks made for one client
    per minute, None for any number. A budget is a bucket that refills steadily; a request that
    begins with something in it is let in and may leave a debt, since what a tile needs is known
    only once it is planned.
    """

    def __init__(self, size: int, budget: int | None = None) -> None:
        self.size = size
        self.budget = budget
        self._waiting: Counter[str] = Counter()
        self._purses: OrderedDict[str, _Purse] = OrderedDict()

    def check(self, asked: int, ask: Ask, pace: float, new: bool) -> None:
        """Let a request for a block nobody asked for yet in, or raise.

        asked: blocks asked for so far. pace: seconds that a block takes. new: whether the block is
        not yet being made for others either. Raises UnavailableError or BudgetError.
        """
        if asked >= self.size * SHARE[ask.priority]:
            raise UnavailableError(
                f"{asked} blocks of tiles are waiting to be made, which is as many as may wait; "
                "try again soon",
                retry=_between(1.0, asked * pace, 60.0),
            )
        if ask.free or not ask.client:
            return
        if self._waiting[ask.client] >= max(1, int(self.size * CLIENT_SHARE)):
            waiting = self._waiting[ask.client]
            raise BudgetError(
                f"{waiting} blocks of tiles are waiting to be made for this client, "
                "which is as many as may wait for one; try again soon",
                retry=_between(1.0, waiting * pace, 60.0),
            )
        if self.budget is not None and new and (missing := 1.0 - self._balance(ask.client)) > 0:
            raise BudgetError(
                f"this client has used up its {self.budget} new blocks of tiles per minute; stored "
                "tiles are served as before",
                retry=_between(1.0, missing * SECONDS / self.budget, 600.0),
            )

    def charge(self, ask: Ask, blocks: int) -> None:
        """Take what was planned for a request from its client's budget."""
        if self.budget is not None and blocks and ask.client and not ask.free:
            balance = self._balance(ask.client)
            self._purses[ask.client] = _Purse(balance - blocks, time.monotonic())
            self._purses.move_to_end(ask.client)
            while len(self._purses) > REMEMBERED:
                self._purses.popitem(last=False)

    def join(self, job: Job, ask: Ask) -> None:
        """Note that a request of a client waits for a job."""
        if not job.clients[ask.client]:
            self._waiting[ask.client] += 1
        job.clients[ask.client] += 1

    def leave(self, job: Job, client: str) -> None:
        """Note that a request of a client waits no more."""
        job.clients[client] -= 1
        if not job.clients[client]:
            self._release(job, client)

    def finish(self, job: Job) -> None:
        """Note that a job is over."""
        for client in list(job.clients):
            self._release(job, client)

    def _release(self, job: Job, client: str) -> None:
        del job.clients[client]
        self._waiting[client] -= 1
        if not self._waiting[client]:
            del self._waiting[client]

    def _balance(self, client: str) -> float:
        assert self.budget is not None
        purse = self._purses.get(client)
        if purse is None:
            return float(self.budget)
        earned = (time.monotonic() - purse.time) * self.budget / SECONDS
        return min(float(self.budget), purse.balance + earned)


def _between(low: float, value: float, high: float) -> float:
    return max(low, min(value, high))
