"""Whether rivers go on through the zooms: contrast along their course, and gaps in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from experiments.courses import Course, Floats, beside, course
from experiments.geographyplaces import WITHOUT, WorldPair, rivers, shares_of
from generator.grid.pixels import Pixels
from generator.grid.tile import STAGE_ZOOMS
from training.errors import TrainingError
from training.measure.report import markdown
from training.progress import track

ZOOMS = STAGE_ZOOMS[:4]
ASKED = 1.5
"""Ratio from which on a river is told from what lies beside it."""

LONG, SHORT = 15, 5
"""Pixels along the course over which colours are averaged: for the ratio, and for gaps."""

_FLANK = 2.0
"""Pixels from a river's edge at which its flanks are."""

_BESIDE = (2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
"""Where lines beside a river run, as multiples of the distance of its flanks."""

_WIDTHS = (3.0, 6.0)
"""Widths from the axis between which both sides are compared."""


@dataclass(frozen=True, slots=True)
class River:
    """One river in one tile.

    length, width: pixels of its course. ratio: of its line's contrast and that of lines beside it;
    sides: of its difference from both sides and theirs from each other; gap: pixels of the longest
    piece in which it is absent.
    """

    whose: str
    zoom: int
    place: str
    continent: str
    length: int
    width: float
    ratio: float
    sides: float
    gap: int


def measure(worlds: WorldPair, count: int, seed: int) -> list[River]:
    """Follow `count` rivers at zooms 7, 9, 11 and 13 in both worlds."""
    layer = worlds.geography.rivers
    if layer is None:
        raise TrainingError("the geography has no rivers, expected a layer of them")
    found = []
    basemap = worlds.cascades[WITHOUT].basemap
    for place in track(rivers(layer, worlds.water, basemap, count, seed), "rivers"):
        courses = {}
        for zoom in ZOOMS:
            tile = place.tile(zoom)
            lines, water = shares_of(layer, tile), shares_of(worlds.water, tile)
            courses[tile] = course(lines, np.maximum(lines, water), place.pixel(zoom))
        for name, tile, pixels in worlds.tiles(list(courses)):
            at = courses[tile]
            found.append(_river(name, tile.z, str(tile), place.continent, at, pixels))
    return found


def _river(whose: str, zoom: int, place: str, continent: str, at: Course, pixels: Pixels) -> River:
    return River(
        whose, zoom, place, continent, len(at.path), at.width,
        line_ratio(pixels, at), side_ratio(pixels, at), gap(pixels, at),
    )  # fmt: skip


def line_ratio(picture: Pixels, at: Course) -> float:
    """Return the line integral of contrast along the axis, over that of lines beside it.

    The contrast of a line is its colour less the mean of its flanks', 2 px off the river's edges,
    averaged over 15 px along the course; its length in RGB is averaged over the course. Lines
    beside run in parallel, at 2.5 to 5 times the flanks' distance. 1 is what no river gives.
    """
    apart = at.width / 2 + _FLANK
    own = _lengths(contrast(picture, at, 0, apart), LONG)
    others = [
        _lengths(contrast(picture, at, sign * far * apart, apart), LONG)
        for far in _BESIDE
        for sign in (-1, 1)
    ]
    return _mean(own) / max(_mean(np.concatenate(others)), 1e-9)


def side_ratio(picture: Pixels, at: Course) -> float:
    """Return how much a river differs from both sides, over how much these differ.

    Sides are 3 to 6 widths away and averaged over 15 px along the course, like the axis. Less than
    1 is what no river gives, as both sides lie farther apart than the axis from either.
    """
    axis = averages(beside(picture, at, 0), LONG)
    away, across = [], []
    for offset in np.arange(*(np.ceil(part * at.width) for part in _WIDTHS)).tolist():
        left, right = (averages(beside(picture, at, sign * offset), LONG) for sign in (-1, 1))
        across.append(np.linalg.norm(left - right, axis=1))
        away.append(np.linalg.norm(axis - left, axis=1) + np.linalg.norm(axis - right, axis=1))
    known = ~np.isnan(np.concatenate(across))
    apart = _mean(np.concatenate(away)[known]) / 2
    return apart / max(_mean(np.concatenate(across)[known]), 1e-9)


def gap(picture: Pixels, at: Course) -> int:
    """Return the longest piece, in pixels, in which a river is not told from its sides.

    There its contrast over 5 px, in the direction in which it differs on the whole, is less than
    the mean contrast of lines beside it. Pieces without a known flank do not count.
    """
    apart = at.width / 2 + _FLANK
    own = averages(contrast(picture, at, 0, apart), SHORT)
    known = ~np.isnan(own[:, 0])
    if not known.any():
        return 0
    others = [
        _lengths(contrast(picture, at, sign * far * apart, apart), SHORT)
        for far in _BESIDE
        for sign in (-1, 1)
    ]
    way = own[known].mean(0)
    signed = own @ way / max(float(np.linalg.norm(way)), 1e-9)
    longest = run = 0
    for absent in (signed[known] < _mean(np.concatenate(others))).tolist():
        run = run + 1 if absent else 0
        longest = max(longest, run)
    return longest


def contrast(picture: Pixels, at: Course, offset: float, apart: float) -> Floats:
    """Return the colours of a line less the mean of two lines `apart` pixels from it: [n, 3]."""
    left, right = (beside(picture, at, offset + sign * apart) for sign in (-1, 1))
    return beside(picture, at, offset) - (left + right) / 2


def averages(values: Floats, over: int) -> Floats:
    """Average along the course over `over` pixels, cut at its ends, of what is known: [n, 3]."""
    known = ~np.isnan(values)
    count = np.maximum(_running(known.astype(np.float64), over), 1)
    return np.where(known, _running(np.where(known, values, 0.0), over) / count, np.nan)


def _lengths(values: Floats, over: int) -> Floats:
    lengths: Floats = np.linalg.norm(averages(values, over), axis=1)
    return lengths


def _mean(values: Floats) -> float:
    """Return the mean of what is known, NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _running(values: Floats, over: int) -> Floats:
    """Sum over windows along the first axis, cut at both ends."""
    before = over // 2
    padded = np.pad(values, ((before + 1, over - 1 - before), (0, 0)))
    sums = padded.cumsum(0)
    running: Floats = sums[over:] - sums[:-over]
    return running


def table(rows: list[River]) -> str:
    """Return medians over rivers by zoom and world, and how many pass."""
    lines = []
    for zoom in ZOOMS:
        for whose in sorted({row.whose for row in rows}, reverse=True):
            some = [row for row in rows if (row.zoom, row.whose) == (zoom, whose)]
            if not some:
                continue
            values = {
                name: np.array([getattr(row, name) for row in some], np.float64)
                for name in ("length", "width", "ratio", "sides", "gap")
            }
            ratios = values["ratio"]
            lines.append([
                whose, str(zoom), str(len(some)),
                f"{np.median(values['length']):.0f}", f"{np.median(values['width']):.1f}",
                f"{np.nanmedian(ratios):.2f}", f"{np.nanmin(ratios):.2f}",
                f"{int((ratios >= ASKED).sum())} of {len(some)}",
                f"{np.nanmedian(values['sides']):.2f}",
                f"{np.median(values['gap']):.0f}", f"{values['gap'].max():.0f}",
            ])  # fmt: skip
    columns = ["rivers of", "zoom", "tiles", "length, px", "width, px", "ratio", "least",
               f">= {ASKED}", "sides, ratio", "gap, px", "longest gap, px"]  # fmt: skip
    return markdown(columns, lines)


def plain(rows: list[River]) -> list[dict[str, object]]:
    """Return rows as JSON objects."""
    return [asdict(row) for row in rows]
