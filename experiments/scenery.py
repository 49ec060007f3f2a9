"""Places of a kind (land, coast, desert, sea), drawn at random, and the way down from each.

A way down begins at a zoom-5 tile of the base map. At each stage the four children that meet at
the tile's centre are made, and the one that shows most of the kind is the next stage's parent. So
the parents of one way are the world's own tiles, and none but these four has to be made.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.base.basemap import BaseMap
from generator.grid.pixels import Pixels
from generator.grid.tile import BASE_ZOOM, TILE_SIZE, Tile
from training.errors import TrainingError
from training.measure.realtiles import water_share

KINDS = ("land", "coast", "desert", "sea")
_LEAST = {"land": 0.9, "coast": 0.5, "desert": 0.4, "sea": 0.99}
"""Share of a kind from which on a tile's centre is of it."""
_POLEWARD = 72.0
"""Degrees of latitude beyond which no place is drawn: ice, and shapes stretched over threefold."""
_HALF = TILE_SIZE // 2


@dataclass(frozen=True, slots=True)
class ParentTile:
    """A tile that is a stage's parent and the kind of its centre; pixels: uint8 [256, 256, 3].

    above: the parent whose child it is.
    """

    kind: str
    tile: Tile
    pixels: Pixels
    above: ParentTile | None = None

    @property
    def children(self) -> tuple[Tile, Tile, Tile, Tile]:
        """The stage's four tiles that meet at the centre: NW, NE, SW, SE."""
        x, y = 4 * self.tile.x + 1, 4 * self.tile.y + 1
        z = self.tile.z + 2
        return Tile(z, x, y), Tile(z, x + 1, y), Tile(z, x, y + 1), Tile(z, x + 1, y + 1)

    def read(self, tile: Tile) -> Pixels:
        """Return the pixels, for a cascade that wants the parents of these children.

        Raises TrainingError for any other tile: then the stage's margin is too wide.
        """
        if tile != self.tile:
            raise TrainingError(
                f"the network reads {tile} beside {self.tile}: its margin is wider than the "
                "64 pixels that this experiment allows; give fewer steps or a smaller network"
            )
        return self.pixels

    def around(self, tile: Tile) -> Pixels:
        """Return pixels of any tile beside this one or the one above: mirror images at its edges.

        For the choice of layouts, which sees further than the network and further up.
        """
        if tile.z < self.tile.z and self.above is not None:
            return self.above.around(tile)
        if tile.z != self.tile.z:
            return self.read(tile)
        across, down = (tile.x - self.tile.x) % 2, (tile.y - self.tile.y) % 2
        return self.pixels[:: -1 if down else 1, :: -1 if across else 1]

    def below(self, made: Pixels) -> ParentTile:
        """Return the parent of the child that shows most of the kind.

        made: uint8 [512, 512, 3], the four children side by side.
        """
        parts = [made[y : y + TILE_SIZE, x : x + TILE_SIZE]
                 for y in (0, TILE_SIZE) for x in (0, TILE_SIZE)]  # fmt: skip
        best = max(range(4), key=lambda k: share(self.kind, parts[k]))
        return ParentTile(self.kind, self.children[best], np.ascontiguousarray(parts[best]), self)


def share(kind: str, pixels: Pixels) -> float:
    """How much of a picture, uint8 [h, w, 3], is of a kind, from 0 to 1.

    sea: pixels bluer by 10 grey levels than red and green. desert: bright ones, redder than green
    and greener than blue. land: all that is neither. coast: 1 where half is sea, 0 where none or
    all is.
    """
    sea = water_share(pixels)
    if kind == "sea":
        return sea
    if kind == "coast":
        return 4 * sea * (1 - sea)
    red, green, blue = (pixels[..., k].astype(np.int16) for k in range(3))
    sand = (red > green) & (green > blue) & (red > blue + 40) & (red + green + blue > 360)
    desert = float(sand.mean())
    return desert if kind == "desert" else 1 - sea - desert


def draw(basemap: BaseMap, kinds: tuple[str, ...], count: int, seed: int) -> list[ParentTile]:
    """Draw `count` parents of zoom 5, each kind equally often (one more of the first ones).

    All tiles up to 72 degrees of latitude are tried in a random order of `seed`, so that a parent
    never comes twice. Returns them with the kinds taking turns. Raises TrainingError where the
    base map has too few tiles of a kind.
    """
    # Try the tiles in random order until each kind has its share.
    wanted = {kind: len(range(i, count, len(kinds))) for i, kind in enumerate(kinds)}
    found: dict[str, list[ParentTile]] = {kind: [] for kind in kinds}
    size = 1 << BASE_ZOOM
    for number in np.random.default_rng([seed, 7]).permutation(size**2).tolist():
        tile = Tile(BASE_ZOOM, number % size, number // size)
        if abs(tile.latitude) > _POLEWARD:
            continue
        pixels = basemap.tile(tile)
        centre = pixels[_HALF // 2 : -_HALF // 2, _HALF // 2 : -_HALF // 2]
        for kind in kinds:
            if len(found[kind]) < wanted[kind] and share(kind, centre) >= _LEAST[kind]:
                found[kind].append(ParentTile(kind, tile, pixels))
                break
        if all(len(found[kind]) == wanted[kind] for kind in kinds):
            return [found[kinds[i % len(kinds)]][i // len(kinds)] for i in range(count)]
    missing = next(kind for kind in kinds if len(found[kind]) < wanted[kind])
    raise TrainingError(
        f"the base map has {len(found[missing])} zoom-5 tiles of the kind {missing!r}, "
        f"expected at least {wanted[missing]}; ask for fewer places"
    )
