"""The paper's Table I: quality by hemisphere and longitude band, with and without guidance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generator.cascade.windows import StageAt
from generator.memory.field import Memory
from training.errors import TrainingError
from training.frechet import Features, kernel_distance
from training.lite2 import PER_WINDOW, Lite2
from training.metrics import sliced_wasserstein
from training.pairs import Pairs, draw_pairs, restricted, windows_of
from training.pyramid import Image, Pyramid
from training.samples.windows import BANDS, Samples


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the globe, degrees; east is left out."""

    name: str
    south: float
    north: float
    west: float
    east: float

    def holds(self, image: Image) -> bool:
        """Whether the image's centre is known and lies inside."""
        if image.lat is None or image.lon is None:
            return False
        return self.south <= image.lat < self.north and self.west <= image.lon < self.east


_BANDS = (
    ("180 W - 60 W", -180.0, -60.0), ("60 W - 60 E", -60.0, 60.0), ("60 E - 180 E", 60.0, 180.1)
)  # fmt: skip
_HALVES = (("north", 0.0, 90.1), ("south", -90.0, 0.0))
CELLS = tuple(
    Region(f"{name}, {half}", south, north, west, east)
    for half, south, north in _HALVES
    for name, west, east in _BANDS
)
"""Six cells that the columns are put together from."""
COLUMNS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("north", (0, 1, 2)),
    ("south", (3, 4, 5)),
    *((name, (i, i + 3)) for i, (name, _, _) in enumerate(_BANDS)),
    ("total", tuple(range(6))),
)
"""Column name -> its cells."""


@dataclass(frozen=True, slots=True)
class Cell:
    """Windows of one stage in one cell and their features, [4N, 1280] each."""

    pairs: Pairs
    made: Features
    truth: Features


@dataclass(frozen=True, slots=True)
class RegionScore:
    """One stage in one column: windows, kernel distance x 1000 and sliced Wasserstein."""

    zoom: int
    column: str
    windows: int
    kid: float
    sw: float


def measure_regions(
    stage_at: StageAt,
    pyramid: Pyramid,
    count: int,
    judge: Lite2,
    seed: int = 0,
    *,
    memory: Memory | None = None,
) -> list[RegionScore]:
    """Score every stage and column that has imagery of held-out (val and test) places.

    count: windows per stage and cell. Two networks judged by the same seed see the same windows
    and the same noise. memory: of stages that draw layouts.
    """
    drawn: dict[tuple[int, int], Pairs] = {}
    for number, cell in enumerate(CELLS):
        for samples in _held_out(pyramid, cell, seed):
            for band, (images, _) in enumerate(samples.choices):
                try:
                    if images:
                        stage = stage_at(BANDS[band].zoom)
                        pairs = draw_pairs(stage, samples, band, range(count), memory=memory)
                        drawn[band, number] = _joined(drawn.get((band, number)), pairs)
                except TrainingError:
                    # All tries met masked or overexposed windows: the cell counts as empty.
                    continue
    # Columns overlap: each cell's features are computed once.
    seen = {
        key: Cell(pairs, judge.features(pairs.made), judge.features(pairs.truth))
        for key, pairs in drawn.items()
    }
    scores = []
    for band, description in enumerate(BANDS):
        for column, numbers in COLUMNS:
            found = [seen[band, n] for n in numbers if (band, n) in seen]
            if found:
                scores.append(_score(description.zoom, column, found))
    return scores


def _held_out(pyramid: Pyramid, cell: Region, seed: int) -> list[Samples]:
    view = restricted(pyramid, cell.holds)
    found = []
    for split in ("test", "val"):
        try:
            found.append(windows_of(view, split, seed))
        except TrainingError:
            # No image of this split lies in the cell.
            continue
    return found


def _joined(first: Pairs | None, second: Pairs) -> Pairs:
    if first is None:
        return second
    names = ("parents", "truth", "bicubic", "made")
    return Pairs(*(np.concatenate([getattr(first, n), getattr(second, n)]) for n in names))


def _score(zoom: int, column: str, cells: list[Cell]) -> RegionScore:
    made = np.concatenate([cell.pairs.made for cell in cells])
    truth = np.concatenate([cell.pairs.truth for cell in cells])
    ours = np.concatenate([cell.made for cell in cells])
    theirs = np.concatenate([cell.truth for cell in cells])
    kid = kernel_distance(ours, theirs, PER_WINDOW)
    return RegionScore(zoom, column, len(made), kid, sliced_wasserstein(made, truth))
