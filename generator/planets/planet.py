"""Made-up planets: a whole equirectangular picture out of nothing but a seed and a style.

Plates drift and give the continents their mass, ranges where they meet and ridges where they part;
a wind carries moisture from the sea until mountains take it; latitude and height give the warmth.
Colours are those that the Blue Marble has where the ground is alike (measured), because the
network knows these. Coarse fields are drawn once (`generator.planets.fields`), detail row by row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels
from generator.planets.colours import paint
from generator.planets.fields import SOIL, Fields, draw_fields, finer, relief
from generator.planets.spherenoise import Floats, fractal, points
from generator.planets.style import STYLES, PlanetStyle

WIDTH = 4096
"""Pixels round the equator of a planet that is named instead of opened."""
MIN_WIDTH, MAX_WIDTH = 64, 16384
MAX_SEED = (1 << 64) - 1

_ROWS = 16
_HALO = 1
_LIGHT = (-0.62, 0.55)
"""How much a slope that rises to the east, and one that rises to the north, is lit."""

Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Planet:
    """Which planet: any integer in [0, 2**64), and one of STYLES."""

    seed: int
    style: str = "terra"

    def __post_init__(self) -> None:
        """Raise BaseMapError for what is no planet."""
        if not 0 <= self.seed <= MAX_SEED:
            raise BaseMapError(f"the planet's number is {self.seed}, expected 0 to 2^64 - 1")
        if self.style not in STYLES:
            raise BaseMapError(
                f"the planet's style is {self.style!r}, expected one of: {', '.join(STYLES)}"
            )

    @classmethod
    def named(cls, base: Path | str | None) -> Planet | None:
        """Read "planet:N" or "planet:N:STYLE"; None for anything else, such as a file.

        Raises BaseMapError for a name that begins with "planet:" and goes on wrongly.
        """
        head, colon, rest = str(base).partition(":")
        if base is None or head != "planet" or not colon:
            return None
        match = re.fullmatch(r"([0-9]{1,20})(?::(.*))?", rest, re.ASCII)
        if match is None:
            raise BaseMapError(
                f"base map is {str(base)!r}, expected planet:N or planet:N:STYLE such as planet:3"
            )
        return cls(int(match[1]), match[2] if match[2] is not None else "terra")

    def __str__(self) -> str:
        """Return the name that `named` reads."""
        return f"planet:{self.seed}" + ("" if self.style == "terra" else f":{self.style}")

    def fields(self, width: int = WIDTH) -> Fields:
        """Return the coarse fields of the picture of a width; the last are remembered."""
        return _fields(self.seed, STYLES[self.style], width)

    def picture(self, width: int = WIDTH, report: Report | None = None) -> Pixels:
        """Draw the planet, uint8 [width/2, width, 3], west edge at 180 degrees W.

        The same planet at any width, which decides how much detail there is. report is told (rows
        done, of how many). Raises BaseMapError for a width that is odd or out of range.
        """
        if width % 2 or not MIN_WIDTH <= width <= MAX_WIDTH:
            raise BaseMapError(
                f"the planet's width is {width}, expected an even number, {MIN_WIDTH} to "
                f"{MAX_WIDTH}"
            )
        fields = self.fields(width)
        out = np.empty((width // 2, width, 3), np.uint8)
        starts = range(0, len(out), _ROWS)

        def strip(start: int) -> None:
            stop = min(start + _ROWS, len(out))
            out[start:stop] = _strip(self.seed, STYLES[self.style], fields, (start, stop), width)

        # Every strip is a pure function of its rows: threads only make it sooner.
        with ThreadPoolExecutor(2) as pool:
            for done, _ in enumerate(pool.map(strip, starts), 1):
                if report is not None:
                    report(min(done * _ROWS, len(out)), len(out))
        return out


_fields = lru_cache(maxsize=1)(draw_fields)


def _strip(
    seed: int, style: PlanetStyle, fields: Fields, span: tuple[int, int], width: int
) -> Pixels:
    """Draw rows [start, stop) of the picture."""
    rows = np.arange(span[0] - _HALO, span[1] + _HALO)
    place = points(width, rows)
    coarse = fields.at(width, rows)
    height = relief(seed, fields.width, width, (place, coarse))
    soil = coarse["soil"] + fractal(seed, 3, place, SOIL, finer(fields.width, width, SOIL[0]))
    # Light needs the rows above and below.
    shade = _shade(height, rows, width)
    inner = slice(_HALO, -_HALO)
    ground = {name: values[inner] for name, values in coarse.items()}
    ground |= {"height": height[inner], "shade": shade, "detail": soil[inner] * np.float32(0.5)}
    return paint(ground, style)


def _shade(height: Floats, rows: NDArray[np.int64], width: int) -> Floats:
    """Return how the inner rows are lit from the north-west, about -1 to 1."""
    step = 2 * math.pi / width
    latitude = math.pi / 2 - (rows[1:-1] + 0.5) * step
    across = np.maximum(np.abs(np.round(np.cos(latitude) * 2.0**30) * 2.0**-30), 0.02)
    inner = height[1:-1]
    east = (np.roll(inner, -1, 1) - np.roll(inner, 1, 1)) / (2 * step * across[:, None])
    north = (height[:-2] - height[2:]) / (2 * step)
    slope = (east * _LIGHT[0] + north * -_LIGHT[1]).astype(np.float32) * np.float32(0.05)
    lit: Floats = slope / (1 + np.abs(slope))
    return lit
