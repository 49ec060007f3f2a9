"""`python -m training presets`: the networks to choose from, with what each costs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode

from generator.cascade.loading import pick_precision
from generator.cascade.probe import window_gflop
from generator.cascade.windows import stage_of
from generator.grid.tile import TILE_SIZE
from generator.memory.view import Rectangle
from generator.nets.build import AnyNetwork, build, preset
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import SCALE, channels_last

PAPER_STEPS = 50
"""DDIM steps of the paper."""
_CORE = TILE_SIZE // SCALE
_STATE_BYTES = 20
"""Of one parameter in training: float32 weight, gradient, average and AdamW's two moments."""
_BFLOAT16_BYTES = 2


@dataclass(frozen=True, slots=True)
class Cost:
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


def cost(name: str, steps: int | None = None) -> Cost:
    """Count what a preset costs, without weights or arithmetic.

    steps: DDIM steps, or None for the preset's own, 50 for the paper's and 1 for the others; a
    layout decoder always takes one. Raises GeneratorError if there is no such preset.
    """
    with torch.device("meta"):
        network = build(preset(name))
    windows, evaluations = 1, 1 if isinstance(network, LayoutDecoder) else steps or 1
    if isinstance(network, PaperUNet):
        windows = (_CORE * 2 // network.config.window) ** 2
        evaluations = windows * (steps or PAPER_STEPS)
    prepare, evaluate = _flop(network)
    count = sum(p.numel() for p in network.parameters())
    return Cost(
        name,
        count,
        stage_of(network, 1 if isinstance(network, PaperUNet) else evaluations).margin,
        evaluations,
        (windows * prepare + evaluations * evaluate) / 1e9,
        count * _BFLOAT16_BYTES / 1e6,
        count * _STATE_BYTES / 1e6,
    )


def _flop(network: AnyNetwork) -> tuple[int, int]:
    """Operations of a window's condition, and of one evaluation of a window."""
    if not isinstance(network, PaperUNet):
        return 0, round(1e9 * window_gflop(network, _CORE, 1))
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
    stage = stage_of(network, steps or default)
    area = Rectangle(0, 0, _CORE, _CORE).grown(stage.margin)
    parent = np.random.default_rng(0).integers(0, 255, (area.height, area.width, 3), np.uint8)
    latent: NDArray[Any] = stage.latent(0, 11, area)

    def tile() -> float:
        began = time.perf_counter()
        stage(parent, latent, np.array([64.0]), 0.5)
        return 1000 * (time.perf_counter() - began)

    with _peak(device) as peak:
        times = [tile()]
        # The first one also pays for the kernels' start; where a tile takes long that is little.
        while len(times) <= tries and sum(times) < 20_000:
            times.append(tile())
    return Measured(min(times), peak[0])


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


def table(costs: list[Cost], measured: dict[str, Measured] | None = None) -> str:
    """Return the costs as a Markdown table, with what was measured where it was."""
    heads = ["preset", "parameters", "margin", "evaluations", "GFLOP / tile"]
    heads += ["weights MB", "training state MB"]
    if measured:
        heads += ["ms / tile", "peak MB"]
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1)]
    for c in costs:
        cells = [c.name, f"{c.parameters / 1e6:.2f} M", str(c.margin), str(c.evaluations)]
        cells += [f"{c.gflop:,.1f}", f"{c.weights:,.1f}", f"{c.training:,.1f}"]
        if measured:
            m = measured.get(c.name)
            cells += [f"{m.milliseconds:,.0f}", f"{m.memory:,.0f}"] if m else ["", ""]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
