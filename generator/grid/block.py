"""Blocks (metatiles): the tiles that the network makes together."""

from __future__ import annotations

from dataclasses import dataclass

from generator.grid.errors import TileError
from generator.grid.tile import BASE_ZOOM, STAGE_ZOOMS, Tile


@dataclass(frozen=True, slots=True, order=True)
class Block:
    """The unit of computation: a tile of the base map, or an average with its four stage tiles.

    The four tiles of a stage are one window of 2 x 2 tiles, whose margin is paid once; the average
    above them costs nothing more. Sorting puts parents before children.
    top: a tile of the base map (zooms 0 to 5) or an average (6, 8, 10, 12, 14). Raises TileError
    for a stage's tile.
    """

    top: Tile

    def __post_init__(self) -> None:
        """Refuse what is not the top of a block."""
        if self.top.kind == "stage":
            raise TileError(
                f"tile {self.top} is not the top of a block, expected a base-map tile or an average"
            )

    def __str__(self) -> str:
        """Return the address of the top tile: z/x/y."""
        return str(self.top)

    @classmethod
    def of(cls, tile: Tile) -> Block:
        """Return the block that a tile is made in."""
        return cls(tile.parent() if tile.kind == "stage" else tile)

    @property
    def stage(self) -> int | None:
        """Return the stage zoom that makes the block, None for the base map."""
        return None if self.top.z <= BASE_ZOOM else self.top.z + 1

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """Return the block's tiles: the top, then its children NW, NE, SW, SE if it has a stage."""
        return (self.top,) if self.stage is None else (self.top, *self.top.children())


assert all(zoom - 1 > BASE_ZOOM for zoom in STAGE_ZOOMS)
