"""How high a flight is at which moment, and how far it has come by then.

The moment runs from 0 to 1. The logarithm of the altitude is a smooth curve through the altitudes
given, evenly spread over the film, and the speed over ground is proportional to the altitude: so
the picture moves and grows at an even pace however high the camera is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np

from tileserver.errors import FlightError
from tileserver.flying.track import Floats

LOWEST, HIGHEST = 500.0, 20_000_000.0
"""Metres."""

MOST_ALTITUDES = 100

_SAMPLES = 1 << 14
_ALTITUDE = re.compile(r"(\d+\.?\d*|\.\d+)\s*(km|m|)")


def parse_altitudes(text: str) -> tuple[float, ...]:
    """Read '40km' or '400km:3km:400km' as metres. Raises FlightError with a sentence."""
    expected = "expected one or more such as 40km or 400km:3km:400km"
    parts = [_ALTITUDE.fullmatch(part.strip().lower()) for part in text.split(":")]
    metres = [float(part[1]) * (1000 if part[2] == "km" else 1) for part in parts if part]
    if len(metres) < len(parts) or len(metres) > MOST_ALTITUDES:
        raise FlightError(f"the altitude is {text[:60]!r}, {expected}")
    for given in metres:
        if not LOWEST <= given <= HIGHEST:
            raise FlightError(
                f"the altitude is {given:g} m, expected {LOWEST:g} m to {HIGHEST / 1000:g} km"
            )
    return tuple(metres)


class AltitudeProfile:
    """A curve of altitudes over the moments of a flight. altitudes: metres, one or more."""

    def __init__(self, altitudes: Sequence[float]) -> None:
        knots = np.log(np.array([*altitudes, altitudes[-1]][: max(2, len(altitudes))]))
        self._knots, self._slopes = knots, _slopes(knots)
        self._moments = np.linspace(0.0, 1.0, _SAMPLES + 1)
        heights = self.altitude(self._moments)
        steps = (heights[1:] + heights[:-1]) / 2
        self.mean = float(steps.mean())
        self._shares = np.append(0.0, np.cumsum(steps)) / steps.sum()
        self._heights = heights

    @property
    def octaves(self) -> float:
        """Return how often the altitude doubles or halves on the whole flight."""
        return float(np.abs(np.diff(self._knots)).sum()) / math.log(2)

    def altitude(self, moments: Floats) -> Floats:
        """Return metres at moments from 0 to 1."""
        spans = len(self._knots) - 1
        place = np.clip(moments, 0.0, 1.0) * spans
        left = np.minimum(place.astype(int), spans - 1)
        t = place - left
        low, high = self._knots[left], self._knots[left + 1]
        rise, fall = self._slopes[left], self._slopes[left + 1]
        # Cubic Hermite.
        found: Floats = np.exp(
            low * (2 * t**3 - 3 * t**2 + 1)
            + high * (3 * t**2 - 2 * t**3)
            + rise * (t**3 - 2 * t**2 + t)
            + fall * (t**3 - t**2)
        )
        return found

    def share(self, moments: Floats) -> Floats:
        """Return the share of the way that lies behind at moments."""
        found: Floats = np.interp(moments, self._moments, self._shares)
        return found

    def altitude_after(self, shares: Floats) -> Floats:
        """Return metres after shares of the way."""
        found: Floats = np.interp(shares, self._shares, self._heights)
        return found


def _slopes(knots: Floats) -> Floats:
    """Return slopes at evenly spaced knots for a curve that overshoots none (Fritsch, Butland)."""
    steps = np.diff(knots)
    slopes = np.concatenate([steps[:1], np.zeros(len(knots) - 2), steps[-1:]])
    before, after = steps[:-1], steps[1:]
    rising = before * after > 0
    slopes[1:-1][rising] = 2 * before[rising] * after[rising] / (before + after)[rising]
    return slopes


def eased(shares: Floats, ramp: float) -> Floats:
    """Return moments for shares of the film's time: at rest at both ends, even between.

    ramp: share of the time in which the speed rises, and in which it falls, up to 0.5.
    """

    def rising(u: Floats) -> Floats:
        s = np.clip(u / ramp, 0.0, 1.0)
        return ramp * (s**3 - s**4 / 2) + np.maximum(u - ramp, 0.0)

    half = np.minimum(shares, 0.5)
    rest = np.minimum(1.0 - shares, 0.5)
    found: Floats = np.where(shares <= 0.5, rising(half), (1 - ramp) - rising(rest)) / (1 - ramp)
    return found
