"""A flight as a list of cameras, one for each frame of the film."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from generator.grid.tile import MAX_ZOOM, TILE_SIZE
from tileserver.documents.grid import EARTH_RADIUS, EDGE
from tileserver.errors import FlightError
from tileserver.flying.altitude import AltitudeProfile, eased
from tileserver.flying.route import Point
from tileserver.flying.track import MAP_LATITUDE, Floats, Track
from tileserver.flying.view import Camera, Size, layers

SPEED = 0.25
"""Frame widths that the picture moves in a second, where nothing else is asked for."""

OCTAVES_PER_SECOND = 0.75
"""How fast the altitude doubles or halves at most then."""

LEAST_SECONDS, MOST_SECONDS = 0.2, 7200.0

MOST_FRAMES = 200_000

RAMP_SECONDS = 2.0
"""Seconds in which the camera gets up to speed, and stops; never more than a third of the film."""

LEVEL_OCTAVES = 0.3
"""A flight whose zooms differ by less is drawn from a single zoom, so that nothing has to fade."""

_HEADROOM = 0.25
"""Octaves by which that zoom is finer than the frame at least."""


@dataclass(frozen=True, slots=True)
class FlightPlan:
    """What was asked for. Raises FlightError for what cannot be.

    points: the path. altitudes: metres, evenly spread over the film. size: of a frame in pixels.
    seconds: of the film; None works them out from speed, in frame widths per second.
    """

    points: tuple[Point, ...]
    altitudes: tuple[float, ...]
    size: Size
    fps: float
    speed: float = SPEED
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that make no film."""
        for name, value, low, high in (
            ("width", self.size[0], 16, 4096),
            ("height", self.size[1], 16, 4096),
            ("number of frames per second", self.fps, 1, 120),
            ("speed", self.speed, 0.001, 100),
            ("length in seconds", self.seconds or 1.0, LEAST_SECONDS, MOST_SECONDS),
        ):
            if not low <= value <= high:
                raise FlightError(f"the film's {name} is {value:g}, expected {low:g} to {high:g}")


class Flight:
    """The frames of a planned flight.

    frames: how many. seconds: how long it takes. metres: length of the path. polar: whether it goes
    round a pole. lowered: whether the camera is lower somewhere than asked for. max_zoom: the
    finest of the world, which frames are drawn from.
    """

    def __init__(self, plan: FlightPlan, max_zoom: int = MAX_ZOOM) -> None:
        self.plan, self.max_zoom = plan, max_zoom
        profile = AltitudeProfile(plan.altitudes)
        legs = Track(plan.points, [0.0] * len(plan.points))
        track = Track(plan.points, _turns(plan, profile, legs))
        lengths, columns, rows = track.table()
        self.metres = EARTH_RADIUS * float(lengths[-1])
        self.seconds = self._duration(profile)
        self.frames = max(2, round(self.seconds * plan.fps))
        if self.frames > MOST_FRAMES:
            raise FlightError(
                f"the film has {self.frames:,} frames, expected at most {MOST_FRAMES:,}: give "
                "--seconds, a greater --speed or altitude, or fewer frames per second"
            )
        ramp = min(RAMP_SECONDS / self.seconds, 1 / 3)
        moments = eased(np.arange(self.frames) / (self.frames - 1), ramp)
        place = profile.share(moments) * lengths[-1]
        x, y = np.interp(place, lengths, columns), np.interp(place, lengths, rows)
        self.polar = track.polar
        self._cameras, self.lowered = _fitted(plan.size, x, y, profile.altitude(moments))
        levels = np.log2(self._cameras[:, 2] / TILE_SIZE)
        self._zoom: int | None = None
        if levels.max() - levels.min() < LEVEL_OCTAVES:
            self._zoom = min(max(math.ceil(levels.max() + _HEADROOM), 0), max_zoom)

    def _duration(self, profile: AltitudeProfile) -> float:
        """Return the seconds of the film: as asked for, or what speed and altitudes need."""
        if self.plan.seconds is not None:
            return self.plan.seconds
        moving = self.metres / (profile.mean * self.plan.speed)
        pace = OCTAVES_PER_SECOND * self.plan.speed / SPEED
        seconds = max(moving, profile.octaves / pace) + RAMP_SECONDS
        if seconds > MOST_SECONDS:
            raise FlightError(
                f"the flight takes {seconds / 3600:,.1f} hours at this speed, expected at most "
                f"{MOST_SECONDS / 3600:g}: give --seconds, or a greater --speed or altitude"
            )
        return max(seconds, LEAST_SECONDS)

    def notes(self) -> list[str]:
        """Return sentences on what the frames will not show as asked."""
        found = []
        if self.polar:
            found.append(
                f"The path comes nearer to a pole than {MAP_LATITUDE:g} degrees, where the map "
                "ends; the camera goes round the pole"
            )
        if self.lowered:
            found.append("The camera stays lower where its frame would be larger than the map")
        level = float(self._cameras[:, 2].max()) / (TILE_SIZE << self.max_zoom)
        if level > 1.01:
            found.append(
                f"Zoom {self.max_zoom}, the finest, is enlarged {level:.1f} times where the camera "
                "is lowest: fly higher, or give a smaller --size"
            )
        return found

    def camera(self, frame: int) -> Camera:
        """Return where frame 0, 1, ... lies."""
        return Camera(*map(float, self._cameras[frame]))

    def layers(self, frame: int) -> tuple[tuple[int, float], ...]:
        """Return the zooms that a frame is drawn from with their weights, which add up to 1."""
        if self._zoom is not None:
            return ((self._zoom, 1.0),)
        return layers(self.camera(frame).level, self.max_zoom)

    def __iter__(self) -> Iterator[Camera]:
        """Yield the cameras of all frames."""
        return map(self.camera, range(self.frames))


def _turns(plan: FlightPlan, profile: AltitudeProfile, legs: Track) -> list[float]:
    """Return how far before each point its turn may begin: half a frame's width of ground."""
    heights = profile.altitude_after(legs.marks / legs.length)
    return [float(height) / 2 / EARTH_RADIUS for height in heights]


def _fitted(size: Size, x: Floats, y: Floats, altitudes: Floats) -> tuple[Floats, bool]:
    """Return x, y and scale of cameras, [N, 3], none of which looks beyond the map's edges.

    The second value says whether any had to be lowered for that.
    """
    height = size[1]
    level = 1 / np.cosh(2 * math.pi * (0.5 - y))  # the cosine of the latitude
    wanted = 2 * EDGE * level * max(size) / altitudes
    scale = np.maximum(wanted, height)
    lowered = bool((wanted < height).any())
    half = height / scale / 2
    return np.stack([x, np.clip(y, half, 1 - half), scale], axis=1), lowered
