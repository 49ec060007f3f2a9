"""Labels: for each pixel the cell whose scene is shown there, an argmin of whole numbers.

A cell may rule in a square of sites round its centre. At each site it costs by its distance, by
how far the scene's descriptor there is from the picture's, and by noise; costs between sites are
interpolated in whole numbers. Where tones are told, a cell costs more at pixels whose tone is not
that of its centre, so that layouts end where the ground changes, as the superpixels of Achanta et
al., "SLIC superpixels compared to state-of-the-art superpixel methods", 2012.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import keys
from generator.grid.rectangle import Rectangle
from generator.memory.config import SITE, ChoiceConfig
from generator.memory.descriptor import WATER
from generator.memory.patches import Patches, squared_gaps

DISTANCE = 512
"""Cost at one spacing from the centre; it grows with the square."""

MISFIT = 1024
"""Cost of a descriptor endlessly far from the picture's."""

HALF = 600
"""Squared distance of descriptors that costs half of MISFIT."""

NOISE = 256
"""Range of the noise."""

EDGE = 512
"""Cost at the edge of a scene, so that joints wind before it ends in a straight line."""

EDGE_WIDTH = 12
"""Pixels from the edge at which that cost begins."""

UNLIKE = 90
"""Difference of tones, sum of three channels, from which on they cost no more."""

DRY = 2560
"""Cost of land at a site that is open sea."""

_OPEN, _LAND = 98, 94
"""Water of a descriptor: open sea's least, and land's most."""

_FORBIDDEN = 4095

_AT_ONCE = 64

Integers = NDArray[np.int64]
Costs = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class PlacedPatches:
    """What n cells show, int64 [n] each, in the order that decides ties; keys: uint64 [n].

    scene; top, left: what must be added to a pixel corner of the choosing grid to find it in the
    scene; ys, xs: the cells' centres.
    """

    scene: Integers
    top: Integers
    left: Integers
    ys: Integers
    xs: Integers
    keys: NDArray[np.uint64]

    def part(self, cells: slice) -> PlacedPatches:
        """Return some of the cells."""
        return PlacedPatches(
            self.scene[cells], self.top[cells], self.left[cells], self.ys[cells], self.xs[cells],
            self.keys[cells],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class SiteDescriptors:
    """Descriptors of the picture at a rectangle of sites: int8 [rows, columns, d].

    row, column: of the first; site k lies at the pixel corner SITE k.
    """

    row: int
    column: int
    descriptors: NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class LabelWindow(Rectangle):
    """A rectangle of pixels, `scale` of which lie along a pixel of the choosing grid."""

    scale: int


@dataclass(frozen=True, slots=True)
class Tones:
    """Tones of the pixels of a rectangle of the choosing grid: int16 [3, height, width].

    They must reach over the window and the centres of the cells that may rule in it. cost: of a
    tone that is wholly unlike that of a cell's centre.
    """

    area: Rectangle
    pixels: NDArray[np.int16]
    cost: int

    def costs(self, unit: np.signedinteger[Any]) -> Costs:
        """Return what each difference up to UNLIKE costs, in units and of their type."""
        each: Costs = (np.arange(UNLIKE + 1) * self.cost // UNLIKE).astype(unit.dtype) * unit
        return each

    def unlike(self, y: int, x: int, part: LabelWindow, costs: Costs) -> Costs:
        """Return the costs of the pixels of a window for a cell centred at a pixel corner.

        costs: of each difference, as `costs` returns them.
        """
        rows = np.arange(part.y0, part.y0 + part.height) // part.scale - self.area.y0
        columns = np.arange(part.x0, part.x0 + part.width) // part.scale - self.area.x0
        first, last = rows[0], columns[0]
        # How far from the centre's tone each pixel is, the sum of three channels.
        own = self.pixels[:, y - self.area.y0, x - self.area.x0, None, None]
        gaps = self.pixels[:, first : rows[-1] + 1, last : columns[-1] + 1] - own
        np.abs(gaps, out=gaps)
        gap = gaps[0] + gaps[1] + gaps[2]
        found: Costs = costs.take(gap, mode="clip")
        return found if part.scale == 1 else found[np.ix_(rows - first, columns - last)]


def label(
    patches: Patches,
    shown: PlacedPatches,
    sites: SiteDescriptors,
    window: LabelWindow,
    config: ChoiceConfig,
    tones: Tones | None = None,
) -> Integers:
    """Return for each pixel the number of the cell that rules there, -1 for none: [height, width].

    The sites must reach round the window. Ties go to the first cell.
    """
    # The type that costs fit into together with the number of a cell.
    factor = SITE * window.scale
    bits = max(len(shown.scene) - 1, 1).bit_length()
    most = _FORBIDDEN + 1 + (0 if tones is None else tones.cost)
    kind = np.int64 if most * 128 * factor << bits > 1 << 31 else np.int32
    unruled = np.iinfo(kind).max
    least = np.full((window.height, window.width), unruled, kind)
    told = None if tones is None else (tones, tones.costs(kind(128 * factor << bits)))
    # A few cells at a time, so that their costs stay in the processor's cache.
    for first in range(0, len(shown.scene), _AT_ONCE):
        some = shown.part(slice(first, first + _AT_ONCE))
        costs = _interpolated(_site_costs(patches, some, sites, config), factor, bits, kind)
        costs += 2 * factor * first
        unlike = None if told is None else partial(_unlike, *told, some, window)
        corners, ends = _corners(some, window, config), _ends(patches, some, window)
        _lower(least, costs, corners, ends, unlike)
    # The number of the cell is in the low bits of the least cost.
    ranks = least // (2 * factor) & ((1 << bits) - 1)
    labels: Integers = np.where(least == unruled, -1, ranks).astype(np.int64)
    return labels


def _unlike(
    tones: Tones,
    costs: Costs,
    shown: PlacedPatches,
    window: LabelWindow,
    cell: int,
    part: Rectangle,
) -> Costs:
    """Return what tones unlike a cell's cost at a part of the window, counted from its corner."""
    y0, x0 = window.y0 + part.y0, window.x0 + part.x0
    within = LabelWindow(x0, y0, part.width, part.height, window.scale)
    return tones.unlike(int(shown.ys[cell]), int(shown.xs[cell]), within, costs)


def _lower(
    least: Costs,
    costs: Costs,
    corners: list[list[int]],
    ends: list[list[int]],
    more: Callable[[int, Rectangle], Costs] | None,
) -> None:
    """Keep the lesser of each pixel's cost [height, width] and its costs in cells [n, s, s].

    more: what a cell costs besides at a part of the window.
    """
    height, width = least.shape
    size = costs.shape[1]
    places = enumerate(zip(costs, corners, ends, strict=True))
    for number, (cell, (top, left), (above, below, before, behind)) in places:
        y0, y1 = max(top, above, 0), min(top + size, below, height)
        x0, x1 = max(left, before, 0), min(left + size, behind, width)
        if y0 < y1 and x0 < x1:
            part = cell[y0 - top : y1 - top, x0 - left : x1 - left]
            if more is not None:
                part = part + more(number, Rectangle(x0, y0, x1 - x0, y1 - y0))
            target = least[y0:y1, x0:x1]
            np.minimum(target, part, out=target)


def _corners(shown: PlacedPatches, window: LabelWindow, config: ChoiceConfig) -> list[list[int]]:
    """Return where each cell's square begins in the window: row, column."""
    factor = SITE * window.scale
    tops = factor * first_site(shown.ys, config) - window.y0
    lefts = factor * first_site(shown.xs, config) - window.x0
    corners: list[list[int]] = np.stack([tops, lefts], 1).tolist()
    return corners


def first_site(centres: Integers, config: ChoiceConfig) -> Integers:
    """Return the first site along one axis of the square in which cells may rule."""
    return (centres - config.reach) // SITE


def _ends(patches: Patches, shown: PlacedPatches, window: LabelWindow) -> list[list[int]]:
    """Return where each cell's scene begins and ends in the window: rows, then columns."""
    scale = window.scale
    above, before = -scale * shown.top - window.y0, -scale * shown.left - window.x0
    below = above + scale * patches.heights[shown.scene]
    behind = before + scale * patches.widths[shown.scene]
    ends: list[list[int]] = np.stack([above, below, before, behind], 1).tolist()
    return ends


def _site_costs(
    patches: Patches, shown: PlacedPatches, sites: SiteDescriptors, config: ChoiceConfig
) -> NDArray[np.int32]:
    """Return the costs of each cell at its sites, 0 to 4095: int32 [n, sites, sites]."""
    steps = np.arange(config.sites)
    rows = first_site(shown.ys, config)[:, None] + steps
    columns = first_site(shown.xs, config)[:, None] + steps
    height, width = sites.descriptors.shape[:2]
    i, j = rows - sites.row, columns - sites.column
    known = ((i >= 0) & (i < height))[:, :, None] & ((j >= 0) & (j < width))[:, None, :]
    # Only pairs of cell and site that the window needs are costed; the others are never read.
    cell, down, across = np.nonzero(known)
    y, x = SITE * rows[cell, down], SITE * columns[cell, across]
    own, at = shown.scene[cell], (y + shown.top[cell], x + shown.left[cell])
    patch = patches.nearest(own, *at)
    asked = sites.descriptors.reshape(height * width, -1)
    asked = asked.take(i[cell, down] * width + j[cell, across], 0)
    shown_there = patches.descriptors.take(patch, 0)
    # Cost: unlike descriptors, land on open sea, distance, noise, the scene's edge.
    misfit = squared_gaps(asked, shown_there)
    dry = (asked[:, WATER] >= _OPEN) & (shown_there[:, WATER] <= _LAND)
    away = (y - shown.ys[cell]) ** 2 + (x - shown.xs[cell]) ** 2
    noise = keys(shown.keys[cell], down, across) >> np.uint64(56)
    depth = patches.depth(own, *at)
    cost = (
        MISFIT * misfit // (misfit + HALF)
        + DISTANCE * away // config.spacing**2
        + noise.astype(np.int64) * NOISE // 256
        + EDGE * np.maximum(EDGE_WIDTH - depth, 0) // EDGE_WIDTH
        + DRY * dry
    )
    cost[(depth < 0) | ~patches.valid[patch]] = _FORBIDDEN
    # Sites beyond the window stay 0 and are never read.
    out = np.zeros(known.shape, np.int32)
    out[cell, down, across] = np.minimum(cost, _FORBIDDEN)
    return out


def _interpolated(
    costs: NDArray[np.int32], factor: int, bits: int, kind: type[np.int32] | type[np.int64]
) -> Costs:
    """Interpolate [n, s, s] at the centres of pixels, `factor` between sites, with cells' numbers.

    Returns [n, factor (s - 1), factor (s - 1)], 2 factor times ((cost << bits) plus the cell's
    number) for some multiple of the costs, so that one minimum finds the least cost and its cell.
    """
    after: Costs = 2 * np.arange(factor, dtype=np.int32) + 1
    count, along, fine_along = len(costs), costs.shape[1], factor * (costs.shape[1] - 1)
    # Along the rows, where numbers are few.
    left: Costs = costs[:, :, :-1, None].astype(kind)
    step: Costs = np.diff(costs, axis=2)[..., None]
    rows: Costs = (left * (2 * factor) + step * after).reshape(count, along, fine_along)
    rows = (rows * 16 // factor**2) * (2 * factor) << bits
    numbers: Costs = np.arange(count, dtype=np.int32)
    rows += numbers[:, None, None]
    # Down the columns: the rows are long, which keeps the broadcast products fast.
    upper: Costs = rows[:, :-1, None] * (2 * factor)
    step = np.diff(rows, axis=1)[:, :, None]
    fine: Costs = step * after[:, None]
    fine += upper
    return fine.reshape(count, fine_along, fine_along)
