"""Room for pictures that are under way: so many, of so many tiles, and a share for one client."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tileserver.errors import BudgetError, UnavailableError
from tileserver.rendering.budgets import ClientBudgets
from tileserver.rendering.request import RequestOptions

PICTURES = 16
"""Pictures that may be under way, from the request on; one more is turned away."""

TILES = 2048
"""Tiles that they may need together: of 140 kB each 280 MB, until they are drawn."""

CLIENT_PICTURES = 8
"""Pictures under way of one client that is not free."""

BLOCK_TILES = 16
"""Tiles that are drawn in the time of a block of the network, about."""


class PictureRoom:
    """Lets pictures in or turns them away, in one process.

    budget: blocks per client and minute, None for any number. Of it a picture takes one for every
    BLOCK_TILES of its tiles, stored or not; what is made for it is paid for where it is made.
    """

    def __init__(self, budget: int | None) -> None:
        self._budgets = ClientBudgets(budget)
        self._pictures = self._tiles = 0
        self._clients: Counter[str] = Counter()

    @contextmanager
    def entered(self, tiles: int, options: RequestOptions) -> Iterator[None]:
        """Hold a picture's room. Raises UnavailableError or BudgetError where there is none."""
        client = "" if options.free else options.client
        self._check(tiles, client)
        self._pictures += 1
        self._tiles += tiles
        self._clients[client] += 1
        try:
            yield
        finally:
            self._pictures -= 1
            self._tiles -= tiles
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def charge(self, tiles: int, options: RequestOptions) -> None:
        """Take what a picture costs from its client's budget, now that it is drawn."""
        if options.client and not options.free:
            self._budgets.charge(options.client, -(-tiles // BLOCK_TILES))

    def _check(self, tiles: int, client: str) -> None:
        if self._pictures >= PICTURES or self._tiles + tiles > TILES:
            raise UnavailableError(
                f"{self._pictures} pictures of {self._tiles:,} tiles are being drawn, which is as "
                "many as may be; try again soon"
            )
        if not client:
            return
        if self._clients[client] >= CLIENT_PICTURES:
            raise BudgetError(
                f"{CLIENT_PICTURES} pictures are being drawn for this client, which is as many as "
                "may be for one; try again soon"
            )
        if wait := self._budgets.wait(client):
            raise BudgetError(
                f"this client has used up its budget of {self._budgets.budget} per minute, of "
                f"which a picture takes one for {BLOCK_TILES} tiles; single tiles are served as "
                "before",
                retry=wait,
            )
