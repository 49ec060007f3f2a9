"""Groups: the tiles of a region that one worker makes at a time.

A group is what is retried when its worker is lost, and what a resumed run skips. It holds subtrees
that lie together, so that its worker makes what they share once. What lies across a group's edge,
parents and their margins, every group makes for itself: a smaller share the larger groups are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from generator.cascade.renderer import Renderer, missing_blocks
from generator.grid.block import Block
from generator.grid.tile import Tile
from tileserver.regions.hilbert import Numbers
from tileserver.regions.region import Region, in_order

MOST_TILES = 5461
"""Of a group: a tile of zoom 9 and all below it down to zoom 15, 1,024 blocks."""

LEAST_TILES = 85
"""Below this the share that groups make for themselves outweighs more workers."""

PER_WORKER = 4
"""Groups that a worker gets at least while there are enough, so that none waits for the last."""

SAMPLES = 8
"""Groups that are looked at to foresee what groups make for themselves."""


@dataclass(frozen=True, slots=True)
class TileGroup:
    """Some tiles of a region: by zoom their places on its curve, rising. number: from 0."""

    number: int
    places: dict[int, Numbers]

    def __len__(self) -> int:
        """Return how many tiles there are."""
        return sum(map(len, self.places.values()))

    def tiles(self) -> Iterator[Tile]:
        """Yield the tiles, each after its ancestors, by subtree."""
        return in_order(self.places)


def group_limit(region: Region, workers: int) -> int:
    """Return how many tiles a group of the region may have, so that every worker gets some."""
    return min(MOST_TILES, max(LEAST_TILES, len(region) // (PER_WORKER * workers)))


def groups(region: Region, limit: int) -> Iterator[TileGroup]:
    """Cut a region into groups of at most `limit` tiles, the same for the same arguments.

    Tiles with more below them than a group may have are groups of their own kind; others stay with
    what lies below them.
    """
    number = 0
    pending: dict[bool, list[dict[int, Numbers]]] = {True: [], False: []}
    sizes = {True: 0, False: 0}
    for part in region.parts(limit):
        places = dict(region.places(part))
        size = sum(map(len, places.values()))
        alone = size == 1 and region.zooms[-1] not in places
        if sizes[alone] and sizes[alone] + size > limit:
            yield TileGroup(number, _joined(pending[alone]))
            number, pending[alone], sizes[alone] = number + 1, [], 0
        pending[alone].append(places)
        sizes[alone] += size
    for left in filter(None, pending.values()):
        yield TileGroup(number, _joined(left))
        number += 1


def repetition(renderer: Renderer, region: Region, limit: int) -> float:
    """Return how many blocks groups make for each that holds tiles of theirs, from some groups."""
    step = max(1, len(region) // (limit * SAMPLES))
    made = own = 0
    for group in islice(groups(region, limit), 0, None, step):
        tiles = list(group.tiles())
        there: set[Tile] = set()
        for tile in tiles:
            for block in missing_blocks(renderer, tile, there.__contains__):
                there.update(block.tiles)
                made += 1
        own += len(set(map(Block.of, tiles)))
    return made / own


def _joined(parts: list[dict[int, Numbers]]) -> dict[int, Numbers]:
    zooms = sorted({zoom for part in parts for zoom in part})
    return {zoom: np.concatenate([part[zoom] for part in parts if zoom in part]) for zoom in zooms}
