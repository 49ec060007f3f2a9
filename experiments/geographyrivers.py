"""Whether rivers go on through the zooms: contrast along their course, and gaps in it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.courses import Course, course, profiles
from experiments.geographyplaces import WITHOUT, Worlds, rivers, shares_of
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

_ABSENT = 0.5
"""Part of the mean difference between both sides, below which a river is absent."""


@dataclass(frozen=True, slots=True)
class River:
    """One river in one tile.

    length, width: pixels of its course. ratio: of line integrals; single: the same of single
    pixels. gap: pixels of the longest piece in which the river is absent.
    """

    whose: str
    zoom: int
    place: str
    continent: str
    length: int
    width: float
    ratio: float
    single: float
    gap: int


def measure(worlds: Worlds, count: int, seed: int) -> list[River]:
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
    along = profiles(pixels, at)
    return River(
        whose, zoom, place, continent, len(at.path), at.width,
        ratio(*along, LONG), ratio(*along, 1), gap(*along, SHORT),
    )  # fmt: skip


Floats = NDArray[np.float64]


def ratio(axis: Floats, left: Floats, right: Floats, over: int) -> float:
    """Return how much more a river differs from both sides than these from each other.

    axis: colours along the course [n, 3]; left, right: beside it [n, d, 3], NaN where unknown;
    over: pixels along the course over which colours are averaged first, each on its own line. 1 is
    what a line without a river gives, or less, as both sides lie farther apart than the axis.
    """
    axis, left, right = _integrals(axis, left, right, over)
    across = np.linalg.norm(left - right, axis=2)
    away = (_apart(axis, left) + _apart(axis, right)) / 2
    known = ~np.isnan(across)
    return float(away[known].mean() / max(across[known].mean(), 1e-9)) if known.any() else np.nan


def gap(axis: Floats, left: Floats, right: Floats, over: int) -> int:
    """Return the longest piece, in pixels, in which a river is not told from its sides.

    There its colour differs from the mean of both sides, in the direction in which it differs on
    the whole, by less than half of what the two sides differ from each other on average.
    """
    axis, left, right = _integrals(axis, left, right, over)
    known = ~np.isnan(left[..., 0] + right[..., 0])
    rows = known.any(1)
    if not rows.any():
        return 0
    limit = _ABSENT * float(np.linalg.norm((left - right)[known], axis=1).mean())
    middle = np.nanmean(((left + right) / 2)[rows], axis=1)
    contrast = axis[rows] - middle
    way = contrast.mean(0)
    signed = contrast @ way / max(float(np.linalg.norm(way)), 1e-9)
    # The longest run; what has no known sides, such as a lake on the way, does not count.
    longest = run = 0
    for absent in (signed < limit).tolist():
        run = run + 1 if absent else 0
        longest = max(longest, run)
    return longest


def _apart(axis: Floats, side: Floats) -> Floats:
    apart: Floats = np.linalg.norm(axis[:, None] - side, axis=2)
    return apart


def _integrals(axis: Floats, left: Floats, right: Floats, over: int) -> tuple[Floats, ...]:
    """Average colours along the course over `over` pixels, without those that are unknown."""
    known = ~np.isnan(left[..., :1] + right[..., :1])
    found = []
    for values in (np.broadcast_to(axis[:, None], left.shape), left, right):
        total = _running(np.where(known, values, 0.0), over)
        count = _running(np.broadcast_to(known, values.shape).astype(np.float64), over)
        with np.errstate(invalid="ignore"):
            found.append(np.where(known & (count > 0), total / count, np.nan))
    return _running(axis, over) / _running(np.ones_like(axis), over), found[1], found[2]


def _running(values: Floats, over: int) -> Floats:
    """Sum over windows along the first axis, cut at both ends."""
    before = over // 2
    padded = np.pad(values, ((before + 1, over - 1 - before), *((0, 0),) * (values.ndim - 1)))
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
                for name in ("length", "width", "ratio", "single", "gap")
            }
            ratios = values["ratio"]
            lines.append([
                whose, str(zoom), str(len(some)),
                f"{np.median(values['length']):.0f}", f"{np.median(values['width']):.1f}",
                f"{np.nanmedian(ratios):.2f}", f"{np.nanmin(ratios):.2f}",
                f"{int((ratios >= ASKED).sum())} of {len(some)}",
                f"{np.nanmedian(values['single']):.2f}",
                f"{np.median(values['gap']):.0f}", f"{values['gap'].max():.0f}",
            ])  # fmt: skip
    columns = ["rivers of", "zoom", "tiles", "length, px", "width, px", "ratio", "least",
               f">= {ASKED}", "of single pixels", "gap, px", "longest gap, px"]  # fmt: skip
    return markdown(columns, lines)


def plain(rows: list[River]) -> list[dict[str, object]]:
    """Return rows as JSON objects."""
    return [asdict(row) for row in rows]
