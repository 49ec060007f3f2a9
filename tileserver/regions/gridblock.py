"""Pieces of a picture in any reference system, drawn from tiles.

A picture is cut along blocks of BLOCK x BLOCK pixels of its grid. How a block is drawn depends on
the block alone, and every square of it on its own corners, which are whole numbers of 2^-16 source
pixels. So a pixel has the same bytes whichever part of the grid a picture shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from generator.grid.pixels import Pixels, Read
from generator.grid.tile import TILE_SIZE, Tile
from tileserver.errors import BadRequestError
from tileserver.regions.pixelgrid import BLOCK, PixelGrid
from tileserver.regions.squares import SQUARE, Rectangle, Squares
from tileserver.regions.tilewindow import TileWindow

_MOST_READ = 1024
"""Tiles that a block may read: 200 MB of pixels."""

_REACH = 3
"""Source pixels beyond its squares that a block reads: Keys' cubic takes two."""


def blocks_of(grid: PixelGrid, zoom: int) -> Iterator[GridBlock]:
    """Yield the blocks of a picture, row by row."""
    columns, rows = grid.blocks
    return (GridBlock(grid, zoom, column, row) for row in rows for column in columns)


class GridPicture:
    """A picture of a grid, drawn as a whole from the tiles of a zoom."""

    def __init__(self, grid: PixelGrid, zoom: int) -> None:
        self.grid = grid
        self.zoom = zoom

    @cached_property
    def blocks(self) -> tuple[GridBlock, ...]:
        """The blocks of the picture, row by row."""
        return tuple(blocks_of(self.grid, self.zoom))

    @cached_property
    def has_holes(self) -> bool:
        """Whether it shows anything off the map."""
        return any(block.has_holes for block in self.blocks)

    @property
    def reads(self) -> int:
        """How many tiles its blocks read together, without naming them."""
        return sum(block.reads for block in self.blocks)

    @property
    def samples(self) -> int:
        """How many samples drawing takes."""
        return sum(block.samples for block in self.blocks)

    def tiles(self) -> tuple[Tile, ...]:
        """Return the tiles that the picture is made from, each once."""
        return tuple(dict.fromkeys(tile for block in self.blocks for tile in block.tiles()))

    def picture(self, read: Read) -> Pixels:
        """Return all pixels, uint8 [height, width, 3], or 4 with alpha where it has holes."""
        bands = 4 if self.has_holes else 3
        whole = np.zeros((self.grid.height, self.grid.width, bands), np.uint8)
        for block in self.blocks:
            left, top = block.place
            pixels = block.picture(read, bands)
            whole[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
        return whole


@dataclass(frozen=True)
class GridBlock:
    """The part of block (column, row) of a grid that lies in its picture."""

    grid: PixelGrid
    zoom: int
    column: int
    row: int

    @cached_property
    def shown(self) -> Rectangle:
        """The pixels of the grid that it draws."""
        grid, left, top = self.grid, self.column * BLOCK, self.row * BLOCK
        return (
            max(left, grid.left),
            max(top, grid.top),
            min(left + BLOCK, grid.left + grid.width),
            min(top + BLOCK, grid.top + grid.height),
        )

    @property
    def place(self) -> tuple[int, int]:
        """Column and row of its north-western pixel in the picture."""
        return self.shown[0] - self.grid.left, self.shown[1] - self.grid.top

    @property
    def size(self) -> tuple[int, int]:
        """Its width and height in the picture."""
        left, top, right, low = self.shown
        return right - left, low - top

    @cached_property
    def has_holes(self) -> bool:
        """Whether any of its pixels lies off the map."""
        if self._native is not None:
            return self._native.off_map
        return not self._squares.fills(self.shown, self._side)

    @property
    def reads(self) -> int:
        """How many tiles it reads, without naming them."""
        window = self._native or self._window
        return 0 if window is None else len(window.columns) * len(window.rows)

    @property
    def samples(self) -> int:
        """How many samples its pixels take; none for pixels that are copied, or off the map."""
        if self._native is not None or self._window is None:
            return 0
        return math.prod(self.size) * math.prod(self._squares.samples)

    def tiles(self) -> tuple[Tile, ...]:
        """Return the tiles that it is made from, each once."""
        window = self._native or self._window
        return () if window is None else window.tiles()

    def picture(self, read: Read, bands: int) -> Pixels:
        """Return its pixels, uint8 [height, width, bands]: 4 for alpha, 0 off the map, else 255."""
        if self._native is not None:
            pixels = self._native.picture(self.size, read)
            alpha = self._native.picture(self.size, _opaque)[..., :1]
        elif self._window is not None:
            pixels, alpha = self._warped(self._window, read)
        else:
            pixels, alpha = (np.zeros((*self.size[::-1], count), np.uint8) for count in (3, 1))
        return pixels if bands == 3 else np.concatenate((pixels * (alpha > 0), alpha), 2)

    @property
    def _side(self) -> int:
        """Pixels along the zoom's map."""
        return TILE_SIZE << self.zoom

    @cached_property
    def _native(self) -> TileWindow | None:
        """The zoom's own pixels, where the grid's are."""
        if not self.grid.is_native(self.zoom):
            return None
        left, top, right, low = (float(edge + self._side // 2) for edge in self.shown)
        return TileWindow.around(self.zoom, (left, top, right, low))

    @cached_property
    def _area(self) -> Rectangle:
        """What is shown in whole squares, with one more on each side for the filter."""
        left, top, right, low = self.shown
        return (
            left // SQUARE * SQUARE - SQUARE,
            top // SQUARE * SQUARE - SQUARE,
            -(-right // SQUARE) * SQUARE + SQUARE,
            -(-low // SQUARE) * SQUARE + SQUARE,
        )

    @cached_property
    def _squares(self) -> Squares:
        left, top = self.column * BLOCK - SQUARE, self.row * BLOCK - SQUARE
        whole = (left, top, left + BLOCK + 2 * SQUARE, top + BLOCK + 2 * SQUARE)
        return Squares.of(self.grid, self.zoom, whole).within(self._area, self._side)

    @cached_property
    def _window(self) -> TileWindow | None:
        """The tiles under the squares; None where they are nowhere."""
        corners = self._squares.corners
        if not len(corners):
            return None
        left, top = np.floor(corners.min((0, 1))) - _REACH
        right, low = np.ceil(corners.max((0, 1))) + _REACH
        top, low = max(float(top), 0.0), min(float(low), float(self._side))
        window = TileWindow.around(self.zoom, (float(left), top, float(right), low))
        if len(window.columns) * len(window.rows) > _MOST_READ:
            raise BadRequestError(
                f"{BLOCK} x {BLOCK} pixels of the picture need more than {_MOST_READ:,} tiles of "
                f"zoom {self.zoom}, expected a system that stretches the Earth less, or a coarser "
                "zoom"
            )
        return window

    def _warped(self, window: TileWindow, read: Read) -> tuple[Pixels, Pixels]:
        """Return colours, uint8 [height, width, 3], and alpha, uint8 [height, width, 1]."""
        mosaic = Image.fromarray(window.mosaic(read))
        # What is off the map within the filter's reach must not count as black.
        ragged = not self._squares.fills(self._area, self._side)
        if ragged:
            mosaic.putalpha(255)
            mosaic = mosaic.convert("RGBa")
        left, top, right, low = self._area
        size, samples = (right - left, low - top), self._squares.samples
        corner = window.columns.start * TILE_SIZE, window.rows.start * TILE_SIZE
        # Samples of Keys' cubic, then his cubic again, as wide as a pixel needs it. Across before
        # down: left to itself, Pillow begins with the direction that the size makes cheaper.
        sampled = mosaic.transform(
            (size[0] * samples[0], size[1] * samples[1]),
            Image.Transform.MESH,
            list(self._squares.mesh((left, top), corner)),
            Image.Resampling.BICUBIC,
        )
        across = sampled.resize((size[0], size[1] * samples[1]), Image.Resampling.BICUBIC)
        drawn = across.resize(size, Image.Resampling.BICUBIC)
        drawn = drawn.convert("RGBA" if ragged else "RGB")
        x, y = self.shown[0] - left, self.shown[1] - top
        pixels = np.asarray(drawn)[y : y + self.size[1], x : x + self.size[0]]
        if not ragged:
            return pixels, np.full((*self.size[::-1], 1), 255, np.uint8)
        return pixels[..., :3], np.where(pixels[..., 3:] < 128, 0, 255).astype(np.uint8)


def _opaque(tile: Tile) -> Pixels:
    return np.full((TILE_SIZE, TILE_SIZE, 3), 255, np.uint8)
