"""Choices: which piece of which scene each cell shows, in four phases where neighbours matter.

Cells (row, column) of even parity choose first, then those odd in both, then those odd in the
column, then those odd in the row. A cell sees those of its eight neighbours that chose in earlier
phases, so that its choice depends on cells at most three away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.memory.config import STEP, WINDOW, ChoiceConfig
from generator.memory.patches import Patches, squared_gaps
from generator.memory.search import Queries, Shortlists, charge, passes

SIGHT = 3
"""Cells on each side that a choice in phases depends on at most."""

_PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))
_AROUND = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0))
_DEPTH = (WINDOW - STEP) // 2
_NEVER = np.int64(1) << 40

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Choices:
    """What cells show: int64 arrays of one shape; scene is -1 where nothing is shown.

    ys, xs: the pixel corner of the scene's choosing grid that lies at the cell's centre.
    """

    scene: Integers
    ys: Integers
    xs: Integers


@dataclass(frozen=True, slots=True)
class ChoiceGrid:
    """A rectangle of cells that choose; arrays are [rows, columns], flat ones [rows * columns].

    row, column: of the first cell; ys, xs: centres; needed: the cells that choose; slot: int64,
    the place of each in the flat queries and shortlists.
    """

    row: int
    column: int
    ys: Integers
    xs: Integers
    needed: Mask
    slot: Integers


def phase_of(grid_rows: Integers, grid_columns: Integers) -> Integers:
    """Return 0 to 3, the phase in which cells choose; the arrays broadcast together."""
    table = np.empty((2, 2), np.int64)
    for phase, parity in enumerate(_PHASES):
        table[parity] = phase
    return table[grid_rows % 2, grid_columns % 2]


def needed_cells(shown: Mask, phase: Integers) -> Mask:
    """Return the cells whose choice is needed for those of `shown`, by phase; bool [rows, columns].

    What would lie beyond the rectangle is not needed.
    """
    needed = shown.copy()
    for last in (3, 2, 1):
        users = np.pad(needed & (phase == last), 1)
        around = np.zeros_like(needed)
        for i, j in _AROUND:
            around |= users[1 + i : users.shape[0] - 1 + i, 1 + j : users.shape[1] - 1 + j]
        needed |= around & (phase < last)
    return needed


def depended_on(first: int, last: int, rows: bool) -> tuple[int, int]:
    """Return the first and last rows, or columns, of the cells that choices of some may depend on.

    The way back through the phases ends at an even row and column. It is longest from odd rows,
    which are three away, and from even columns, which are two away.
    """
    odd = SIGHT if rows else 1
    return first - (odd if first % 2 else 2), last + (odd if last % 2 else 2)


def choose_alone(patches: Patches, found: Shortlists) -> Choices:
    """Let every cell take its cheapest candidate."""
    patch = found.patches[:, 0]
    return Choices(patches.scene[patch], patches.ys[patch], patches.xs[patch])


def choose_in_phases(
    patches: Patches, grid: ChoiceGrid, queries: Queries, found: Shortlists, config: ChoiceConfig
) -> Choices:
    """Let cells choose in four phases: go on with a neighbour's scene, or begin another.

    Returns choices [rows, columns]; scene is -1 where nothing was needed.
    """
    height, width = grid.needed.shape
    # One ring of cells without a choice spares every test for the rectangle's edge.
    ring = (height + 2, width + 2)
    made = Choices(np.full(ring, -1), np.zeros(ring, np.int64), np.zeros(ring, np.int64))
    phase = phase_of(
        (np.arange(height) + grid.row)[:, None], (np.arange(width) + grid.column)[None, :]
    )
    # Phase by phase, each in view of what was chosen before.
    for now in range(4):
        rows, columns = np.nonzero(grid.needed & (phase == now))
        if len(rows):
            seen = _seen(made, grid, rows, columns)
            slot = grid.slot[rows, columns]
            chosen = _decide(patches, seen, slot, (queries, found), config)
            at = (rows + 1, columns + 1)
            made.scene[at], made.ys[at], made.xs[at] = chosen.scene, chosen.ys, chosen.xs
    inner = (slice(1, -1), slice(1, -1))
    return Choices(made.scene[inner], made.ys[inner], made.xs[inner])


def _seen(
    made: Choices, grid: ChoiceGrid, rows: Integers, columns: Integers
) -> tuple[Choices, Choices]:
    """Return what the eight neighbours show, [n, 8], and the same moved to the cells' centres."""
    i, j = (np.array(steps) for steps in zip(*_AROUND, strict=True))
    y, x = rows[:, None] + i, columns[:, None] + j
    at = (y + 1, x + 1)
    shown = Choices(made.scene[at], made.ys[at], made.xs[at])
    # Cells beyond the rectangle show nothing; where they would be does not matter.
    y, x = np.clip(y, 0, grid.ys.shape[0] - 1), np.clip(x, 0, grid.ys.shape[1] - 1)
    down = grid.ys[rows, columns][:, None] - grid.ys[y, x]
    across = grid.xs[rows, columns][:, None] - grid.xs[y, x]
    return shown, Choices(shown.scene, shown.ys + down, shown.xs + across)


def _decide(
    patches: Patches,
    seen: tuple[Choices, Choices],
    slot: Integers,
    asked: tuple[Queries, Shortlists],
    config: ChoiceConfig,
) -> Choices:
    """Choose for n cells of one phase that see neighbours."""
    (shown, moved), (queries, found) = seen, asked
    own = queries.part(slot)
    # The cheapest of the new candidates, those that would show a patch again nearby charged.
    candidates, best = found.patches[slot], found.best[slot]
    charged = charge(best, config)
    again = _repeats(patches, candidates, shown, moved, config)
    costs = found.costs[slot] + np.where(again, charged[:, None], 0)
    pick = costs.argmin(1)
    each = np.arange(len(slot))
    patch = candidates[each, pick]
    spent = found.distances[slot][each, pick] + np.where(again[each, pick], charged, 0)
    # The best of the neighbours' scenes continued, if it is worth its bonus: one more for each
    # further neighbour that it would join.
    bonus = (best * config.bonus >> 8) + config.floor
    fits = _continued(patches, own, moved) - bonus[:, None] * _joined(moved)
    nearest = fits.argmin(1)
    goes_on = fits[each, nearest] <= spent
    return Choices(
        np.where(goes_on, moved.scene[each, nearest], patches.scene[patch]),
        np.where(goes_on, moved.ys[each, nearest], patches.ys[patch]),
        np.where(goes_on, moved.xs[each, nearest], patches.xs[patch]),
    )


def _joined(moved: Choices) -> Integers:
    """Count the neighbours that show the same scene at the same offset, themselves included."""
    same = np.ones((*moved.scene.shape, moved.scene.shape[1]), bool)
    for values in (moved.scene, moved.ys, moved.xs):
        same &= values[:, :, None] == values[:, None, :]
    joined: Integers = same.sum(2)
    return joined


def _repeats(
    patches: Patches, candidates: Integers, shown: Choices, moved: Choices, config: ChoiceConfig
) -> Mask:
    """Say which candidates [n, m] show what a neighbour shows, but not where it shows it."""
    scene, ys, xs = (
        values[candidates][:, None, :] for values in (patches.scene, patches.ys, patches.xs)
    )
    # The same ground in any orientation, but not where the neighbour goes on with it.
    near = 2 * config.spacing
    home, down, across = (at[:, :, None] for at in patches.origin(shown.scene, shown.ys, shown.xs))
    own, y, x = patches.origin(scene, ys, xs)
    same = (own == home) & (np.abs(y - down) < near) & (np.abs(x - across) < near)
    same &= (
        (scene != moved.scene[:, :, None])
        | (ys != moved.ys[:, :, None])
        | (xs != moved.xs[:, :, None])
    )
    again: Mask = same.any(1)
    return again


def _continued(patches: Patches, own: Queries, moved: Choices) -> Integers:
    """Return the squared distances [n, 8] of scenes continued; huge where that is impossible."""
    # The patch of the neighbour's scene that lies at the cell.
    scene = np.maximum(moved.scene, 0)
    patch = patches.nearest(scene, moved.ys, moved.xs)
    # It must be valid, far enough inside its scene, and pass the gates.
    possible = (moved.scene >= 0) & patches.valid[patch]
    possible &= patches.depth(scene, moved.ys, moved.xs) >= _DEPTH
    possible &= passes(own.gates[:, None], patches.gates[patch]).all(0)
    gaps = squared_gaps(own.descriptors[:, None], patches.descriptors.take(patch, 0))
    return np.where(possible, gaps, _NEVER)
