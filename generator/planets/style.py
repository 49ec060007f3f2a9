"""What kinds of made-up planets there are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlanetStyle:
    """What a planet is like.

    sea: share of its surface below the sea; warmth and wet: added to temperature and moisture,
    whose whole ranges are about 1; mass: how much plates, and not chance alone, make continents;
    scale: frequency of the continents, lattice cells per radius; words: for people.
    """

    sea: float
    warmth: float
    wet: float
    mass: float
    scale: float
    words: str


STYLES = {
    "terra": PlanetStyle(0.68, 0.0, 0.09, 1.0, 1.25, "continents and oceans much like the Earth's"),
    "islands": PlanetStyle(0.86, 0.04, 0.12, 0.35, 2.2, "archipelagos in a warm sea"),
    "desert": PlanetStyle(0.34, 0.06, -0.42, 0.8, 1.1, "a dry land with a few small seas"),
    "ice": PlanetStyle(0.60, -0.36, -0.05, 1.0, 1.25, "an ice age: green near the equator only"),
}
"""The styles by name; the first is the default."""
