"""The paper's Table I: quality by hemisphere and longitude band, with and without guidance."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import generator
from experiments.command import Experiment, at_least
from generator import stopping
from generator.cascade.stages import StageAt
from generator.grid.errors import TileError
from generator.memory.field import Memory
from training.errors import TrainingError
from training.imagery.pyramid import Image, Pyramid
from training.measure.features import PER_WINDOW, Features, Lite2, kernel_distance
from training.measure.metrics import sliced_wasserstein
from training.measure.realparents import (
    RealParentSamples,
    draw_real_parents,
    evaluation_windows,
)
from training.measure.report import Results, markdown
from training.samples.windows import BANDS, Samples


@dataclass(frozen=True, slots=True)
class GlobeRegion:
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
    GlobeRegion(f"{name}, {half}", south, north, west, east)
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
class RegionWindows:
    """Windows of one stage in one cell, and the features of generated and real ones, [4N, 1280]."""

    windows: RealParentSamples
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
    features: Lite2,
    seed: int = 0,
    *,
    memory: Memory | None = None,
) -> list[RegionScore]:
    """Score every stage and column that has imagery of held-out (val and test) places.

    count: windows per stage and cell. Two networks measured by the same seed see the same windows
    and the same noise. memory: of stages that draw layouts.
    """
    # Columns overlap: each cell's windows are drawn, and their features computed, once.
    seen: dict[tuple[int, int], RegionWindows] = {}
    for number, cell in enumerate(CELLS):
        for band, windows in _drawn(
            stage_at, _held_out(pyramid, cell, seed), count, memory
        ).items():
            made, truth = (features.of(images) for images in (windows.made, windows.truth))
            seen[band, number] = RegionWindows(windows, made, truth)
    scores = []
    for band, description in enumerate(BANDS):
        for column, numbers in COLUMNS:
            found = [seen[band, n] for n in numbers if (band, n) in seen]
            if found:
                scores.append(_score(description.zoom, column, found))
    return scores


def _drawn(
    stage_at: StageAt, sets: list[Samples], count: int, memory: Memory | None
) -> dict[int, RealParentSamples]:
    """Draw `count` windows of every band from each of the sets that has any, by band."""
    drawn: dict[int, RealParentSamples] = {}
    for samples in sets:
        for band, (images, _) in enumerate(samples.choices):
            if not images:
                continue
            try:
                stage = stage_at(BANDS[band].zoom)
                found = draw_real_parents(stage, samples, band, range(count), memory=memory)
            except (TrainingError, TileError):
                # All tries met masked or overexposed windows, or no stage serves the band: the cell
                # counts as empty.
                continue
            drawn[band] = drawn[band].joined(found) if band in drawn else found
    return drawn


def _held_out(pyramid: Pyramid, cell: GlobeRegion, seed: int) -> list[Samples]:
    """Return what windows of a cell are drawn from: its test and its val places."""
    view = pyramid.restricted(cell.holds)
    found = []
    for split in ("test", "val"):
        try:
            found.append(evaluation_windows(view, split, seed))
        except TrainingError:
            # No image of this split lies in the cell.
            continue
    return found


def _score(zoom: int, column: str, cells: list[RegionWindows]) -> RegionScore:
    made = np.concatenate([cell.windows.made for cell in cells])
    truth = np.concatenate([cell.windows.truth for cell in cells])
    ours = np.concatenate([cell.made for cell in cells])
    theirs = np.concatenate([cell.truth for cell in cells])
    kid = kernel_distance(ours, theirs, PER_WINDOW)
    return RegionScore(zoom, column, len(made), kid, sliced_wasserstein(made, truth))


def regions_table(with_guidance: list[RegionScore], without: list[RegionScore] | None) -> str:
    """Table I: kernel distance and sliced Wasserstein by region, as KID / SW (windows)."""
    headers = ["zoom", "guidance", *(name for name, _ in COLUMNS)]
    sets = [("with", with_guidance), *([("without", without)] if without is not None else [])]
    lines = []
    for zoom in sorted({score.zoom for score in with_guidance}):
        for label, scores in sets:
            by_column = {s.column: s for s in scores if s.zoom == zoom}
            cells = [_region(by_column.get(name)) for name, _ in COLUMNS]
            lines.append([str(zoom), label, *cells])
    return markdown(headers, lines)


def _region(score: RegionScore | None) -> str:
    return "–" if score is None else f"{score.kid:.1f} / {score.sw:.0f} ({score.windows})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument(
        "--without", type=Path, metavar="WEIGHTS", help="weights trained without guidance [none]"
    )
    parser.add_argument("--base", type=Path, help="equirectangular image [Blue Marble]")
    parser.add_argument(
        "--count", type=at_least(4), default=12, help="windows of each stage and region [12]"
    )
    parser.add_argument("--steps", type=int, help="DDIM steps [the weights' own]")
    parser.add_argument("--seed", type=int, default=0, help="of windows and noise [0]")
    parser.add_argument("--json", type=Path, help="all numbers; weights it holds are not repeated")


def run(args: argparse.Namespace) -> int:
    """Measure and print the table; returns the exit status."""
    pyramid = Pyramid(args.data)
    settings = {"count": args.count, "seed": args.seed, "data": pyramid.digest}
    results = Results(settings, args.json)
    # All weights are read before the first are measured, which takes long.
    given = [args.weights] + ([args.without] if args.without else [])
    cascades = [generator.load(args.base, weights, args.steps) for weights in given]
    found = []
    for cascade in cascades:
        name = f"{cascade.checkpoint.digest}, {cascade.sampler.steps} step(s)"
        if name not in results.parts:
            features = Lite2(cascade.device)
            scores = measure_regions(
                cascade.stage_at, pyramid, args.count, features, args.seed, memory=cascade.memory
            )
            results.add(name, scores, "")
        found.append([RegionScore(**row) for row in results.parts[name]["numbers"]])
    print("KID-Lite2 x 1000 / sliced Wasserstein (windows):\n")
    print(regions_table(found[0], found[1] if args.without else None))
    return 0


EXPERIMENT = Experiment(
    "guidance",
    "Measure quality by region with and without resolution guidance (the paper's Table I).",
    (
        "--data runs/data",
        "--data runs/data --weights with.safetensors --without without.safetensors",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
