"""From which zoom on the map page writes a place's name: large places first, none on another.

A name's zoom depends on no view, so that none appears and vanishes while somebody moves the map;
and it stays at every deeper zoom, as places only move apart there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FIRST, LAST = 2, 14
"""Zooms at which names begin to be written; at LAST all that are left are."""

LETTER, HEIGHT = 7.0, 20.0
"""Pixels of a letter and of a line, in the largest type of the page."""

ROOM = (20.0, 26.0)
"""Pixels that stay free between two names, across and down, in the mean over a view."""

INHABITANTS = {2: 4_000_000, 3: 1_500_000, 4: 500_000, 5: 150_000, 6: 50_000, 7: 15_000, 8: 5_000}
"""Inhabitants from which on a place may have a name at a zoom."""

CAPITAL = 3
"""A capital counts as a place of so many times its inhabitants."""

_CELL = 256.0


class Label(NamedTuple):
    """A name on the map; degrees, inhabitants."""

    name: str
    latitude: float
    longitude: float
    population: int
    capital: bool = False


def label_zooms(labels: Sequence[Label]) -> list[int]:
    """Return the first zoom of each label: where it lies on none more important, or LAST."""
    points = [_world(label) for label in labels]
    widths = [LETTER * len(label.name) + ROOM[0] for label in labels]
    weights = [label.population * (CAPITAL if label.capital else 1) for label in labels]
    ranked = sorted(range(len(labels)), key=lambda index: -weights[index])
    found = [LAST] * len(labels)
    for zoom in range(LAST - 1, FIRST - 1, -1):
        boxes, scale = _Boxes(), 256 * 2.0**zoom
        for index in ranked:
            if weights[index] < INHABITANTS.get(zoom, 0):
                break
            # One that waits keeps its place free too: no village stands where a city belongs.
            box = (scale * points[index][0], scale * points[index][1], widths[index])
            if not boxes.meet(*box):
                found[index] = zoom
            boxes.add(*box)
    return found


class _Boxes:
    """Boxes of names at one zoom, found by where they lie."""

    def __init__(self) -> None:
        self._cells: defaultdict[tuple[int, int], list[tuple[float, float, float]]] = defaultdict(
            list
        )

    def add(self, x: float, y: float, width: float) -> None:
        for cell in self._covered(x, y, width):
            self._cells[cell].append((x, y, width))

    def meet(self, x: float, y: float, width: float) -> bool:
        height = HEIGHT + ROOM[1]
        return any(
            abs(x - u) < (width + other) / 2 and abs(y - v) < height
            for cell in self._covered(x, y, width)
            for u, v, other in self._cells.get(cell, ())
        )

    @staticmethod
    def _covered(x: float, y: float, width: float) -> Iterator[tuple[int, int]]:
        height = HEIGHT + ROOM[1]
        for column in range(int((x - width / 2) // _CELL), int((x + width / 2) // _CELL) + 1):
            for row in range(int((y - height / 2) // _CELL), int((y + height / 2) // _CELL) + 1):
                yield column, row


def _world(label: Label) -> tuple[float, float]:
    """Return where a label lies, as shares of the map from its western and northern edge."""
    sine = math.sin(math.radians(max(-85.0, min(85.0, label.latitude))))
    return (label.longitude + 180) / 360, 0.5 - math.atanh(sine) / (2 * math.pi)
