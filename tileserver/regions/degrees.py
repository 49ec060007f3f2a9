"""Rings of polygons in any coordinate reference system, as longitudes and latitudes in degrees."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tileserver.errors import RegionError, shortened

Positions = NDArray[np.float64]
"""A ring, float64 [N, 2]: x and y, or longitude and latitude; the last is the first again."""

PIECES = 200
"""Into so many pieces at least the longer side of a ring's box is cut before it is transformed: a
line that is straight in one system is curved in degrees."""

_DEGREES = re.compile(r"(^|.*\b)(CRS84|EPSG:([0-9.]*:)?4326)$", re.IGNORECASE)
"""Names of longitude and latitude on WGS 84, in the order that files keep whatever they call it."""

_EXPECTED = "expected longitude and latitude in degrees, such as [7.5, 46.9]"

_SNAP = 1e-7
"""A vertex so near to 180 degrees, in degrees, lies there: rounding of metres."""


class Degrees:
    """Takes rings of one reference system to degrees.

    crs: any text that pyproj reads; None for degrees. name: of the file, for messages. Raises
    RegionError for a system that pyproj does not know, or where it is needed and not installed.
    """

    def __init__(self, crs: str | None, name: str) -> None:
        self._crs, self._name = crs, name
        self._transform = None if crs is None or _DEGREES.match(crs) else _transformer(crs, name)

    def rings(self, rings: list[Positions]) -> list[Positions]:
        """Return a polygon's rings in degrees. Raises RegionError where they are not on Earth."""
        if self._transform is None:
            for ring in rings:
                self._check_positions(ring)
                self._check_edges(ring)
            return rings
        found = [self._transformed(ring, self._transform) for ring in rings]
        # The middle of the outline is put on the map, and the holes beside it.
        middle = (_middle(found[0]) + 180) % 360 - 180
        return [ring + (360 * round((middle - _middle(ring)) / 360), 0) for ring in found]

    def _transformed(self, ring: Positions, transform: Any) -> Positions:
        """Return a ring in degrees, going on beyond 180 where it crosses the dateline."""
        dense = _dense(ring)
        longitudes, latitudes = transform(dense[:, 0], dense[:, 1])
        found = np.stack((longitudes, latitudes), 1)
        lost = ~np.isfinite(found).all(1)
        if lost.any():
            raise RegionError(
                f"{self._name} holds the position {_shown(dense[lost][0])}, which is nowhere in "
                f"its coordinate reference system {self._crs}"
            )
        found[:, 0] = np.unwrap(found[:, 0], period=360)
        if abs(found[0, 0] - found[-1, 0]) > 180:
            raise RegionError(
                f"{self._name} holds a ring round a pole, expected one that does not go round the "
                "Earth: cut it at the antimeridian, or give --bbox"
            )
        edge = 360 * np.floor(found[:, 0] / 360) + 180
        found[:, 0] = np.where(np.abs(found[:, 0] - edge) < _SNAP, edge, found[:, 0])
        found[-1] = found[0]
        return found

    def _check_positions(self, ring: Positions) -> None:
        wrong = ~((np.abs(ring[:, 0]) <= 360) & (np.abs(ring[:, 1]) <= 90))
        if wrong.any():
            hint = " and the file names no coordinate reference system" if self._crs is None else ""
            raise RegionError(
                f"{self._name} holds the position {_shown(ring[wrong][0])}{hint}, {_EXPECTED}"
            )

    def _check_edges(self, ring: Positions) -> None:
        """Refuse an edge that most likely was meant to go the other way round the Earth."""
        west, east = ring[:-1, 0], ring[1:, 0]
        whole = (np.abs(west) == 180) & (np.abs(east) == 180)
        wrong = (np.abs(west - east) > 180) & ~whole
        if wrong.any():
            first, last = west[wrong][0], east[wrong][0]
            raise RegionError(
                f"{self._name} has an edge from {first:g} to {last:g} degrees, more than half "
                "round the Earth; expected a polygon that is cut at the antimeridian (RFC 7946) or "
                "goes on beyond 180, such as 182 for -178"
            )


def _transformer(crs: str, name: str) -> Any:
    try:
        import pyproj
    except ImportError:
        raise RegionError(
            f"{name} is in {_short(crs)}, which needs pyproj: install elsewhere[geo]"
        ) from None
    try:
        return pyproj.Transformer.from_crs(crs, "OGC:CRS84", always_xy=True).transform
    except pyproj.exceptions.ProjError:
        raise RegionError(
            f"{name} is in the coordinate reference system {_short(crs)}, expected one that "
            "pyproj knows and that lies on Earth, such as EPSG:4326 or EPSG:2056"
        ) from None


def _dense(ring: Positions) -> Positions:
    """Return a ring with vertices put into its long edges."""
    edges = np.diff(ring, axis=0)
    longest = np.ptp(ring, axis=0).max() / PIECES
    with np.errstate(invalid="ignore", divide="ignore"):
        pieces = np.ceil(np.hypot(*edges.T) / longest)
    counts = np.maximum(np.nan_to_num(pieces, posinf=1), 1).astype(np.int64)
    starts = np.repeat(np.arange(len(edges)), counts)
    steps = np.arange(len(starts)) - np.repeat(np.cumsum(counts) - counts, counts)
    inner = ring[starts] + edges[starts] * (steps / counts[starts])[:, None]
    return np.concatenate((inner, ring[-1:]))


def _middle(ring: Positions) -> float:
    return float(ring[:, 0].min() + ring[:, 0].max()) / 2


def _shown(position: Positions) -> str:
    return "[" + ", ".join(f"{value:.10g}" for value in position) + "]"


def _short(crs: str) -> str:
    return shortened(" ".join(crs.split()))
