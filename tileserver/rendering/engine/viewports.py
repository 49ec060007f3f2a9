"""Which requests belong to one view of a map, so that a new view goes first but keeps its order.

A client sends the tiles of a view one after another, the most important first. Serving single
requests newest first would turn that order round and leave the first ones waiting for ever.

A client asks for a few tiles at a time and for the next when one is answered. So a view lasts while
anything is answered in it, however slow the machine: else the outer tiles, asked for late, would be
a view of their own and go before the middle.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from generator.grid.tile import Tile
from tileserver.rendering.engine.jobs import Answer

REACH_TILES = 16
"""A tile this close to the last one of its zoom belongs to the same view."""

GAP_SECONDS = 2.0
"""A view in which nothing is asked for and nothing answered for so long is over."""

REMEMBERED = 32


@dataclass(slots=True)
class _View:
    number: int
    seed: int
    last: Tile
    time: float

    def answered(self, answer: Answer) -> None:
        self.time = time.monotonic()


class Viewports:
    """Numbers the views of all clients; a later view has a higher number."""

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._count = 0

    def number(self, seed: int, tile: Tile, now: float, answer: Answer) -> int:
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
        del self._views[REMEMBERED:]
        return self._views[0]


def _near(one: Tile, other: Tile) -> bool:
    return (
        one.z == other.z
        and abs(one.x - other.x) <= REACH_TILES
        and abs(one.y - other.y) <= REACH_TILES
    )
