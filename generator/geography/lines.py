"""Rivers, roads and railways: lines of the same course at every zoom, as shares of pixels."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.geography import linecourse
from generator.geography.layers import Shares
from generator.geography.linecourse import Pieces
from generator.geography.linedrawing import drawn
from generator.geography.linefile import (
    CELL_BITS,
    CELL_ZOOM,
    LONGEST,
    WORLD_BITS,
    Chains,
    Integers,
    LineFile,
    Polylines,
    encode,
    parse,
)
from generator.geography.linekinds import PIXEL, LineKind, kind_of
from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE
from generator.grid.window import rows_of

_TILE_BITS = TILE_SIZE.bit_length() - 1
_DEEPEST = WORLD_BITS - _TILE_BITS
_KEPT_GROUPS = 48
_VERSION = 1
"""Part of the digest; changes whenever the same file gives other shares."""


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell's lines, and the corners of the boxes that its segments may reach."""

    chains: Chains
    boxes: tuple[Integers, Integers]


class LineLayer:
    """Lines of one kind (a CoverageLayer); safe to use from several threads."""

    def __init__(self, data: bytes, kind: LineKind, name: str) -> None:
        self._kind = kind
        self._file: LineFile = parse(data, kind.name, name)
        self._groups: OrderedDict[int, list[_Cell]] = OrderedDict()
        self._lock = threading.Lock()
        told = repr((_VERSION, kind)).encode()
        self._digest = hashlib.sha256(told + hashlib.sha256(data).digest()).hexdigest()

    @classmethod
    def open(cls, path: Path, kind: str) -> LineLayer:
        """Open a file of lines of a kind: `rivers`, `roads` or `rail`.

        Raises GeographyError if it is missing, damaged or of another kind.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise GeographyError(f"cannot read the layer {path}: {error.strerror}") from error
        return cls(data, kind_of(kind), str(path))

    @classmethod
    def of(cls, lines: Polylines, kind: str, shift: int = 4) -> LineLayer:
        """Make a layer of lines in memory; their points are rounded to 2**shift units."""
        return cls(encode(lines, kind, shift), kind_of(kind), f"the {kind}")

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
        pixel = 1 << (_DEEPEST - zoom)
        ranks = np.array([zoom >= first for first in self._kind.zooms])
        corner = np.array([[area.x0], [area.y0]]) * pixel
        sides = np.array([[area.width], [area.height]]) * pixel
        window = (corner, corner + sides)
        parts = [
            linecourse.refined(pieces, self._kind, window, pixel)
            for pieces in self._near(window, ranks, pixel)
        ]
        parts = [part for part in parts if part.depths.size]
        if not parts:
            return None
        # From units to parts of a pixel of the window.
        pieces = linecourse.joined(parts)
        start, end = (_scaled(point - corner, pixel) for point in (pieces.start, pieces.end))
        halves = _scaled(pieces.halves.sum(axis=0, dtype=np.int64) >> 1, pixel)
        found = drawn(start, end, halves, (area.height, area.width))
        return found if found.any() else None

    def _near(
        self, window: tuple[Integers, Integers], ranks: NDArray[np.bool_], pixel: int
    ) -> Iterator[Pieces]:
        """Yield the segments that may cover pixels of a window, moved beside it at the dateline."""
        reach = 2 * LONGEST
        low, high = ((corner[:, 0] + by) >> CELL_BITS for corner, by in
                     zip(window, (-reach, reach), strict=True))  # fmt: skip
        last = (1 << CELL_ZOOM) - 1
        for y in range(max(0, int(low[1])), min(last, int(high[1])) + 1):
            for x in range(int(low[0]), int(high[0]) + 1):
                turn, column = divmod(x, 1 << CELL_ZOOM)
                place = self._file.cells.get((y << CELL_ZOOM) + column)
                if place is None:
                    continue
                cell = self._group(place[0])[place[1]]
                aside = np.array([[turn << WORLD_BITS], [0]])
                moved = (window[0] - aside, window[1] - aside)
                pieces = self._chosen(cell, moved, ranks, pixel)
                if pieces is not None:
                    yield pieces.moved(aside)

    def _chosen(
        self,
        cell: _Cell,
        window: tuple[Integers, Integers],
        ranks: NDArray[np.bool_],
        pixel: int,
    ) -> Pieces | None:
        low, high = cell.boxes
        near = (low <= window[1] + 2 * pixel).all(axis=0)
        near &= (high >= window[0] - 2 * pixel).all(axis=0)
        near &= ranks[cell.chains.ranks]
        (chosen,) = np.nonzero(near)
        if not chosen.size:
            return None
        return linecourse.pieces_of(cell.chains, chosen, self._kind, pixel)

    def _group(self, number: int) -> list[_Cell]:
        """Return a group's cells, decoded now or a short while ago."""
        with self._lock:
            found = self._groups.get(number)
            if found is not None:
                self._groups.move_to_end(number)
                return found
        decoded = self._file.group(number)
        found = [_Cell(chains, linecourse.boxes_of(chains, self._kind)) for chains in decoded]
        with self._lock:
            self._groups[number] = found
            while len(self._groups) > _KEPT_GROUPS:
                self._groups.popitem(last=False)
        return found


def _scaled(units: Integers, pixel: int) -> Integers:
    """Turn units into 1 / PIXEL of a pixel, rounded down."""
    return units * PIXEL // pixel
