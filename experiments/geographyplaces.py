"""Places that experiments with geography look at, drawn from its layers, and tiles of two worlds.

Coasts are zoom-9 tiles of which 20 to 80 % are water, rivers points of GSHHG's ranks 1 to 3; both
are drawn by a seed, far from each other, where there is no ice.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from generator.base.basemap import BaseMap
from generator.cascade.cascade import Cascade
from generator.geography.choice import EARTH_FOLDER
from generator.geography.layerfile import LayerFile
from generator.geography.layers import CoverageLayer, Shares
from generator.geography.linefile import WORLD_BITS, parse
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import BASE_ZOOM, TILE_SIZE, Tile, latitude_of
from training.errors import TrainingError

WITH, WITHOUT = "geography", "none"
COAST_ZOOM, RIVER_ZOOM = 9, 13

_LEAST, _MOST = 0.2, 0.8
"""Share of a coast's tile that is water."""

AWAY = 4
"""Pixels from the shore from which on a tile's colours are learned."""

_PIXELS = 2000
"""Pixels of each side that a tile must have so far away."""

_POLEWARD = 60.0
"""Degrees of latitude beyond which no place is drawn."""

_ICE = 170
"""Mean grey level of the base map from which on a place is ice."""

_APART = 0.02
"""Part of a continent's or the Earth's great circle between two places, at least: 800 km."""

_RANKS = (1, 2, 3)

_CONTINENTS = (
    ("North America", -130, 10, -60, 60, 4),
    ("South America", -82, -50, -35, 10, 4),
    ("Europe", -10, 37, 40, 60, 3),
    ("Africa", -18, -35, 50, 33, 4),
    ("Asia", 60, 5, 145, 60, 4),
    ("Australia", 112, -40, 155, -10, 1),
)
"""Name, west, south, east, north in degrees, and how many of 20 rivers lie there."""


@dataclass(frozen=True, slots=True)
class RiverPlace:
    """A point on a river: units of 2**-30 of the world's width from its upper left corner."""

    continent: str
    x: int
    y: int

    def tile(self, zoom: int) -> Tile:
        """Return the tile of a zoom that holds it."""
        return Tile(zoom, self.x >> (WORLD_BITS - zoom), self.y >> (WORLD_BITS - zoom))

    def pixel(self, zoom: int) -> tuple[int, int]:
        """Return its row and column in that tile."""
        shift = WORLD_BITS - zoom - 8
        return (self.y >> shift) % TILE_SIZE, (self.x >> shift) % TILE_SIZE


class WorldPair:
    """The same world with geography and without, and the tiles of a place in both."""

    def __init__(self, cascade: Cascade, seed: int) -> None:
        """Take a cascade with geography. Raises TrainingError for one without."""
        if cascade.geography is None or cascade.geography.water is None:
            raise TrainingError("the base map has no geography, expected one with water")
        self.geography, self.seed = cascade.geography, seed
        self.water: CoverageLayer = cascade.geography.water
        bare = copy.copy(cascade)
        bare.geography = None
        self.cascades = {WITH: cascade, WITHOUT: bare}

    def tiles(self, wanted: list[Tile]) -> Iterator[tuple[str, Tile, Pixels]]:
        """Yield the tiles of a place in each world, with its name: uint8 [256, 256, 3]."""
        for name, cascade in self.cascades.items():
            store: dict[Tile, Pixels] = {}
            for tile in wanted:
                yield name, tile, cascade.render(self.seed, tile, store)


def square_of(tile: Tile) -> Rectangle:
    """Return the world pixels of a tile."""
    return Rectangle(tile.x * TILE_SIZE, tile.y * TILE_SIZE, TILE_SIZE, TILE_SIZE)


def shares_of(layer: CoverageLayer | None, tile: Tile) -> Shares:
    """Return the shares of a layer in a tile, uint8 [256, 256], zeros where there are none."""
    found = None if layer is None else layer.shares(tile.z, square_of(tile))
    return np.zeros((TILE_SIZE, TILE_SIZE), np.uint8) if found is None else found


def signed_distance(water: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the pixels to the other side, positive in water, negative on land: [h, w]."""
    wet = ndimage.distance_transform_edt(water)
    dry = ndimage.distance_transform_edt(~water)
    distance: NDArray[np.float64] = wet - dry
    return distance


def coasts(water: CoverageLayer, basemap: BaseMap, count: int, seed: int) -> list[Tile]:
    """Draw zoom-9 tiles with a coast. Raises TrainingError where there are too few."""
    # A pixel of a zoom nine coarser is four tiles, whose bits were counted when the file was made.
    side = 1 << (COAST_ZOOM - 1)
    whole = water.shares(0, Rectangle(0, 0, side, side))
    if whole is None:
        raise TrainingError("the layer of water is empty, expected coasts")
    numbers = np.flatnonzero((whole > _LEAST * 255 / 4) & (whole < 255 - _LEAST * 255 / 4))
    found: list[Tile] = []
    for number in np.random.default_rng([seed, 16]).permutation(numbers).tolist():
        above = Tile(COAST_ZOOM - 1, number % side, number // side)
        if not _usable(above, found, basemap):
            continue
        even = [tile for tile in above.children() if _is_coast(shares_of(water, tile))]
        found += even[:1]
        if len(found) == count:
            return found
    raise TrainingError(f"there are {len(found)} coasts apart, expected {count}; ask for fewer")


def _is_coast(shares: Shares) -> bool:
    return _LEAST <= shares.mean() / 255 <= _MOST and parted(shares)


def deeper(water: CoverageLayer, tile: Tile) -> Tile | None:
    """Return the tile two zooms down whose land and water are split most evenly, if any is."""
    below = [Tile(tile.z + 2, 4 * tile.x + k % 4, 4 * tile.y + k // 4) for k in range(16)]
    shares = {child: shares_of(water, child) for child in below}
    usable = [child for child in below if parted(shares[child])]
    return min(usable, key=lambda child: abs(shares[child].mean() - 127.5), default=None)


def parted(shares: Shares) -> bool:
    """Say whether a tile has enough of land and of water away from the shore to learn from."""
    distance = signed_distance(shares >= 128)
    return bool(min((distance > AWAY).sum(), (distance < -AWAY).sum()) >= _PIXELS)


def rivers(
    layer: CoverageLayer, water: CoverageLayer, basemap: BaseMap, count: int, seed: int
) -> list[RiverPlace]:
    """Draw points on rivers of all continents that a zoom-13 tile shows, 20 of them at most.

    Raises TrainingError where there are too few.
    """
    points = _river_points()
    rng = np.random.default_rng([seed, 17])
    wanted = [place for place in _CONTINENTS for _ in range(place[-1])]
    # With fewer places, continents take turns.
    order = sorted(range(len(wanted)), key=lambda k: (wanted[:k].count(wanted[k]), k))
    found: list[RiverPlace] = []
    tiles: list[Tile] = []
    for name, west, south, east, north, _ in (wanted[k] for k in order[:count]):
        for x, y in rng.permutation(points).tolist():
            place = RiverPlace(name, x, y)
            tile = place.tile(COAST_ZOOM)
            longitude, latitude = tile.bounds[0], tile.latitude
            inside = west <= longitude <= east and south <= latitude <= north
            if inside and _usable(tile, tiles, basemap) and _shown(layer, water, place):
                found.append(place)
                tiles.append(tile)
                break
        else:
            raise TrainingError(f"{name} has too few rivers apart, expected more; ask for fewer")
    return found


def _river_points() -> NDArray[np.int64]:
    """Return points of the ranks that are looked at, int64 [n, 2]."""
    file = parse(LayerFile.read(EARTH_FOLDER / "rivers.bin"), "rivers")
    found = []
    for number in range(len(file.groups) - 1):
        chains = file.group(number)
        found.append(chains.points[chains.firsts[np.isin(chains.ranks, _RANKS)]])
    return np.concatenate(found)


def _shown(layer: CoverageLayer, water: CoverageLayer, place: RiverPlace) -> bool:
    """Say whether a river crosses tiles near their middles, that of zoom 13 without other water."""
    if any(not 48 <= at < TILE_SIZE - 48 for zoom in (7, 9, 11, 13) for at in place.pixel(zoom)):
        return False
    tile = place.tile(RIVER_ZOOM)
    lines = shares_of(layer, tile) >= 128
    sides = (lines[0], lines[-1], lines[:, 0], lines[:, -1])
    return sum(map(np.any, sides)) >= 2 and not bool(shares_of(water, tile).any())


def _usable(tile: Tile, others: list[Tile], basemap: BaseMap) -> bool:
    """Say whether a tile is far from others, and neither far north or south nor icy."""
    if abs(tile.latitude) > _POLEWARD:
        return False
    one = _direction(tile)
    if any(float(one @ _direction(other)) > np.cos(2 * np.pi * _APART) for other in others):
        return False
    above = tile.parent(tile.z - BASE_ZOOM)
    parts, side = 1 << (tile.z - BASE_ZOOM), TILE_SIZE >> (tile.z - BASE_ZOOM)
    y, x = (side * (place % parts) for place in (tile.y, tile.x))
    return float(basemap.tile(above)[y : y + side, x : x + side].mean()) < _ICE


def _direction(tile: Tile) -> NDArray[np.float64]:
    """Return the unit vector from the Earth's centre to a tile's."""
    latitude = np.radians(latitude_of(tile.y + 0.5, 1 << tile.z))
    longitude = np.radians((tile.x + 0.5) / (1 << tile.z) * 360 - 180)
    across = np.cos(latitude)
    return np.array([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)])
