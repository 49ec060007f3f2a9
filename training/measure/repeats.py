"""Repeats: how often a piece of the memory shows twice within sight, counted in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import SCALE
from training.measure.chains import AROUND, Layouts
from training.measure.report import markdown

PIECE = 64
"""Child pixels along a square whose codes must come again for a window to hold a repeat."""


@dataclass(frozen=True, slots=True)
class RepeatsRow:
    """Windows of AROUND child pixels of one zoom.

    repeated: those in which PIECE x PIECE child pixels or more come again as one piece, neither
    mirrored nor turned; any: those in which a single code does; area: mean share of a window that
    shows what it shows elsewhere, in any orientation; gap: median distance of such a piece from the
    one like it, child pixels, None for no piece.
    """

    zoom: int
    windows: int
    repeated: float
    any: float
    area: float
    gap: float | None


def measure_repeats(zoom: int, windows: Sequence[Layouts]) -> RepeatsRow:
    """Count the repeats in windows of layouts, each [3, h, w]."""
    least = (PIECE // SCALE) ** 2
    found = [repeated(window) for window in windows]
    whole = [gaps[counts >= least] for gaps, counts, _ in found]
    gaps = np.concatenate(whole)
    return RepeatsRow(
        zoom=zoom,
        windows=len(windows),
        repeated=float(np.mean([len(some) > 0 for some in whole])),
        any=float(np.mean([len(counts) > 0 for _, counts, _ in found])),
        area=float(np.mean([share for _, _, share in found])),
        gap=SCALE * float(np.median(gaps)) if len(gaps) else None,
    )


def repeated(layouts: Layouts) -> tuple[NDArray[np.float64], NDArray[np.int64], float]:
    """Find the pieces of a window [3, h, w] that show what another piece of it shows.

    Two parent pixels are alike that show the same place of the same scene, in any orientation;
    pairs of them with one displacement are a piece, which is neither mirrored nor turned. Returns
    distance and number of parent pixels of each piece, and the share of all pixels that have one
    like them.
    """
    _, height, width = layouts.shape
    shown = layouts[0].ravel() >= 0
    at = np.flatnonzero(shown)
    scene, row, column = (values.ravel()[at].astype(np.int64) for values in layouts)
    # Pixels in the order of what they show: those that show the same stand together.
    order = np.lexsort((at, column, row, scene))
    at, scene, row, column = at[order], scene[order], row[order], column[order]
    same = (np.diff(scene) == 0) & (np.diff(row) == 0) & (np.diff(column) == 0)
    alike = np.append(same, False) | np.append(False, same)
    # Each with the next that shows the same: a displacement, and how many pixels have it.
    first, second = at[:-1][same], at[1:][same]
    down, across = second // width - first // width, second % width - first % width
    displacements = np.stack([scene[:-1][same], down, across], 1)
    pieces, counts = np.unique(displacements, axis=0, return_counts=True)
    gaps = np.hypot(pieces[:, 1], pieces[:, 2])
    return gaps, counts, float(alike.sum() / (height * width))


def repeats_table(rows: Sequence[RepeatsRow]) -> str:
    """Tabulate the shares by zoom."""
    headers = ["zoom", f"windows of {AROUND} px", f"a piece of {PIECE} px twice", "any code twice",
               "area shown twice", "px between"]  # fmt: skip
    lines = [
        [str(r.zoom), str(r.windows), _percent(r.repeated), _percent(r.any), _percent(r.area),
         "–" if r.gap is None else f"{r.gap:.0f}"]
        for r in rows
    ]  # fmt: skip
    return markdown(headers, lines)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
