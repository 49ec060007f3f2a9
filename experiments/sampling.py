"""Quality, steps, milliseconds and halo, a row per weights and number of steps.

Quality is taken from windows of 128 parent pixels whose convolutions are padded, and of which the
inner 64 count: for one step the same pixels as a tile's, for more without what would come from
further away. Cost is that of the exact sampler: each further step reads one more margin all round.
A layout decoder takes one step; its layouts are those of the weights' own memory.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from experiments.command import Experiment
from experiments.paddedstage import PaddedStage
from generator import stopping
from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.cascade.loading import MAX_STEPS, open_memory, pick_device, pick_precision
from generator.cascade.probe import window_gflop
from generator.cascade.stages import AnyStage, stage_of
from generator.grid.tile import STAGE_ZOOMS
from generator.nets.blocks import channels_last
from generator.nets.build import build
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure.bench import CORE, time_tile
from training.measure.features import Lite2
from training.measure.realparents import EDGE, evaluation_windows
from training.measure.report import Results, markdown
from training.measure.stages import StageRow, measure_stages

AFFORDED = 1500.0
"""GFLOP of a tile beyond which no time is measured."""


@dataclass(frozen=True, slots=True)
class SamplingRow:
    """One line that is asked for: a name, weights (None: the shipped ones), steps and windows."""

    name: str
    weights: Path | None
    steps: int
    count: int


@dataclass(frozen=True, slots=True)
class TileCost:
    """What one tile alone costs with the exact sampler.

    halo: parent pixels read round the tile on each side; gflop: a multiplication and an addition
    being two; milliseconds: the best of three, None where it was not timed.
    """

    halo: int
    gflop: float
    milliseconds: float | None


def parse(text: str, count: int) -> list[SamplingRow]:
    """Read NAME=FILE:STEPS,STEPS@WINDOWS; raises TrainingError with one sentence.

    NAME= may be left out; the FILE `shipped` means the shipped weights; @WINDOWS replaces `count`.
    """
    name, _, rest = text.rpartition("=")
    file, _, listed = rest.rpartition(":")
    rows = []
    for item in listed.split(","):
        steps, at, windows = item.partition("@")
        numbers = [steps, windows] if at else [steps]
        if not file or not all(n.isascii() and n.isdecimal() for n in numbers):
            raise TrainingError(
                f"{text!r} is no row, expected [NAME=]FILE:STEPS[,STEPS[@WINDOWS]...]"
            )
        wanted = int(windows) if at else count
        if not 1 <= int(steps) <= MAX_STEPS or wanted < 4:
            raise TrainingError(
                f"{item!r} in {text!r} is out of range, expected 1 to {MAX_STEPS} steps and "
                "at least 4 windows"
            )
        path = None if file == "shipped" else Path(file)
        rows.append(SamplingRow(name or (path.stem if path else file), path, int(steps), wanted))
    return rows


def cost_of(network: ExactUNet | LayoutDecoder, steps: int, afforded: float = AFFORDED) -> TileCost:
    """Count a tile, and time it where it takes at most `afforded` GFLOP."""
    stage = stage_of(network, steps)
    gflop = window_gflop(network, CORE, steps)
    if gflop > afforded:
        return TileCost(stage.margin, gflop, None)
    return TileCost(stage.margin, gflop, time_tile(stage, 2))


def summary(row: SamplingRow, found: list[StageRow], cost: TileCost) -> list[str]:
    """Return cells of the first table: means over the zooms, and the cost of a tile."""
    kids = [r.made.kid for r in found if r.made.kid is not None]
    return [
        str(row.steps), str(row.count),
        f"{np.mean([r.made.sw / r.bicubic.sw for r in found]):.2f}",
        f"{np.mean([r.made.spectrum for r in found]):.1f}",
        f"{np.mean([r.made.contrast for r in found]):.2f}",
        f"{np.mean(kids):.0f}" if kids else "–",
        str(cost.halo), f"{cost.gflop:,.0f}",
        "–" if cost.milliseconds is None else f"{cost.milliseconds:,.0f}",
    ]  # fmt: skip


HEADERS = [
    "weights", "steps", "windows a zoom", "sliced Wasserstein / bicubic's", "spectrum dB",
    "contrast / real's", "KID-Lite2 x 1000", "halo, parent px", "GFLOP / tile", "ms / tile",
]  # fmt: skip


def by_zoom(found: list[StageRow]) -> list[str]:
    """Return cells of the second table: SW / bicubic's, dB and KID of every zoom."""
    return [
        f"{r.made.sw / r.bicubic.sw:.2f} / {r.made.spectrum:.1f} / "
        + ("–" if r.made.kid is None else f"{r.made.kid:.0f}")
        for r in found
    ]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        "rows", nargs="+", metavar="[NAME=]FILE:STEPS[,STEPS[@WINDOWS]...]",
        help="weights and their steps; the FILE 'shipped' means the shipped ones",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    parser.add_argument("--count", type=int, default=16, help="windows per zoom [16]")
    parser.add_argument("--split", default="test", choices=("train", "val", "test"))
    parser.add_argument("--seed", type=int, default=0, help="of windows and noise [0]")
    parser.add_argument("--threads", type=int, help="threads of the network [all cores]")
    parser.add_argument("--clean", action="store_true", help="from undegraded parents")
    parser.add_argument("--json", type=Path, help="all numbers; rows it holds are not repeated")


def run(args: argparse.Namespace) -> int:
    """Measure the rows and print both tables; returns the exit status. Raises TrainingError."""
    if args.threads:
        torch.set_num_threads(args.threads)
    # What is measured, and with what.
    rows = [row for text in args.rows for row in parse(text, args.count)]
    weights = {row.weights: checkpoint.load(row.weights) for row in rows}
    pyramid = Pyramid(args.data)
    samples = evaluation_windows(pyramid, args.split, args.seed)
    settings = {"split": args.split, "seed": args.seed, "clean": args.clean, "data": pyramid.digest}
    results = Results(settings | {"threads": torch.get_num_threads()}, args.json)
    features = Lite2(pick_device("auto"))
    first, second = list[list[str]](), list[list[str]]()
    for row in rows:
        # Measure a row that the file does not hold yet.
        loaded = weights[row.weights]
        key = f"{loaded.digest[:16]}:{row.steps}@{row.count}"
        if key not in results.parts:
            print(f"{row.name}, {row.steps} step(s)", flush=True)
            stages = {zoom: _stage(loaded, row, zoom) for zoom in STAGE_ZOOMS}
            found, _ = measure_stages(
                stages.__getitem__, samples, row.count, features, args.clean,
                memory=open_memory(None, loaded),
            )  # fmt: skip
            cost = cost_of(_ready(loaded, row), row.steps)
            cells = {"summary": summary(row, found, cost), "zooms": by_zoom(found)}
            results.add(key, {"rows": found, "cost": cost, **cells}, "")
        # Add it to both tables.
        numbers = results.parts[key]["numbers"]
        first.append([row.name, *numbers["summary"]])
        second.append([row.name, str(row.steps), *numbers["zooms"]])
        zooms = [f"zoom {r['zoom']}" for r in numbers["rows"]]
    print(f"\n{markdown(HEADERS, first)}")
    print("\nSliced Wasserstein / bicubic's, spectrum dB, KID-Lite2 x 1000:\n")
    print(markdown(["weights", "steps", *zooms], second))
    return 0


def _stage(loaded: Checkpoint, row: SamplingRow, zoom: int) -> AnyStage:
    """Return what a zoom's windows are made with; raises TrainingError."""
    network = _ready(loaded, row, zoom)
    if isinstance(network, LayoutDecoder):
        return stage_of(network, row.steps)
    return PaddedStage(network, row.steps, EDGE)


def _ready(
    loaded: Checkpoint, row: SamplingRow, zoom: int = STAGE_ZOOMS[0]
) -> ExactUNet | LayoutDecoder:
    """Return a network of its own, as a zoom's tiles are made with; raises TrainingError."""
    given = loaded.network_of(zoom)
    if isinstance(given, PaperUNet):
        raise TrainingError(f"{row.name} is the paper's network, expected exact ones or layouts")
    if isinstance(given, LayoutDecoder) and row.steps != 1:
        raise TrainingError(f"{row.name} draws layouts in 1 step, {row.steps} were asked for")
    with torch.device("meta"):
        network = build(given.config)
    assert not isinstance(network, PaperUNet)
    network.load_state_dict(given.state_dict(), assign=True)
    device = pick_device("auto")
    return channels_last(network.to(device, pick_precision(device))).eval().requires_grad_(False)


EXPERIMENT = Experiment(
    "sampling",
    "Tabulate quality, steps, time and halo, a row per weights and number of steps.",
    (
        "--data runs/data shipped:1",
        "--data runs/data --clean --count 12 noise=noise.safetensors:1,2,10@4",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
