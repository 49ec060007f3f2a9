"""The search: for each cell, the candidates of its colour that fit best, some noise considered.

Distances are squared and exact: a float32 product of whole numbers whose sums stay below 2**24.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.grid.hashing import GUMBEL_UNIT, gumbel, spread
from generator.memory.config import ChoiceConfig
from generator.memory.patches import PatchClass, Patches

DRIER = 51
"""Greatest share of water, in 255ths, by which a candidate may be drier than the cell."""

WETTER = 12
"""The same for a wetter one: its lakes would be patches without detail on land."""

TEXTURE_GAP = 16
"""On land a candidate may have half the cell's texture, an octave less, but not less."""

ROUGHER = 9
"""Sixteenths of an octave by which a candidate may be rougher than the cell: deserts stay calm."""

TONE_GAP = 70
"""Greatest difference of mean luminance on the tone curve."""

BUILT_GAP = 48
"""Greatest difference of the numbers for built-up ground: no village where there is none."""

LAND = 77
"""Cells with less water, in 255ths, are land."""

_NEVER = np.int64(1) << 40
_FAR = np.float32(1 << 23)

Integers = NDArray[np.int64]
Gates = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Queries:
    """What cells look for: descriptors int8 [n, d], gates uint8 [n, 3 or 5], words uint32 [n].

    d: as of the patches, 32 and what the ground adds. gates: water, texture, luminance and, where
    the ground is known, by how much those of texture and luminance are wider, and the number for
    built-up ground.
    """

    descriptors: NDArray[np.int8]
    gates: NDArray[np.uint8]
    words: NDArray[np.uint32]

    def part(self, rows: Integers) -> Queries:
        """Return some of the queries."""
        return Queries(self.descriptors[rows], self.gates[rows], self.words[rows])


@dataclass(frozen=True, slots=True)
class Shortlists:
    """The best candidates of each cell, cheapest first, all int64.

    patches: [n, candidates], -1 behind the last; distances, costs: the same shape, squared, without
    and with noise; best: [n], the least distance.
    """

    patches: Integers
    distances: Integers
    costs: Integers
    best: Integers

    def note(self, rows: Integers, part: Shortlists) -> None:
        """Write what was found for some of the cells."""
        self.patches[rows], self.distances[rows] = part.patches, part.distances
        self.costs[rows], self.best[rows] = part.costs, part.best


def shortlist(
    patches: Patches, colours: Integers, queries: Queries, config: ChoiceConfig
) -> Shortlists:
    """Search for all cells; colours: int64 [n], of each cell. The patches must have valid ones."""
    count = len(colours)
    shape = (count, config.candidates)
    found = Shortlists(
        np.full(shape, -1), np.full(shape, _NEVER), np.full(shape, _NEVER), np.zeros(count, int)
    )
    # Cells of one colour search among its candidates alone.
    served = np.zeros(count, bool)
    for colour in np.unique(colours):
        rows = np.flatnonzero(colours == colour)
        part, served[rows] = _search(patches.classes[colour], queries.part(rows), config)
        found.note(rows, part)
    # Those of which nothing there passes the gates search among all: rather the same ground again
    # than ground that does not fit.
    rows = np.flatnonzero(~served)
    if rows.size:
        found.note(rows, _search(patches.every, queries.part(rows), config)[0])
    return found


def charge(best: Integers, config: ChoiceConfig) -> Integers:
    """Return what it costs cells to show again what a neighbour shows elsewhere; 0 if none sees."""
    if not config.phased:
        return np.zeros_like(best)
    return (best * config.penalty >> 8) + config.floor


def passes(cells: NDArray[np.uint8], candidates: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Compare gates that broadcast together: which pass water, texture, tone and built-up ground?

    cells: uint8 [..., 3 or 5] as of `Queries`, candidates: uint8 [..., 3 or 4] as of `Patches`; the
    last is compared where both have it. Returns bool [3 or 4, ...].
    """
    water, texture, tone = (cells[..., k] for k in range(3))
    known = cells.shape[-1] > 3
    wider = cells[..., 3] if known else np.zeros((), np.uint8)
    rough = _not_below(candidates[..., 1], texture, TEXTURE_GAP) | (water >= LAND)
    passed = [
        _not_below(candidates[..., 0], water, DRIER)
        & _not_above(candidates[..., 0], water, WETTER),
        rough & _not_above(candidates[..., 1], texture, ROUGHER + wider),
        _between(candidates[..., 2], tone, TONE_GAP + wider),
    ]
    if known and candidates.shape[-1] > 3:
        passed.append(_between(candidates[..., 3], cells[..., 4], BUILT_GAP))
    return np.stack(passed)


def _passes_all(cells: NDArray[np.uint8], candidates: NDArray[np.uint8]) -> NDArray[np.bool_]:
    every: NDArray[np.bool_] = np.logical_and.reduce(passes(cells, candidates))
    return every


def _between(values: Gates, middle: Gates, gap: Gates | int) -> NDArray[np.bool_]:
    """Say which uint8 values are within `gap` of the middle."""
    return _not_below(values, middle, gap) & _not_above(values, middle, gap)


def _not_below(values: Gates, of: Gates, gap: Gates | int) -> NDArray[np.bool_]:
    """Say which values are not more than `gap` below others, without leaving uint8."""
    enough: NDArray[np.bool_] = values >= of - np.minimum(of, np.asarray(gap, np.uint8))
    return enough


def _not_above(values: Gates, of: Gates, gap: Gates | int) -> NDArray[np.bool_]:
    """Say which values are not more than `gap` above others, without leaving uint8."""
    little: NDArray[np.bool_] = values <= of + np.minimum(255 - of, np.asarray(gap, np.uint8))
    return little


def _search(
    candidates: PatchClass, queries: Queries, config: ChoiceConfig
) -> tuple[Shortlists, NDArray[np.bool_]]:
    """Search candidates; returns the best, and of which cells any candidate passes the gates."""
    # Squared distances [n, N], less the query's own length.
    wide = queries.descriptors.astype(np.float32)
    own = (wide * wide).sum(1)
    left = np.concatenate([-2 * wide, np.ones((len(wide), 1), np.float32)], 1)
    distances: NDArray[np.float32] = left @ candidates.rows
    # Where the nearest passes the gates it is the best; elsewhere shut out all that do not pass.
    nearest: Integers = distances.argmin(1)
    fits = _passes_all(queries.gates, candidates.gates[:, nearest].T)
    served = fits.copy()
    for misfit in np.flatnonzero(~fits):
        admitted, served[misfit] = _admitted(queries.gates[misfit], candidates.gates)
        distances[misfit, ~admitted] = _FAR
        nearest[misfit] = distances[misfit].argmin()
    best = distances[np.arange(len(own)), nearest]
    # Keep what is within half the best distance of the best, then what passes.
    width = np.floor((best + own) / 2) + config.floor
    row, column = np.divmod(
        np.flatnonzero(distances <= (best + width)[:, None]), distances.shape[1]
    )
    kept = _passes_all(queries.gates[row], candidates.gates[:, column].T) | ~fits[row]
    row, column = row[kept], column[kept]
    found = _CandidatePairs(
        row,
        candidates.patches[column],
        (distances[row, column] + own[row]).astype(np.int64),
        (best + own).astype(np.int64),
    )
    lanes = spread(queries.words[row], candidates.words[column])
    return _cheapest(found, lanes, config), served


def _admitted(cell: NDArray[np.uint8], gates: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], bool]:
    """Say which of uint8 [3 or 4, N] pass a cell's gates: bool [N], and whether they pass all.

    Where nothing does, the last one is let go, then that before: water is the last that stays.
    """
    passed = passes(cell, gates.T)
    for count in range(len(passed), 0, -1):
        admitted: NDArray[np.bool_] = np.logical_and.reduce(passed[:count])
        if admitted.any():
            return admitted, count == len(passed)
    return np.ones(gates.shape[1], bool), False


@dataclass(frozen=True, slots=True)
class _CandidatePairs:
    """Pairs of cell and patch with their distance, row by row, and each cell's best distance."""

    row: Integers
    patches: Integers
    distances: Integers
    best: Integers


def _cheapest(
    found: _CandidatePairs, lanes: NDArray[np.uint32], config: ChoiceConfig
) -> Shortlists:
    """Sort each cell's candidates by distance less noise, ties by patch, and keep the first."""
    count = len(found.best)
    # Gumbel noise makes cheaper candidates likelier, as in sampling by a softmax.
    weight = (found.best >> 2) + config.floor
    noise = weight[found.row] * gumbel()[lanes] >> (GUMBEL_UNIT.bit_length() - 1)
    costs = found.distances - noise
    # Nothing that costs more than the cheapest charged can be chosen.
    least = np.minimum.reduceat(costs, np.searchsorted(found.row, np.arange(count)))
    near = costs <= (least + charge(found.best, config))[found.row]
    row, patches, costs, distances = (
        values[near] for values in (found.row, found.patches, costs, found.distances)
    )
    # The cheapest of each cell, in order.
    order = np.lexsort((patches, costs, row))
    row = row[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(count))[row]
    first = rank < config.candidates
    order, at = order[first], (row[first], rank[first])
    shape = (count, config.candidates)
    out = Shortlists(np.full(shape, -1), np.full(shape, _NEVER), np.full(shape, _NEVER), found.best)
    out.patches[at], out.distances[at], out.costs[at] = (
        patches[order],
        distances[order],
        costs[order],
    )
    return out
