"""What each preset of a network costs, counted and, where asked, timed on this machine."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from generator.cascade.loading import pick_device, pick_precision
from generator.cascade.probe import window_gflop
from generator.cascade.stages import AnyStage, stage_of
from generator.grid.errors import GeneratorError
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE
from generator.nets.blocks import channels_last
from generator.nets.build import AnyNetwork, build, preset
from generator.nets.config import PRESETS
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from training.measure.report import markdown

HELP = "print what the networks cost, or time them"

PAPER_STEPS = 50
"""DDIM steps of the paper."""
CORE = TILE_SIZE // SCALE
"""Parent pixels along the side of a tile."""
LONGEST = 20.0
"""Seconds after which no further tile is timed."""
_STATE_BYTES = 20
"""Of one parameter in training: float32 weight, gradient, average and AdamW's two moments."""
_BFLOAT16_BYTES = 2


@dataclass(frozen=True, slots=True)
class PresetCost:
    """What one preset costs; a tile is 256 x 256 child pixels.

    margin: parent pixels read round a tile on each side; evaluations: of the network per tile;
    gflop: per tile, a multiplication and an addition being two; weights, training: MB in bfloat16,
    and of weights, gradients, average and optimiser in float32.
    """

    name: str
    parameters: int
    margin: int
    evaluations: int
    gflop: float
    weights: float
    training: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One tile on one device: milliseconds, the best of several, and the most memory in MB."""

    milliseconds: float
    memory: float


def cost(name: str, steps: int | None = None) -> PresetCost:
    """Count what a preset costs, without weights or arithmetic.

    steps: DDIM steps, or None for the preset's own, 50 for the paper's and 1 for the others; a
    layout decoder always takes one. Raises GeneratorError if there is no such preset.
    """
    with torch.device("meta"):
        network = build(preset(name))
    windows, evaluations = 1, 1 if isinstance(network, LayoutDecoder) else steps or 1
    if isinstance(network, PaperUNet):
        windows = (CORE * 2 // network.config.window) ** 2
        evaluations = windows * (steps or PAPER_STEPS)
    condition, evaluate = _flop(network)
    count = sum(p.numel() for p in network.parameters())
    return PresetCost(
        name,
        count,
        stage_of(network, 1 if isinstance(network, PaperUNet) else evaluations).margin,
        evaluations,
        (windows * condition + evaluations * evaluate) / 1e9,
        count * _BFLOAT16_BYTES / 1e6,
        count * _STATE_BYTES / 1e6,
    )


def _flop(network: AnyNetwork) -> tuple[int, int]:
    """Count the operations of a window's condition, and of one evaluation of a window."""
    if not isinstance(network, PaperUNet):
        return 0, round(1e9 * window_gflop(network, CORE, 1))
    one, side = torch.ones(1, device="meta"), network.config.window
    child, parent = (torch.empty(1, 3, n, n, device="meta") for n in (SCALE * side, side))
    with torch.inference_mode():
        with FlopCounterMode(display=False) as first:
            features = network.encoder(parent)
        with FlopCounterMode(display=False) as second:
            network(child, features, network.embedding(one, one))
    return first.get_total_flops(), second.get_total_flops()


def measure(name: str, device: torch.device, steps: int | None = None, tries: int = 5) -> Measured:
    """Time one tile of a preset with random weights; raises GeneratorError."""
    with device:
        network = channels_last(build(preset(name)).to(pick_precision(device)))
    network.eval().requires_grad_(False)
    default = PAPER_STEPS if isinstance(network, PaperUNet) else 1
    with _peak(device) as peak:
        milliseconds = time_tile(stage_of(network, steps or default), tries)
    return Measured(milliseconds, peak[0])


def time_tile(stage: AnyStage, tries: int) -> float:
    """Return the milliseconds of one tile of a stage, the least of 1 + `tries`.

    The first tile also pays for the start of the kernels. No tile begins after LONGEST seconds.
    """
    # A random parent of a tile and its margin, at 64 metres per child pixel.
    area = Rectangle(0, 0, CORE, CORE).grown(stage.margin)
    parent = np.random.default_rng(0).integers(0, 255, (area.height, area.width, 3), np.uint8)
    latent: NDArray[Any] = stage.latent(0, 11, area)
    times: list[float] = []
    while len(times) <= tries and sum(times) < LONGEST:
        began = time.perf_counter()
        stage(parent, latent, np.array([64.0]), 0.5)
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


@contextmanager
def _peak(device: torch.device) -> Iterator[list[float]]:
    """Find the most memory that the body holds, in MB: the device's, or the process's."""
    found = [0.0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield found
        found[0] = torch.cuda.max_memory_allocated(device) / 1e6
    else:
        import resource

        yield found
        found[0] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def table(costs: list[PresetCost], measured: dict[str, Measured] | None = None) -> str:
    """Return the costs as a Markdown table, with what was measured where it was."""
    heads = ["preset", "parameters", "margin", "evaluations", "GFLOP / tile"]
    heads += ["weights MB", "training state MB"]
    if measured:
        heads += ["ms / tile", "peak MB"]
    rows = []
    for c in costs:
        cells = [c.name, f"{c.parameters / 1e6:.2f} M", str(c.margin), str(c.evaluations)]
        cells += [f"{c.gflop:,.1f}", f"{c.weights:,.1f}", f"{c.training:,.1f}"]
        if measured:
            m = measured.get(c.name)
            cells += [f"{m.milliseconds:,.0f}", f"{m.memory:,.0f}"] if m else ["", ""]
        rows.append(cells)
    return markdown(heads, rows)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("names", nargs="*", metavar="PRESET", help="which ones [all]")
    parser.add_argument("--steps", type=int, help="DDIM steps [50 for paper, 1 for the others]")
    parser.add_argument(
        "--measure", action="store_true", help="time one tile too: minutes for paper without a GPU"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def run(args: argparse.Namespace) -> int:
    """Print the table of costs; returns the exit status. Raises GeneratorError."""
    names = args.names or list(PRESETS)
    if args.steps is not None and args.steps < 1:
        raise GeneratorError(f"steps is {args.steps}, expected 1 or more")
    costs = [cost(name, args.steps) for name in names]
    measured = {}
    if args.measure:
        device = pick_device(args.device)
        measured = {name: measure(name, device, args.steps) for name in names}
    print(table(costs, measured))
    return 0
