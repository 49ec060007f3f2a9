"""Rivers, roads and railways: lines of the same course at every zoom, as shares of pixels."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.geography import linecourse
from generator.geography.layerfile import LayerFile
from generator.geography.layers import Shares
from generator.geography.linedrawing import PIXEL, drawn
from generator.geography.linefile import (
    CELL_BITS,
    CELL_ZOOM,
    LONGEST,
    WORLD_BITS,
    Integers,
    LineFile,
    Polylines,
    encode,
    parse,
)
from generator.geography.linekinds import kind_of
from generator.geography.relief import Relief
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE
from generator.grid.window import rows_of

_TILE_BITS = TILE_SIZE.bit_length() - 1
_DEEPEST = WORLD_BITS - _TILE_BITS
_CELLS = 1 << CELL_ZOOM
_KEPT_PIECES = 36_000
"""Decoded segments kept in memory, 168 bytes each, unless one group has more."""

_VERSION = 3
"""Part of the digest; changes whenever the same file gives other shares."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Segments of cells as pieces, the corners of the boxes that they may reach, each cell's first.

    pieces: int64 [ROWS, m]. low, high: int64 [2, m]. bounds: int64 [cells + 1].
    """

    pieces: Integers
    low: Integers
    high: Integers
    bounds: Integers


class LineLayer:
    """Lines of one kind (a CoverageLayer); safe to use from several threads."""

    def __init__(self, file: LayerFile, kind: str, relief: Relief | None = None) -> None:
        """Open a file of lines of a kind: `rivers`, `roads` or `rail`.

        relief: makes rivers narrower in mountains, None for the same width everywhere. Raises
        GeographyError if the file is damaged or of another kind.
        """
        self._kind, self._relief = kind_of(kind), relief
        self._file: LineFile = parse(file, kind)
        self._groups: OrderedDict[int, _Group] = OrderedDict()
        self._lock = threading.Lock()
        told = repr((_VERSION, self._kind)).encode() + bytes.fromhex(file.digest)
        if relief is not None and self._kind.narrows:
            told += relief.packed.tobytes()
        self._digest = hashlib.sha256(told).hexdigest()

    @classmethod
    def of(cls, lines: Polylines, kind: str, shift: int = 4) -> LineLayer:
        """Make a layer of lines in memory; their points are rounded to 2**shift units.

        shift: 2 to 16. Raises GeographyError for ranks that the kind does not have.
        """
        ranks = len(kind_of(kind).widths)
        if lines.ranks.max(initial=0) >= ranks:
            raise GeographyError(
                f"a line of {kind} has rank {lines.ranks.max()}, expected 0 to {ranks - 1}"
            )
        return cls(LayerFile(f"the {kind}", encode(lines, kind, shift)), kind)

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides shares."""
        return self._digest

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return the share of each world pixel that lines cover, uint8 [height, width], or None.

        zoom: 0 to 22; lines are as thin as they are, but for the least widths of their ranks.
        """
        # Rows beyond the map's edges are those that they mirror.
        size = TILE_SIZE << zoom
        if area.y0 >= 0 and area.y0 + area.height <= size:
            return self._inside(zoom, area)
        rows = rows_of(area, zoom)
        first, last = int(rows.min()), int(rows.max())
        found = self._inside(zoom, Rectangle(area.x0, first, area.width, last + 1 - first))
        return None if found is None else found[rows - first]

    def _inside(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return shares of a rectangle whose rows lie on the map."""
        pixel = 1 << (_DEEPEST - zoom)
        corner = np.array([[area.x0], [area.y0]]) * pixel
        window = (corner, corner + np.array([[area.width], [area.height]]) * pixel)
        ranks = np.array([zoom >= first for first in self._kind.zooms])
        near = list(self._near(window, ranks, 2 * pixel))
        if not near:
            return None
        pieces = linecourse.prepared(np.concatenate(near, axis=1), self._kind, pixel)
        pieces = linecourse.refined(pieces, self._kind, window, pixel)
        if not pieces.size:
            return None
        # From units to parts of a pixel of the window.
        ends = (pieces[linecourse.START], pieces[linecourse.END])
        start, end = ((point - corner) * PIXEL // pixel for point in ends)
        halves = pieces[linecourse.HALVES].sum(axis=0) * PIXEL // (2 * pixel)
        found = drawn(start, end, halves, (area.height, area.width))
        return found if found.any() else None

    def _near(
        self, window: tuple[Integers, Integers], ranks: NDArray[np.bool_], margin: int
    ) -> Iterator[Integers]:
        """Yield pieces of drawn ranks that may come within a margin of a window, by cells."""
        reach = 2 * LONGEST
        left, top = (((window[0] - reach) >> CELL_BITS)[:, 0]).tolist()
        right, bottom = (((window[1] + reach) >> CELL_BITS)[:, 0]).tolist()
        for y in range(max(0, top), min(_CELLS - 1, bottom) + 1):
            for x in range(left, right + 1):
                turn, column = divmod(x, _CELLS)
                place = self._file.cells.get(y * _CELLS + column)
                if place is None:
                    continue
                group = self._group(place[0])
                cell = slice(*group.bounds[place[1] : place[1] + 2].tolist())
                # Beyond the dateline the same lines lie a world's width farther on.
                aside = np.array([[turn << WORLD_BITS], [0]])
                near = (group.low[:, cell] <= window[1] - aside + margin).all(axis=0)
                near &= (group.high[:, cell] >= window[0] - aside - margin).all(axis=0)
                near &= ranks[group.pieces[linecourse.RANK, cell]]
                chosen = np.flatnonzero(near)
                if chosen.size:
                    pieces = np.take(group.pieces, chosen + cell.start, axis=1)
                    pieces[linecourse.START] += aside
                    pieces[linecourse.END] += aside
                    yield pieces

    def _group(self, number: int) -> _Group:
        """Return a group of cells, decoded now or a short while ago."""
        with self._lock:
            found = self._groups.get(number)
            if found is not None:
                self._groups.move_to_end(number)
                return found
        chains = self._file.group(number)
        pieces = linecourse.pieces_of(chains, self._kind, self._relief)
        found = _Group(pieces, *linecourse.boxes_of(pieces, self._kind), chains.bounds)
        with self._lock:
            self._groups[number] = found
            held = sum(group.pieces.shape[1] for group in self._groups.values())
            while held > _KEPT_PIECES and len(self._groups) > 1:
                _, dropped = self._groups.popitem(last=False)
                held -= dropped.pieces.shape[1]
        return found
