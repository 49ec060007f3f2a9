"""What a seeding would take: tiles, bytes and time, from a few tiles made in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from generator.block import Block
from generator.tile import STAGE_ZOOMS, Tile
from tileserver.maker import Cost, Maker
from tileserver.region import Region

if TYPE_CHECKING:
    from generator.cascade import Renderer

SAMPLES = 3
"""Tiles of the deepest zoom that are made to learn sizes and times; other zooms get one each."""

COUNTED = 100_000
"""Regions up to this many tiles are looked up in the cache in full; larger ones by a sample."""

PROBES = 5_000


@dataclass(frozen=True, slots=True)
class Estimate:
    """Tiles of the region, of these stored, others needed on the way; PNG bytes and seconds to go.

    zooms: the region's tiles per zoom. sampled: how many tiles were made to find out.
    """

    zooms: dict[int, int]
    stored: int
    extra: int
    size: float
    seconds: float
    sampled: int

    @property
    def wanted(self) -> int:
        """Return how many tiles the region has."""
        return sum(self.zooms.values())


def estimate(
    renderer: Renderer, seed: int, region: Region, has: Callable[[Tile], bool]
) -> Estimate:
    """Estimate the work that is left of a region, where `has` says what is stored already."""
    cost = _sample(renderer, seed, region)
    share = _stored_share(region, has)
    needed = inputs_of(renderer, region)
    extra = {zoom: count - region_count(region, zoom) for zoom, count in needed.items()}
    size = seconds = 0.0
    for zoom, tiles in needed.items():
        spent = cost[zoom]
        left = tiles * (1 - share)
        size += left * spent.size / spent.tiles
        seconds += left * (spent.compute + spent.encode) / spent.tiles
    zooms = {zoom: region.count(zoom) for zoom in region.zooms}
    stored = round(share * len(region))
    sampled = sum(spent.tiles for spent in cost.values())
    return Estimate(zooms, stored, sum(extra.values()), size, seconds, sampled)


def region_count(region: Region, zoom: int) -> int:
    """Return the region's tiles at a zoom, 0 where it has none."""
    return region.count(zoom) if zoom in region.zooms else 0


def inputs_of(renderer: Renderer, region: Region) -> dict[int, int]:
    """Return per zoom how many tiles must exist in the end: the region's and all they are made of.

    Exact for boxes; a little high where the region's and the needed tiles differ in shape.
    """
    columns = {zoom: set(region.columns[zoom]) for zoom in region.zooms}
    rows = {zoom: set(region.rows[zoom]) for zoom in region.zooms}
    averages = [zoom for zoom in region.zooms if Tile(zoom, 0, 0).kind == "average"]
    for zoom in (*averages, *reversed(STAGE_ZOOMS)):
        if not columns.get(zoom):
            continue
        for need in _edge_needs(renderer, zoom, columns[zoom], rows[zoom]):
            columns.setdefault(need.z, set()).add(need.x)
            rows.setdefault(need.z, set()).add(need.y)
    return {zoom: len(columns[zoom]) * len(rows[zoom]) for zoom in sorted(columns)}


def _edge_needs(renderer: Renderer, zoom: int, columns: set[int], rows: set[int]) -> Iterator[Tile]:
    """Yield what one row and one column of a rectangle of tiles need."""
    x, y = next(iter(columns)), next(iter(rows))
    for column in columns:
        yield from renderer.needs(Block.of(Tile(zoom, column, y)))
    for row in rows:
        yield from renderer.needs(Block.of(Tile(zoom, x, row)))


def _sample(renderer: Renderer, seed: int, region: Region) -> dict[int, Cost]:
    """Make a few of the region's tiles in memory; return the cost per zoom, warm-up left out."""
    draw = random.Random(0)  # the same region is always sampled at the same places
    maker = Maker(renderer, seed)
    maker.make(_random_tile(draw, region, region.zooms[-1]))
    warm_up, maker.cost = maker.cost, {}
    for zoom in (*region.zooms, *[region.zooms[-1]] * (SAMPLES - 1)):
        maker.make(_random_tile(draw, region, zoom))
    return warm_up | maker.cost


def _stored_share(region: Region, has: Callable[[Tile], bool]) -> float:
    """Return the share of the region that is stored, exact for small regions."""
    if len(region) <= COUNTED:
        return sum(map(has, region.walk())) / len(region)
    draw = random.Random(0)
    weights = [region.count(zoom) for zoom in region.zooms]
    zooms = draw.choices(region.zooms, weights, k=PROBES)
    return sum(has(_random_tile(draw, region, zoom)) for zoom in zooms) / PROBES


def _random_tile(draw: random.Random, region: Region, zoom: int) -> Tile:
    columns = sorted(region.columns[zoom])
    return Tile(zoom, draw.choice(columns), draw.choice(region.rows[zoom]))
