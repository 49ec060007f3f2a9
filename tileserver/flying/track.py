"""The line that a flight follows: great circles between points, joined by smooth turns.

Vectors are unit vectors from the centre of a sphere, float64 [..., 3]; lengths along the track are
angles in radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tileserver.flying.route import Point

Floats = NDArray[np.float64]

MAP_LATITUDE = 84.0
"""Degrees: a track nearer to a pole than this goes round it on this parallel, inside the map."""

_STEP = 1e-4
"""Radians between two positions of the table on a straight leg: 640 m, 8 mm off the circle."""

_TURN_STEPS = 256


class Track:
    """Great circles through points, with a turn at each inner one that begins before it.

    turns: for each point how far before it the turn may begin, radians; a turn never takes more
    than half a leg. length: of all legs. marks: of those before each point, [N]. polar: see
    `table`.
    A turn is a quadratic Bezier curve on the sphere: position and velocity are continuous in the
    length, and a track that comes back on itself slows down to stand still.
    """

    def __init__(self, points: Sequence[Point], turns: Sequence[float]) -> None:
        vectors = [vector(*point) for point in points]
        legs = [angle(a, b) for a, b in pairwise(vectors)]
        self.length = math.fsum(legs)
        self.marks = np.append(0.0, np.cumsum(legs))
        inner = [
            min(turn, before / 2, after / 2)
            for turn, before, after in zip(turns[1:-1], legs, legs[1:], strict=False)
        ]
        reach = [0.0, *inner, 0.0]
        self._pieces: list[tuple[float, float, tuple[Floats, ...]]] = []
        start = 0.0
        for index, leg in enumerate(legs):
            ends = vectors[index], vectors[index + 1]
            out, back = reach[index], reach[index + 1]
            straight = leg - out - back
            first, last = along(*ends, out), along(*ends, leg - back)
            if straight > 0:
                self._pieces.append((start + out, straight, (first, last)))
            if back:
                after = along(vectors[index + 1], vectors[index + 2], back)
                self._pieces.append((start + leg - back, 2 * back, (last, ends[1], after)))
            start += leg
        self.polar = False

    def at(self, lengths: Floats) -> Floats:
        """Return the vectors at lengths from 0 to `length`, [N] to [N, 3]."""
        starts = np.array([piece[0] for piece in self._pieces])
        owners = np.clip(np.searchsorted(starts, lengths, "right") - 1, 0, None)
        found = np.empty((len(lengths), 3))
        for owner in np.unique(owners):
            start, size, controls = self._pieces[owner]
            mine = owners == owner
            share = np.clip((lengths[mine] - start) / size, 0.0, 1.0)
            found[mine] = _bezier(controls, share)
        return found

    def table(self) -> tuple[Floats, Floats, Floats]:
        """Return lengths, world columns and rows of positions along the track, each [N].

        Columns and rows are shares of the Web Mercator map, columns go on across the dateline. The
        first length is 0. Where the track comes nearer to a pole than MAP_LATITUDE it follows that
        parallel, lengths are measured along what is left of it, and `polar` is set.
        """
        lengths = np.unique(np.concatenate([_spread(*piece) for piece in self._pieces]))
        x, y, z = self.at(lengths).T
        longitudes = np.unwrap(np.arctan2(y, x))
        latitudes = np.arctan2(z, np.hypot(x, y))
        limit = math.radians(MAP_LATITUDE)
        self.polar = bool(np.abs(latitudes).max() > limit)
        latitudes = np.clip(latitudes, -limit, limit)
        columns = 0.5 + longitudes / (2 * math.pi)
        rows = 0.5 - np.arcsinh(np.tan(latitudes)) / (2 * math.pi)
        if self.polar:
            middle = np.cos((latitudes[1:] + latitudes[:-1]) / 2)
            steps = 2 * math.pi * np.hypot(np.diff(columns), np.diff(rows)) * middle
            lengths = np.append(0.0, np.cumsum(steps))
        return lengths, columns, rows


def vector(longitude: float, latitude: float) -> Floats:
    """Return the unit vector of a point in degrees."""
    east, north = math.radians(longitude), math.radians(latitude)
    level = math.cos(north)
    found: Floats = np.array([level * math.cos(east), level * math.sin(east), math.sin(north)])
    return found


def angle(a: Floats, b: Floats) -> float:
    """Return the angle between two unit vectors in radians, exact for small ones too."""
    return math.atan2(float(np.linalg.norm(np.cross(a, b))), float(a @ b))


def along(a: Floats, b: Floats, length: float) -> Floats:
    """Return the vector that lies so many radians from `a` towards `b`."""
    whole = angle(a, b)
    found: Floats = _slerp(a[None], b[None], np.array([length / whole]))[0]
    return found


def _bezier(controls: tuple[Floats, ...], share: Floats) -> Floats:
    """Return the points of a Bezier curve on the sphere after de Casteljau, [N] to [N, 3]."""
    level = [np.broadcast_to(control, (len(share), 3)) for control in controls]
    while len(level) > 1:
        level = [_slerp(a, b, share) for a, b in pairwise(level)]
    return level[0]


def _slerp(a: Floats, b: Floats, share: Floats) -> Floats:
    """Return the vectors at shares of the great circles from a to b, [N, 3]."""
    normal = np.cross(a, b)
    sine = np.linalg.norm(normal, axis=-1, keepdims=True)
    whole = np.arctan2(sine, np.sum(a * b, axis=-1, keepdims=True))
    aside = np.cross(normal, a) / np.where(sine > 0, sine, 1.0)
    turned = whole * share[:, None]
    found: Floats = np.cos(turned) * a + np.sin(turned) * aside
    found /= np.linalg.norm(found, axis=-1, keepdims=True)
    return found


def _spread(start: float, size: float, controls: tuple[Floats, ...]) -> Floats:
    """Return lengths along a piece, close enough for straight lines between them."""
    steps = _TURN_STEPS if len(controls) > 2 else max(1, math.ceil(size / _STEP))
    spread: Floats = np.linspace(start, start + size, steps + 1)
    return spread
