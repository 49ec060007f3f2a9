"""The coarse fields of a made-up planet: plates, crust, ranges, moisture; at most 1024 wide."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.planets.spherenoise import (
    Floats,
    directions,
    fractal,
    octave,
    points,
    ridged,
    smooth_step,
    uniform,
)
from generator.planets.style import PlanetStyle

DETAIL, RANGES, SOIL = (1.25, 0.58), (5.0, 0.58), (5.0, 0.88)
"""Frequency of octave 0 and gain: of the ground, of mountains, of soil and plants."""

_WIDTH = 1024
_PLATES = 24
_LEAST_CELL = 2.2
"""Pixels that the lattice cell of the finest octave is wide, at least."""
_LAPS = 2
"""How often the wind goes round."""


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields by name, each [h, 2h], with the octaves that a picture `width` wide shows.

    base: height of the ground, 0 at the shore and about 1 at the highest plains; rough: how much
    detail the ground has; belt: height of mountains, whose form is crest; wet: moisture, 0 to 1;
    warm: temperature at the sea's level, 0 (ice) to 1; stone: 0 to 1, which colour deserts have;
    soil: noise of soil and plants.
    """

    maps: dict[str, Floats]
    width: int

    def at(
        self,
        width: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64] | None = None,
        names: Iterable[str] | None = None,
    ) -> dict[str, Floats]:
        """Return fields at rows and columns of a picture `width` wide, cubically.

        columns: in [0, width), None for all; names: None for all. Each is [rows, columns].
        """
        across = np.arange(width) if columns is None else columns
        chosen = self.maps if names is None else names
        return {name: _enlarge(self.maps[name], width, rows, across) for name in chosen}


def shown(width: int, frequency: float) -> int:
    """Return how many octaves from a frequency on a picture can show."""
    return max(1, int(math.log2(max(1.0, width / (2 * math.pi * _LEAST_CELL * frequency)))) + 1)


def finer(than: int, width: int, frequency: float) -> range:
    """Return the octaves that a picture `width` wide shows and one `than` wide does not."""
    return range(shown(than, frequency), shown(width, frequency))


def relief(seed: int, held: int, width: int, ground: tuple[Floats, dict[str, Floats]]) -> Floats:
    """Return heights of a picture `width` wide: 0 at the shore, about 1 at the highest plains.

    held: the width that the coarse fields show; ground: points [3, ...], and at them the coarse
    fields base, rough, belt and crest.
    """
    place, coarse = ground
    # Octaves that the coarse fields do not hold are added at full size.
    fine = [finer(held, width, spread[0]) for spread in (DETAIL, RANGES)]
    base = coarse["base"] + fractal(seed, 1, place, DETAIL, fine[0]) * coarse["rough"]
    crest = coarse["crest"] + ridged(seed, 2, place, RANGES, fine[1])
    height: Floats = base + coarse["belt"] * crest
    return height


def draw_fields(seed: int, style: PlanetStyle, width: int) -> Fields:
    """Draw the fields of a planet whose picture will be `width` wide."""
    across = min(_WIDTH, width)
    rows = np.arange(across // 2)
    # Enlarging blurs, so the finest octave that they could hold is left to the picture.
    held = across // 2
    # Positions on the sphere, bent so that plates have no straight edges.
    place = points(across, rows)
    wander = [fractal(seed, 8 + k, place, (1.7, 0.5), range(4)) for k in range(3)]
    bent = place + np.float32(0.30) * np.stack(wander)
    bent /= np.sqrt(bent[0] ** 2 + bent[1] ** 2 + bent[2] ** 2)
    # Continents: plates, chance and detail, cut at the height of the sea.
    crust, push, pull = _plates(seed, bent)
    chance = fractal(seed, 1, bent, (style.scale, 0.52), range(3))
    detail = fractal(seed, 1, place, DETAIL, range(3, shown(held, DETAIL[0])))
    hilly = smooth_step(-0.3, 0.5, octave((seed, 77), place, 1.9))
    rough = (0.45 + 0.55 * hilly).astype(np.float32)
    ground = style.mass * 0.42 * crust + chance + detail * rough + 0.22 * push
    ground = ground - _shore(ground, style.sea)
    # Mountains where plates push together and on hilly land.
    land = smooth_step(-0.12, 0.22, ground)
    belt = (push * (0.35 + 0.65 * land) + 0.30 * hilly * land * land) * 1.15
    crest = ridged(seed, 2, place, RANGES, range(shown(held, RANGES[0])))
    crest -= np.float32(0.9)
    # Ridges part the deep sea where plates part.
    base = ground + 0.16 * pull * (1 - land) * (0.5 + crest)
    height = base + belt * crest
    # Climate follows from latitude, height and the way of the wind.
    warm = _warmth(seed, place, style)
    return Fields(
        {
            "base": base.astype(np.float32),
            "rough": rough,
            "belt": belt.astype(np.float32),
            "crest": crest,
            "soil": fractal(seed, 3, place, SOIL, range(shown(held, SOIL[0]))),
            "wet": _moisture(seed, place, height, warm, style),
            "warm": warm,
            "stone": smooth_step(-0.5, 0.5, fractal(seed, 4, place, (2.3, 0.6), range(5))),
        },
        held,
    )


def _plates(seed: int, place: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the plates' crust, -1 to 1, and where they push together and pull apart, 0 to 1."""
    # Plates with a centre, a drift and a crust each.
    centres = directions((seed, 1 << 20), _PLATES)
    spins = directions((seed, 2 << 20), _PLATES)
    crusts = np.where(uniform((seed, 3 << 20), _PLATES) < 0.42, 1.0, -0.8)
    drift = np.cross(spins, centres)
    near = np.stack([
        np.float32(c[0]) * place[0] + np.float32(c[1]) * place[1] + np.float32(c[2]) * place[2]
        for c in centres
    ])  # fmt: skip
    nearest = near.argmax(0)
    top = near.max(0)
    weights = np.maximum(1 - (top - near) / np.float32(0.10), 0) ** 2
    total = weights.sum(0)
    crust = sum(w * np.float32(c) for w, c in zip(weights, crusts, strict=True)) / total
    # How fast neighbouring plates close in on each other.
    push = np.zeros_like(top)
    for other in range(_PLATES):
        apart = centres[other] - centres
        length = np.sqrt((apart * apart).sum(1)) + 1e-9
        closing = ((drift - drift[other]) * apart).sum(1) / length
        push += weights[other] * closing.astype(np.float32)[nearest]
    sides = (total - 1) / np.maximum(total, 1)
    push = push / np.maximum(total - 1, 1) * smooth_step(0.0, 0.42, sides)
    return crust.astype(np.float32), np.clip(push, 0, 1), np.clip(-push, 0, 1)


def _shore(ground: Floats, sea: float) -> np.float32:
    """Return the height that `sea` of the sphere's surface lies below."""
    rows = len(ground)
    sine = np.round((2 * (np.arange(rows) + 0.5) / rows - 1) * 2.0**30) * 2.0**-30
    even = np.clip((np.arccos(sine) / math.pi * rows).astype(int), 0, rows - 1)
    flat = np.sort(ground[even].ravel())
    return np.float32(flat[int(sea * (len(flat) - 1))].item())


def _warmth(seed: int, place: Floats, style: PlanetStyle) -> Floats:
    """Return the temperature at the sea's level, 1 at the equator and 0 at the ice's edge."""
    up = np.abs(place[2])
    waver = fractal(seed, 5, place, (2.1, 0.55), range(4))
    square = up * up
    warm = 1.06 - 0.34 * square - 0.86 * square * square * up + 0.13 * waver + style.warmth
    exact: Floats = warm.astype(np.float32)
    return exact


def _moisture(seed: int, place: Floats, height: Floats, warm: Floats, style: PlanetStyle) -> Floats:
    """Return the moisture, 0 to 1: bands of latitude, and what the wind brings from the sea."""
    up = np.abs(place[2])
    tropic = smooth_step(0.34, 0.05, up)
    middle = smooth_step(0.48, 0.72, up)
    bands = 0.16 + 0.66 * tropic + 0.46 * middle
    wind = smooth_step(0.42, 0.58, up[:, :1]) * 2 - 1
    brought = _wind(np.maximum(height, 0), height <= 0, wind[:, 0])
    waver = fractal(seed, 6, place, (3.1, 0.6), range(6))
    wet = 0.60 * bands + 0.75 * brought * (0.28 + bands) + 0.15 * waver + style.wet
    return np.clip(wet, 0, 1).astype(np.float32)


def _wind(rise: Floats, sea: NDArray[np.bool_], wind: Floats) -> Floats:
    """Return how much moisture air has left after its way over land, 0 to 1.

    wind: per row, 1 from the west and -1 from the east; where they turn, both count.
    """
    both = []
    for turn in (1, -1):
        ground, wet = rise[:, ::turn], sea[:, ::turn]
        climb = np.maximum(np.diff(ground, axis=1, prepend=ground[:, -1:]), 0)
        dry = 1 - np.float32(3.0 / len(rise)) - np.minimum(climb * 1.6, 0.5)
        air = np.full(len(rise), 0.7, np.float32)
        left = np.empty_like(rise)
        for lap in range(_LAPS):
            for x in range(rise.shape[1]):
                soaked = air + (1 - air) * np.float32(12 / len(rise))
                moved = np.where(wet[:, x], soaked, air * dry[:, x])
                # Air of neighbouring rows mixes.
                air[:] = (np.roll(moved, 1) + 2 * moved + np.roll(moved, -1)) / 4
                if lap:
                    left[:, x] = air
        both.append(left[:, ::turn])
    share = ((1 + wind) / 2)[:, None]
    mixed: Floats = (both[0] * share + both[1] * (1 - share)).astype(np.float32)
    return mixed


def _enlarge(
    field: Floats, width: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Floats:
    """Return rows and columns of a field enlarged cubically; beyond a pole is the far meridian."""
    height, across = field.shape
    scale = across / width
    taps, weights = _cubic((rows + 0.5) * scale - 0.5)
    tall: Floats = np.zeros((len(rows), across), np.float32)
    for tap, weight in zip(taps, weights, strict=True):
        over = (tap < 0) | (tap >= height)
        line = field[np.where(tap < 0, -1 - tap, np.where(over, 2 * height - 1 - tap, tap))]
        line = np.where(over[:, None], np.roll(line, across // 2, 1), line)
        tall += line * weight[:, None]
    taps, weights = _cubic((columns + 0.5) * scale - 0.5)
    wide: Floats = np.zeros((len(rows), len(columns)), np.float32)
    for tap, weight in zip(taps, weights, strict=True):
        wide += tall[:, tap % across] * weight
    return wide


def _cubic(place: NDArray[np.float64]) -> tuple[list[NDArray[np.int64]], list[Floats]]:
    """Return the four neighbours of places and their weights: a cubic B-spline, which is smooth."""
    below = np.floor(place)
    t = place - below
    # Products, as powers differ in their last bit between machines.
    weights = (
        (1 - t) * (1 - t) * (1 - t) / 6,
        ((3 * t - 6) * t * t + 4) / 6,
        (((3 - 3 * t) * t + 3) * t + 1) / 6,
        t * t * t / 6,
    )
    first = below.astype(np.int64) - 1
    return [first + k for k in range(4)], [w.astype(np.float32) for w in weights]
