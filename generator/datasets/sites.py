"""Places drawn at random for a data set: uniform over the sphere, each by its number alone.

Draw j of a key is always the same place, so a longer data set goes on where a shorter one ended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.block import Block
from generator.grid.errors import DatasetError
from generator.grid.pixels import Pixels
from generator.grid.tile import (
    BASE_ZOOM,
    MAX_LATITUDE,
    STAGE_ZOOMS,
    STAGE_ZOOMS_LISTED,
    TILE_SIZE,
    Tile,
    tile_at,
    tiles_in_bbox,
)

MOST_DRAWS = 5000
"""Draws in a row without a new block after which a box counts as exhausted."""

_BRIGHT = 150
"""Grey level above which ground is ice or snow, even if it is bluish."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class PairRequest:
    """What pairs are wanted. Raises DatasetError.

    zooms: of the children, stages each. count: pairs of each zoom. seeds: worlds, taken in turn.
    box: west, south, east, north in degrees; west > east crosses the dateline. land: only places
    that are land on the base map. key: another key draws other places.
    """

    zooms: tuple[int, ...]
    count: int
    seeds: tuple[int, ...] = (0,)
    box: Box = (-180.0, -90.0, 180.0, 90.0)
    land: bool = False
    key: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        wrong = [zoom for zoom in self.zooms if zoom not in STAGE_ZOOMS]
        if wrong or not self.zooms:
            what = f"zoom {wrong[0]} is no stage" if wrong else "no zoom is given"
            raise DatasetError(f"{what}, expected zooms of {STAGE_ZOOMS_LISTED}")
        if self.count < 1:
            raise DatasetError(f"the number of pairs is {self.count}, expected 1 or more")
        for seed in (*self.seeds, self.key):
            if not 0 <= seed < 1 << 64:
                raise DatasetError(f"a seed is {seed}, expected 0 to 2**64 - 1")
        tiles_in_bbox(*self.box, 0)  # checks the box
        if self.box[1] >= MAX_LATITUDE or self.box[3] <= -MAX_LATITUDE:
            raise DatasetError(f"the box lies beyond the map, which ends at {MAX_LATITUDE:.2f}")


@dataclass(frozen=True, slots=True)
class SampledPair:
    """Pair `number` of its zoom: the block that makes the child, and the world's seed."""

    number: int
    zoom: int
    seed: int
    block: Block

    @property
    def latitude(self) -> float:
        """Return the latitude of the centre in degrees."""
        return self.block.top.latitude

    @property
    def longitude(self) -> float:
        """Return the longitude of the centre in degrees."""
        west, _, east, _ = self.block.top.bounds
        return (west + east) / 2

    @property
    def resolution(self) -> float:
        """Return the metres of ground per child pixel at the centre."""
        return self.block.top.ground_resolution / 2


def sampling_site(request: PairRequest, number: int) -> tuple[float, float]:
    """Return draw `number` of a box: (latitude, longitude), every area being equally likely."""
    west, south, east, north = request.box
    # Uniform in the sine of the latitude, which is uniform over the sphere.
    low, high = (
        math.sin(math.radians(max(-MAX_LATITUDE, min(MAX_LATITUDE, edge))))
        for edge in (south, north)
    )
    width = east - west if east >= west else east - west + 360.0
    u, v = np.random.Generator(np.random.Philox(key=[request.key, number])).random(2).tolist()
    latitude = math.degrees(math.asin(low + u * (high - low)))
    return latitude, (west + v * width + 180.0) % 360.0 - 180.0


def sample_pairs(
    request: PairRequest, is_land: Callable[[float, float], bool]
) -> list[SampledPair]:
    """Return all pairs, place by place and from coarse to fine: neighbours share what they need.

    No block of a world comes twice at a zoom. Raises DatasetError where a box has too few.
    """
    found: list[tuple[int, SampledPair]] = []
    land: dict[int, bool] = {}
    for zoom in request.zooms:
        # Draw after draw, until enough different blocks are found.
        taken: set[tuple[int, Block]] = set()
        for number, (latitude, longitude) in _numbers(request, taken, zoom):
            if request.land and not land.setdefault(number, is_land(latitude, longitude)):
                continue
            seed = request.seeds[len(taken) % len(request.seeds)]
            block = Block.of(tile_at(longitude, latitude, zoom))
            if (seed, block) not in taken:
                found.append((number, SampledPair(len(taken), zoom, seed, block)))
                taken.add((seed, block))
    return [drawn for _, drawn in sorted(found, key=lambda pair: (pair[0], pair[1].zoom))]


def _numbers(
    request: PairRequest, taken: set[tuple[int, Block]], zoom: int
) -> Iterator[tuple[int, tuple[float, float]]]:
    """Yield draws until enough are taken. Raises DatasetError after too many in vain."""
    number = idle = before = 0
    while len(taken) < request.count:
        if idle >= MOST_DRAWS:
            what = "different blocks of land" if request.land else "different blocks"
            raise DatasetError(
                f"the box holds only {len(taken)} {what} at zoom {zoom} for seeds in turn, expected"
                f" {request.count}: ask for fewer, or give a larger box or more seeds"
            )
        yield number, sampling_site(request, number)
        number += 1
        idle = idle + 1 if len(taken) == before else 0
        before = len(taken)


class LandMask:
    """Says whether a place is land on the base map: a test of colour, made for the Earth.

    Water is bluer than it is red or green; ice and snow are bright. Some dark lakes pass for land.
    read: pixels of a tile of the base map, uint8 [256, 256, 3].
    """

    def __init__(self, read: Callable[[Tile], Pixels]) -> None:
        self._read = read
        self._masks: dict[Tile, NDArray[np.bool_]] = {}

    def __call__(self, latitude: float, longitude: float) -> bool:
        """Look at the pixel of zoom 5 under a place in degrees."""
        fine = tile_at(longitude, latitude, BASE_ZOOM + 8)  # its tiles are the pixels of zoom 5
        tile = fine.parent(8)
        if tile not in self._masks:
            pixels = self._read(tile)
            warm = pixels[..., 2] <= pixels[..., :2].max(-1)
            self._masks[tile] = warm | (pixels.min(-1) > _BRIGHT)
        return bool(self._masks[tile][fine.y % TILE_SIZE, fine.x % TILE_SIZE])
