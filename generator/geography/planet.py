"""The water of a made-up planet: the sea of its own heights and the rivers that run down to it."""

from __future__ import annotations

import hashlib
import threading

import numpy as np
from numpy.typing import NDArray

from generator.geography.layers import Shares
from generator.geography.linefile import Polylines
from generator.geography.lines import LineLayer
from generator.geography.planetrelief import PlanetRelief
from generator.geography.planetrivers import planet_rivers
from generator.grid.rectangle import Rectangle
from generator.planets.planet import Planet

VERSION = 1
"""Changes with all that decides shares and is no part of the planet's name."""
_KIND = "rivers"
_NONE = Polylines(np.zeros((0, 2), np.int64), np.zeros(1, np.int64), np.zeros(0, np.uint8))
RAMP = 1.5
"""Pixels over which the share goes from 0 to 1."""


class PlanetWater:
    """Shares of sea in pixels, where the planet's height is below 0. Thread-safe."""

    def __init__(self, planet: Planet) -> None:
        """Prepare a planet; its coarse fields are drawn when shares are first asked for."""
        self._relief = PlanetRelief(planet)
        self.digest = hashlib.sha256(f"planet water {VERSION} {planet}".encode()).hexdigest()

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return 255ths of sea, uint8 [height, width], None where there is none."""
        grown = area.grown(1)
        low, high, steepest = self._relief.bounds(zoom, grown)
        # The ramp of the steepest slope, which goes up along both axes.
        reach = RAMP / 2 * 1.42 * steepest
        if low > reach:
            return None
        if high < -reach:
            return np.full((area.height, area.width), 255, np.uint8)
        shares = _ramp(self._relief.heights(zoom, grown))
        return shares if shares.any() else None


class PlanetRivers:
    """Shares of rivers in pixels (a CoverageLayer); thread-safe.

    They are found when shares are first asked for, which takes some seconds.
    """

    def __init__(self, planet: Planet) -> None:
        """Prepare a planet."""
        self._planet = planet
        self._lock = threading.Lock()
        self._lines: LineLayer | None = None
        # How lines are drawn is part of a layer's digest, so of one without lines.
        drawn = LineLayer.of(_NONE, _KIND).digest
        told = f"planet rivers {VERSION} {planet} {drawn}"
        self.digest = hashlib.sha256(told.encode()).hexdigest()

    def shares(self, zoom: int, area: Rectangle) -> Shares | None:
        """Return 255ths of river, uint8 [height, width], None where there is none."""
        return self._found().shares(zoom, area)

    def _found(self) -> LineLayer:
        """Return the lines of the rivers, found now or before."""
        with self._lock:
            if self._lines is None:
                self._lines = LineLayer.of(planet_rivers(self._planet), _KIND)
            return self._lines


def _ramp(heights: NDArray[np.float64]) -> Shares:
    """Return the shares of all but the outermost pixels: the shore cuts them as its slope says.

    heights: whole numbers [h + 2, w + 2]. Only sums, products, quotients and roots, each rounded as
    IEEE 754 says, so that they are equal on every machine.
    """
    inner = heights[1:-1, 1:-1]
    across = heights[1:-1, 2:] - heights[1:-1, :-2]
    down = heights[2:, 1:-1] - heights[:-2, 1:-1]
    # How much the height changes over the ramp's length; a flat is all sea or none.
    change = np.maximum(np.sqrt(across * across + down * down) * (RAMP / 2), 1)
    share = np.clip(0.5 - inner / change, 0, 1)
    exact: Shares = np.floor(share * 255 + 0.5).astype(np.uint8)
    return exact
