"""What clients may use up per minute: a token bucket each, that refills steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass

CLIENTS_REMEMBERED = 10_000
"""Clients whose budget is remembered; the one that was idle for longest is forgotten."""

BUDGET_SECONDS = 60.0
"""A budget is so many blocks in this time, and may be used up at once."""


@dataclass(slots=True)
class TokenBucket:
    """A client's budget: tokens (blocks) left at a time of the monotonic clock; may be negative."""

    tokens: float
    time: float


class ClientBudgets:
    """The budgets of all clients. budget: blocks for one client per minute, None for any number.

    Who has a token may go on and may leave a debt, since what it takes is known only later.
    """

    def __init__(self, budget: int | None) -> None:
        self.budget = budget
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def wait(self, client: str) -> float:
        """Return the seconds until a client has a token, 0 for one that has."""
        if self.budget is None:
            return 0.0
        return max(0.0, 1.0 - self._tokens(client)) * BUDGET_SECONDS / self.budget

    def charge(self, client: str, blocks: float) -> None:
        """Take blocks from a client's budget."""
        if self.budget is not None and blocks:
            self._buckets[client] = TokenBucket(self._tokens(client) - blocks, time.monotonic())
            self._buckets.move_to_end(client)
            while len(self._buckets) > CLIENTS_REMEMBERED:
                self._buckets.popitem(last=False)

    def _tokens(self, client: str) -> float:
        assert self.budget is not None
        bucket = self._buckets.get(client)
        if bucket is None:
            return float(self.budget)
        earned = (time.monotonic() - bucket.time) * self.budget / BUDGET_SECONDS
        return min(float(self.budget), bucket.tokens + earned)
