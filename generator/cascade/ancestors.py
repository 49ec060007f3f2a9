"""What a block reads of ancestors that are not there: made as blocks first, or drawn in part.

A tile of zoom 15 in an empty cache reads about three blocks of each stage above it, of which it
needs an eighth. Where windows of any shape have the same pixels, only that is drawn: the parts are
equal to those of the blocks, so that nothing depends on which of the two was done. Parts pay their
margins again and again: so what other blocks wait for is drawn with them, up to `JOINED`, and a
block of which many parts were asked for is made whole.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

import numpy as np

from generator.cascade.renderer import Has, PixelCache, Renderer, missing_inputs
from generator.grid.block import Block
from generator.grid.pixels import Pixels, Read, ReadArea
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE, Tile
from generator.grid.window import gather, tiles_of

CELL = 64
"""Pixels along the squares in which drawn parts are kept for the next blocks."""

CELLS = 1024
"""How many of them are kept: 12 MiB."""

PARTS = 16
"""How often a block is read in part before it is made whole, of which most is there by then."""

JOINED = 512
"""Pixels along a part to which it is extended, as long as a block, so that it takes no more memory.
"""

_COUNTED = 4096
"""Blocks whose parts are counted."""

Cell = tuple[int, int, int]
"""Zoom, column, row."""

Missing = Callable[[Rectangle, int], Rectangle | None]
"""Returns the smallest rectangle of cells around those of an area of a zoom that are not there."""


class Ancestors(Protocol):
    """Says what is made before a block, and makes the block."""

    def inputs(self, seed: int, block: Block, has: Has) -> list[Block]:
        """Return the blocks that must be made right before a block, each once."""
        ...

    def compute(
        self, seed: int, block: Block, read: Read, has: Has, waiting: Collection[Block] = ()
    ) -> dict[Tile, Pixels]:
        """Pixels of all tiles of a block when its inputs are there, as of `Renderer.compute`.

        waiting: blocks that are made next, of which nothing but time depends.
        """
        ...


@runtime_checkable
class PartsRenderer(Renderer, Protocol):
    """A renderer whose windows may have any shape."""

    @property
    def draws_parts(self) -> bool:
        """Say whether the parts of a window have the same pixels as the whole."""
        ...

    @property
    def base_zoom(self) -> int:
        """Return the finest zoom that the base map serves."""
        ...

    def reads(self, zoom: int, core: Rectangle) -> dict[int, Rectangle]:
        """Return what a stage reads to draw the child of a core, by zoom."""
        ...

    def draw(self, seed: int, zoom: int, core: Rectangle, read: ReadArea) -> Pixels:
        """Draw the child of a core, in parent pixels, of a stage."""
        ...

    def compute_from(self, seed: int, block: Block, read: ReadArea) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, from what `reads` says."""
        ...

    def divided(self, block: Block, whole: Pixels) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, from those of its stage, uint8 [512, 512, 3]."""
        ...


def ancestors_of(renderer: Renderer, parts: bool = True) -> Ancestors:
    """Return how a renderer's ancestors are made: in part where it can and `parts` is true."""
    if parts and isinstance(renderer, PartsRenderer) and renderer.draws_parts:
        return PartialAncestors(renderer)
    return WholeAncestors(renderer)


class WholeAncestors:
    """Makes whole blocks of all that is read."""

    def __init__(self, renderer: Renderer) -> None:
        self.renderer = renderer

    def inputs(self, seed: int, block: Block, has: Has) -> list[Block]:
        """Return the blocks of all tiles that are read and not there."""
        return missing_inputs(self.renderer, block, has)

    def compute(
        self, seed: int, block: Block, read: Read, has: Has, waiting: Collection[Block] = ()
    ) -> dict[Tile, Pixels]:
        """Pixels of all tiles of a block, from the tiles that it reads."""
        return self.renderer.compute(seed, block, read)


class PartialAncestors:
    """Draws what a block reads of ancestors that are not there.

    `inputs` is for one thread at a time, `compute` for any: one draws ancestors, the others wait,
    since they may need the same.
    """

    def __init__(self, renderer: PartsRenderer) -> None:
        self.renderer = renderer
        # Who reads a damaged tile may make it again before it goes on.
        self._cells, self._drawing = PixelCache(CELLS), threading.RLock()
        self._asked: OrderedDict[tuple[int, Block], int] = OrderedDict()

    def inputs(self, seed: int, block: Block, has: Has) -> list[Block]:
        """Return the base map's blocks, and of the others those that were often read in part."""
        missing = missing_inputs(self.renderer, block, has)
        if not missing or not self._drawable(block):
            return missing
        return [each for each in missing if self._is_due(seed, each)]

    def compute(
        self, seed: int, block: Block, read: Read, has: Has, waiting: Collection[Block] = ()
    ) -> dict[Tile, Pixels]:
        """Pixels of all tiles of a block; what it reads and is not there is drawn first.

        waiting: blocks that are made next; what they read beside it is drawn with it.
        """
        stage = block.stage
        if stage is None or not self._drawable(block):
            return self.renderer.compute(seed, block, read)
        parts, own = _Parts(seed, read, has, self._cells), _pixels_of(block)
        with self._drawing:
            plan = self._plan(stage, own, parts.missing, self._around(block, waiting))
            # A block of which nothing is there yet is drawn as always, after its ancestors.
            plain = bool(plan) and plan[0] == (stage, own)
            for zoom, area in reversed(plan[plain:]):
                core = area.coarser(SCALE)
                parts.add(zoom, area, self.renderer.draw(seed, zoom, core, self._read(parts)))
        if plain:
            return self.renderer.compute_from(seed, block, self._read(parts))
        # Of others the rest was drawn.
        return self.renderer.divided(block, parts(own, stage))

    def _read(self, parts: _Parts) -> ReadArea:
        """Return what reads parts, and the base map wherever it is."""

        def read(area: Rectangle, zoom: int) -> Pixels:
            return (
                gather(area, zoom, base) if zoom <= self.renderer.base_zoom else parts(area, zoom)
            )

        def base(tile: Tile) -> Pixels:
            if not parts.has(tile):
                made = self.renderer.compute(parts.seed, Block.of(tile), parts.read)
                return made[tile]
            return parts.read(tile)

        return read

    def _around(self, block: Block, waiting: Collection[Block]) -> Rectangle:
        """Return the pixels of a block with those of others near it that wait, too."""
        own = around = _pixels_of(block)
        for other in waiting:
            if other.stage == block.stage and _near(other, block):
                around = around.joined(_pixels_of(other))
        inside = around == own or self._lies_inside(block.stage, around)
        return around if inside else own

    def _plan(
        self, stage: int, own: Rectangle, missing: Missing, around: Rectangle
    ) -> list[tuple[int, Rectangle]]:
        """Return the rectangles to draw for pixels of a stage, each with its zoom, upwards.

        around: pixels that are drawn soon, own among them, for which they are extended.
        """
        plan = list[tuple[int, Rectangle]]()
        wanted, later = {stage: own}, dict[int, Rectangle]()
        if around != own:
            self._add_read(later, stage, around)
        for zoom in range(stage, self.renderer.base_zoom, -2):
            # What is missing of all that finer stages read, and what drawing it reads.
            area = missing(wanted[zoom], zoom) if zoom in wanted else None
            if area is not None:
                if zoom in later:
                    # More of what is read soon, as far as it is missing, too.
                    seen = _common(later[zoom].joined(area), area.grown(JOINED))
                    whole = missing(seen, zoom) or area
                    self._add_read(later, zoom, whole)
                    area = missing(_extended(area, whole), zoom) or area
                plan.append((zoom, area))
                self._add_read(wanted, zoom, area)
        return plan

    def _add_read(self, wanted: dict[int, Rectangle], zoom: int, area: Rectangle) -> None:
        """Add what drawing an area of a zoom reads."""
        for level, seen in self.renderer.reads(zoom, area.coarser(SCALE)).items():
            wanted[level] = wanted[level].joined(seen) if level in wanted else seen

    def _drawable(self, block: Block) -> bool:
        """Say whether all that a block may need drawn lies inside the map, off the dateline."""
        return not self._in_base(block) and self._lies_inside(block.stage, _pixels_of(block))

    def _lies_inside(self, stage: int | None, area: Rectangle) -> bool:
        """Say whether all that pixels of a stage may need drawn lies inside the map."""
        assert stage is not None
        plan = self._plan(stage, area, lambda each, _: _outline(each), area)
        return all(Rectangle(0, 0, *[TILE_SIZE << zoom] * 2).holds(each) for zoom, each in plan)

    def _in_base(self, block: Block) -> bool:
        """Say whether the base map serves a block."""
        return block.stage is None or block.stage <= self.renderer.base_zoom

    def _is_due(self, seed: int, block: Block) -> bool:
        """Count a block that is read; say whether it is to be made whole."""
        if self._in_base(block):
            return True
        key = (seed, block)
        self._asked[key] = count = self._asked.pop(key, 0) + 1
        if len(self._asked) > _COUNTED:
            self._asked.popitem(last=False)
        return count > PARTS


class _Parts:
    """Tiles and drawn cells that one block and its ancestors are drawn from.

    has, read: of whole tiles; kept: cells for later blocks.
    """

    def __init__(self, seed: int, read: Read, has: Has, kept: PixelCache) -> None:
        self.seed, self.read, self.has = seed, read, has
        self._kept = kept
        self._cells: dict[Cell, Pixels] = {}

    def __call__(self, area: Rectangle, zoom: int) -> Pixels:
        """Return a rectangle of world pixels: uint8 [h, w, 3]."""
        if self._in_tiles(area, zoom):
            return gather(area, zoom, self.read)
        whole = _outline(area)
        pixels = np.empty((whole.height, whole.width, 3), np.uint8)
        for cell in _cells(whole, zoom):
            pixels[_inside(whole, cell)] = self._cell(cell)
        y, x = area.y0 - whole.y0, area.x0 - whole.x0
        return pixels[y : y + area.height, x : x + area.width]

    def missing(self, area: Rectangle, zoom: int) -> Rectangle | None:
        """Return the smallest rectangle of cells around all that are not there, None for none."""
        found: Rectangle | None = None
        if self._in_tiles(area, zoom):
            return found
        for cell in _cells(_outline(area), zoom):
            kept = self._kept.get((self.seed, *cell))
            if kept is not None:
                self._cells[cell] = kept
            elif cell not in self._cells and not self.has(_tile_of(cell)):
                square = Rectangle(CELL * cell[1], CELL * cell[2], CELL, CELL)
                found = square if found is None else found.joined(square)
        return found

    def add(self, zoom: int, area: Rectangle, pixels: Pixels) -> None:
        """Add a drawn rectangle of cells."""
        for cell in _cells(area, zoom):
            self._cells[cell] = np.ascontiguousarray(pixels[_inside(area, cell)])
            self._kept.put((self.seed, *cell), self._cells[cell])

    def _in_tiles(self, area: Rectangle, zoom: int) -> bool:
        """Say whether all tiles of a rectangle are there."""
        return all(map(self.has, tiles_of(area, zoom)))

    def _cell(self, cell: Cell) -> Pixels:
        if cell not in self._cells:
            y, x = (CELL * at % TILE_SIZE for at in (cell[2], cell[1]))
            self._cells[cell] = self.read(_tile_of(cell))[y : y + CELL, x : x + CELL]
        return self._cells[cell]


def _pixels_of(block: Block) -> Rectangle:
    """Return the world pixels of a block's stage."""
    side = 2 * TILE_SIZE
    return Rectangle(side * block.top.x, side * block.top.y, side, side)


def _near(one: Block, other: Block) -> bool:
    """Say whether a part that is drawn for one block may serve another."""
    return max(abs(one.top.x - other.top.x), abs(one.top.y - other.top.y)) <= SCALE


def _common(one: Rectangle, other: Rectangle) -> Rectangle:
    """Return what two rectangles have in common, which is something."""
    x0, y0 = max(one.x0, other.x0), max(one.y0, other.y0)
    x1 = min(one.x0 + one.width, other.x0 + other.width)
    y1 = min(one.y0 + one.height, other.y0 + other.height)
    return Rectangle(x0, y0, x1 - x0, y1 - y0)


def _extended(area: Rectangle, within: Rectangle) -> Rectangle:
    """Return an area extended to JOINED pixels a side, as far as another that holds it reaches."""

    def along(start: int, length: int, first: int, whole: int) -> tuple[int, int]:
        end = max(start + length, min(first + whole, start + JOINED))
        start = min(start, max(first, end - JOINED))
        return start, end - start

    x0, width = along(area.x0, area.width, within.x0, within.width)
    y0, height = along(area.y0, area.height, within.y0, within.height)
    return Rectangle(x0, y0, width, height)


def _outline(area: Rectangle) -> Rectangle:
    """Return the cells that a rectangle touches, as a rectangle of pixels."""
    return area.coarser(CELL).finer(CELL)


def _cells(area: Rectangle, zoom: int) -> list[Cell]:
    """Return the cells of a rectangle whose sides are those of cells."""
    at = area.coarser(CELL)
    return [(zoom, at.x0 + x, at.y0 + y) for y in range(at.height) for x in range(at.width)]


def _inside(area: Rectangle, cell: Cell) -> tuple[slice, slice]:
    """Return where a cell lies in a rectangle."""
    y, x = CELL * cell[2] - area.y0, CELL * cell[1] - area.x0
    return slice(y, y + CELL), slice(x, x + CELL)


def _tile_of(cell: Cell) -> Tile:
    """Return the tile that a cell is a part of."""
    zoom, column, row = cell
    return Tile(zoom, CELL * column // TILE_SIZE, CELL * row // TILE_SIZE)
