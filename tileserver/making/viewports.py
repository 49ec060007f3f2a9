"""Which requests belong to one view of a map, so that a new view goes first but keeps its order.

A client sends the tiles of a view one after another, the most important first. Serving single
requests newest first would turn that order round and leave the first ones waiting for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from generator.tile import Tile

REACH_TILES = 16
"""A tile this close to the last one of its zoom belongs to the same view."""

GAP_SECONDS = 2.0
"""A view without requests for so long is over."""

REMEMBERED = 32


@dataclass(slots=True)
class _View:
    number: int
    seed: int
    last: Tile
    time: float


class Viewports:
    """Numbers the views of all clients; a later view has a higher number."""

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._count = 0

    def number(self, seed: int, tile: Tile, now: float) -> int:
        """Return the number of the view that a request at time `now` (seconds) belongs to."""
        for view in self._views:
            if view.seed == seed and now - view.time <= GAP_SECONDS and _near(view.last, tile):
                view.last, view.time = tile, now
                return view.number
        self._count += 1
        self._views.insert(0, _View(self._count, seed, tile, now))
        del self._views[REMEMBERED:]
        return self._count


def _near(one: Tile, other: Tile) -> bool:
    return (
        one.z == other.z
        and abs(one.x - other.x) <= REACH_TILES
        and abs(one.y - other.y) <= REACH_TILES
    )
