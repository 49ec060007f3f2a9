"""How blocks meet (the paper's Table II).

Four neighbouring blocks are made round a corner in several ways (see `experiments.stitching`),
from the same parents at the same places. The mean absolute step between the pixels on both sides
of a border is compared with steps inside the blocks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.command import Experiment, add_cascade, at_least, identity, load_cascade
from experiments.scenery import KINDS, ParentTile, draw
from experiments.stitching import EXACT, METHODS, Stitcher, centre
from generator import stopping
from generator.grid.pixels import Pixels
from generator.grid.tile import COMMON_STAGE_ZOOMS
from training.measure.metrics import Floats
from training.measure.report import Results, markdown
from training.progress import track

_BLOCKS = 4
"""Blocks that meet at a corner."""
_PHASE = 8
"""Pixels after which the network's grid is in the same phase: borders lie at multiples of it."""
_NEAR, _FAR = 32, 96
"""Steps between these distances from the border, in pixels, count as a block's interior."""
_PAPER = (
    ("paper's, independent", "24.45", "24.87", "24.67"),
    ("paper's, overlap only", "17.66", "18.09", "17.88"),
)
"""Table II of the paper (arXiv 2405.13570), whose third row was lost in the text at hand."""


@dataclass(frozen=True, slots=True)
class SeamRow:
    """One method's steps in grey levels per pixel: horizontal, vertical, and their mean.

    zoom: the stage, 0 for all of them. border: across the border; interior: inside the blocks, at
    the same phase of the network's grid; anywhere: inside, at all phases. ratio: border over
    interior. The last figures are standard errors over the places.
    """

    method: str
    zoom: int
    blocks: int
    border: tuple[float, float, float]
    interior: tuple[float, float, float]
    anywhere: tuple[float, float, float]
    ratio: tuple[float, float, float]
    border_error: tuple[float, float, float]
    ratio_error: tuple[float, float, float]


def steps(picture: Pixels) -> Floats:
    """Mean absolute steps of a picture with its corner of blocks in the middle.

    picture: uint8 [256, 256, 3]. Returns [2, 3]: between horizontal and vertical neighbours, each
    across the border, inside the blocks at the border's phase, and inside at all phases.
    """
    # Distances of steps from the border; those inside are compared at the border's phase too.
    values = picture.astype(np.float32)
    middle = picture.shape[0] // 2
    distance = np.arange(1, picture.shape[0]) - middle
    inside = (abs(distance) >= _NEAR) & (abs(distance) <= _FAR)
    alike = inside & (distance % _PHASE == 0)
    found = []
    for axis in (1, 0):
        step = np.abs(np.diff(values, axis=axis)).mean((1 - axis, 2))
        found.append([step[distance == 0].mean(), step[alike].mean(), step[inside].mean()])
    return np.array(found, np.float64)


def descent(stitcher: Stitcher, parent: ParentTile) -> Iterator[tuple[ParentTile, Pixels]]:
    """Follow a parent through all stages: each parent, and its four children side by side."""
    for _ in COMMON_STAGE_ZOOMS:
        made = stitcher.children(parent)
        yield parent, made
        parent = parent.below(made)


def measure(stitcher: Stitcher, parents: list[ParentTile]) -> Floats:
    """Steps by every method at every zoom of each parent: [places, zooms, methods, 2, 3]."""
    found = np.empty((len(parents), len(COMMON_STAGE_ZOOMS), len(METHODS), 2, 3))
    for place, start in enumerate(track(parents, "seams: places")):
        for stage, (parent, made) in enumerate(descent(stitcher, start)):
            for number, method in enumerate(METHODS):
                picture = centre(made) if method == EXACT else stitcher.stitch(method, parent)
                found[place, stage, number] = steps(picture)
    return found


def summarise(found: Floats) -> list[SeamRow]:
    """Means over the places, for all zooms together and for each: found as `measure` returns."""
    rows = []
    for stage, zoom in enumerate((0, *COMMON_STAGE_ZOOMS)):
        part = found if zoom == 0 else found[:, stage - 1 : stage]
        for number, method in enumerate(METHODS):
            # Average over the zooms of each place: places alone are independent.
            by_place = part[:, :, number].mean(1)
            # Third entry: the mean of both directions.
            by_place = np.concatenate([by_place, by_place.mean(1, keepdims=True)], 1)
            # Means over the places, and their standard errors.
            border, interior, anywhere = (_three(by_place[..., k].mean(0)) for k in range(3))
            ratio, error = _ratio(by_place[..., 0], by_place[..., 1])
            border_error = by_place[..., 0].std(0, ddof=1) / np.sqrt(len(by_place))
            blocks = _BLOCKS * part.shape[0] * part.shape[1]
            rows.append(
                SeamRow(method, zoom, blocks, border, interior, anywhere, _three(ratio),
                        _three(border_error), _three(error))
            )  # fmt: skip
    return rows


def _ratio(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Ratio of the means over the places, and its standard error by the jackknife."""
    count = len(above)
    left_out = (above.sum(0) - above) / (below.sum(0) - below)
    spread: Floats = left_out.std(0) * np.sqrt(count - 1)
    ratio: Floats = above.mean(0) / below.mean(0)
    return ratio, spread


def _three(values: Floats) -> tuple[float, float, float]:
    first, second, third = values.tolist()
    return first, second, third


def table(rows: list[SeamRow]) -> str:
    """Return the table of all zooms together, with the paper's figures, and the one by zoom."""
    whole = [row for row in rows if row.zoom == 0]
    headers = ["windows", "horizontal", "vertical", "average", "interior", "border / interior"]
    lines = [
        [
            row.method,
            *(f"{b:.2f} ± {e:.2f}" for b, e in zip(row.border, row.border_error, strict=True)),
            f"{row.interior[2]:.2f}",
            f"{row.ratio[2]:.3f} ± {row.ratio_error[2]:.3f}",
        ]
        for row in whole
    ]
    lines += [[*row, "–", "–"] for row in _PAPER]
    title = f"Step across block borders in grey levels per pixel, {whole[0].blocks} blocks:"
    zooms = sorted({row.zoom for row in rows} - {0})
    found = {(row.method, row.zoom): row for row in rows}
    by_zoom = [
        [method, *(f"{(r := found[method, z]).ratio[2]:.2f} ± {r.ratio_error[2]:.2f}"
                   for z in zooms)]
        for method in METHODS
    ]  # fmt: skip
    second = markdown(["border / interior", *(f"z{zoom}" for zoom in zooms)], by_zoom)
    return f"{title}\n\n{markdown(headers, lines)}\n\n{second}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_cascade(parser)
    parser.add_argument(
        "--blocks", type=at_least(2), default=750, help="rounded up to whole places of 20 [750]"
    )
    parser.add_argument("--json", type=Path, help="all numbers, which are then not measured again")


def run(args: argparse.Namespace) -> int:
    """Measure the seams and print the tables; returns the exit status."""
    cascade = load_cascade(args)
    settings = {"blocks": args.blocks, **identity(cascade, args.seed)}
    results = Results(settings, args.json)
    print(f"weights {settings['weights'][:16]}, {settings['steps']} step(s), seed {args.seed}")
    if "seams" not in results.parts:
        count = max(2, -(-args.blocks // (_BLOCKS * len(COMMON_STAGE_ZOOMS))))
        places = draw(cascade.basemap, KINDS, count, args.seed)
        rows = summarise(measure(Stitcher(cascade, args.seed), places))
        results.add("seams", rows, table(rows))
    print(f"\n{results.parts['seams']['table']}")
    return 0


EXPERIMENT = Experiment(
    "seams",
    "Measure how blocks meet (the paper's Table II).",
    ("", "--blocks 200 --json runs/seams.json"),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
