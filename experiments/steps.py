"""What several DDIM steps cost, in one window or by way of kept states."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.command import Experiment
from generator import stopping
from generator.cascade import checkpoint
from generator.cascade.blocksampler import (
    SIDES,
    BlockInputs,
    BlockSampler,
    Offset,
    evaluations_at_once,
    side_for,
)
from generator.cascade.diffusionstage import DiffusionStage
from generator.cascade.loading import pick_device, pick_precision
from generator.cascade.probe import window_gflop
from generator.grid.noise import field
from generator.grid.tile import SCALE, TILE_SIZE
from generator.nets.blocks import channels_last
from generator.nets.unet import ExactUNet
from training.errors import TrainingError
from training.measure.report import markdown
from training.progress import track

_ZOOM = 11
_WIDTH = TILE_SIZE << (_ZOOM - 2)
_CORNER = 10 * SIDES[-1]
_METRES = 64.0
_STRENGTH = 0.2
_TILE = TILE_SIZE // SCALE
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SamplingCost:
    """What one way of taking some steps costs.

    margin: parent pixels read round a window; widest: parent pixels along the side of what the
    network evaluates at once, to whose square its memory is proportional; cold, region: GFLOP for
    the first tile, with all that is made for it, and per tile of a region; cold_ms, region_ms: the
    same in milliseconds; timed: whether its windows were timed, and not only estimated by the rate
    of smaller ones;
    memory: bytes of states that the region leaves.
    """

    steps: int
    name: str
    margin: int
    widest: int
    cold: float
    region: float
    cold_ms: float
    region_ms: float
    timed: bool
    memory: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 10, 50], metavar="K")
    parser.add_argument(
        "--side", type=int, default=16, help="tiles along the region's sides, even [16]"
    )
    parser.add_argument("--threads", type=int, default=1, help="of the network [1]")
    parser.add_argument(
        "--seconds", type=float, default=30.0,
        help="time windows that are foreseen to take less; estimate the others [30]",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def run(args: argparse.Namespace) -> int:
    """Measure and print the table; returns the exit status."""
    if args.side < 2 or args.side % 2 or min(args.steps) < 1 or args.threads < 1:
        raise TrainingError("--side takes an even number from 2, --steps and --threads 1 or more")
    network = checkpoint.load(args.weights).network
    if not isinstance(network, ExactUNet):
        raise TrainingError("steps compares ways of the exact network; these weights are another's")
    torch.set_num_threads(args.threads)
    device = pick_device(args.device)
    bench = SamplingBench(channels_last(network.to(device, pick_precision(device))), args.seconds)
    ways: list[SamplingCost] = []
    for steps in track(sorted(set(args.steps)), "steps"):
        ways += bench.measure(steps, args.side)
    print(f"{device.type}, {pick_precision(device)}, {args.threads} thread(s)\n")
    print(table(ways, args.side))
    print("\n" + "\n".join(bench.compared))
    return 0


class SamplingBench:
    """Times and counts the windows of one network; what is made of many is put together.

    seconds: windows foreseen to take longer are estimated; compared: one line for each number of
    steps whose block was made in both ways, saying how many pixels differ.
    """

    def __init__(self, network: ExactUNet, seconds: float) -> None:
        self.network = network
        self.seconds = seconds
        self.compared: list[str] = []
        self._rate = 0.0
        """GFLOP per millisecond of the latest window."""

    def measure(self, steps: int, tiles: int) -> list[SamplingCost]:
        """Ways of taking `steps`, for a region of `tiles` x `tiles` tiles."""
        ways = [self._in_windows(steps, side, tiles) for side in (SIDES[0], SIDES[-1])]
        if steps > evaluations_at_once(self.network):
            ways.append(self._by_kept_latents(steps, tiles))
            if max(ways[0].cold_ms, ways[-1].cold_ms) < 1000 * self.seconds:
                self._compare(steps)
        return ways

    def _in_windows(self, steps: int, side: int, tiles: int) -> SamplingCost:
        """Cost of all steps in windows of `side` parent pixels, each with all its margins."""
        work, spent, timed = self._window(side, steps)
        across = side // _TILE
        name = f"window of {across} x {across} tiles"
        share = (-(-tiles // across) / tiles) ** 2
        margin = self.network.margin * steps
        widest = side + 2 * margin
        return SamplingCost(
            steps, name, margin, widest, work, work * share, spent, spent * share, timed, 0
        )

    def _by_kept_latents(self, steps: int, tiles: int) -> SamplingCost:
        """Cost of groups of steps whose intermediate latents are kept for the neighbours."""
        side = side_for(self.network, steps)
        across = side // _TILE
        blocks = -(-tiles // across)
        cold, _ = count(self.network, steps, 1)
        region, memory = count(self.network, steps, blocks)
        # Time one window for each number of steps that a group has.
        states = BlockSampler(self.network, steps, side=side)
        lengths = [len(times) - 1 for times in states.groups]
        window = {n: self._window(side, n) for n in sorted(set(lengths))}

        def total(counts: Counter[int], which: int) -> float:
            return sum(times * window[lengths[group]][which] for group, times in counts.items())

        return SamplingCost(
            steps, f"states, {across} x {across} tiles", states.margin,
            side + 2 * self.network.margin * max(lengths),
            total(cold, 0), total(region, 0) / tiles**2,
            total(cold, 1), total(region, 1) / tiles**2,
            all(timed for _, _, timed in window.values()), memory,
        )  # fmt: skip

    def _window(self, side: int, steps: int) -> tuple[float, float, bool]:
        """GFLOP and milliseconds of one window; whether it was timed."""
        work = window_gflop(self.network, side, steps)
        if self._rate and work / self._rate > 1000 * self.seconds:
            return work, work / self._rate, False
        stage = DiffusionStage(self.network, steps)
        block = _block(side, stage.margin)
        spent: list[float] = []
        while len(spent) < _TRIES and sum(spent) < 1000 * self.seconds / 3:
            began = time.perf_counter()
            _in_one_window(stage, block)
            spent.append(1000 * (time.perf_counter() - began))
        self._rate = work / min(spent)
        return work, min(spent), True

    def _compare(self, steps: int) -> None:
        """Make a block in both ways and note how many pixels differ."""
        stage = DiffusionStage(self.network, steps)
        side = side_for(self.network, steps)
        states = BlockSampler(self.network, steps, side=side)
        ours = states(_block(side, states.margin))
        theirs = _in_one_window(stage, _block(side, stage.margin))
        different = int((ours != theirs).any(-1).sum())
        self.compared.append(
            f"{steps} steps: {different} of {ours[..., 0].size:,} pixels differ between states "
            "and one window"
        )


class _Counting(BlockSampler):
    """Counts the windows that it would run."""

    counts: Counter[int]

    def _advance(
        self, block: BlockInputs, group: int, place: Offset, before: dict[Offset, Tensor]
    ) -> tuple[Tensor, Tensor]:
        self.counts[group] += 1
        return torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 16, 16)


def count(network: ExactUNet, steps: int, blocks: int) -> tuple[Counter[int], int]:
    """Windows of each group that `blocks` x `blocks` blocks take, row by row, from nothing.

    Returns them with the bytes of states that are kept at the end.
    """
    states = _Counting(network, steps, side=side_for(network, steps))
    states.counts = Counter()
    empty = np.empty((0, 0, 3), np.uint8)
    for y in range(blocks):
        for x in range(blocks):
            place = _CORNER + states.side * x, _CORNER + states.side * y
            states(BlockInputs(0, _ZOOM, *place, _WIDTH, empty, np.empty(0), _STRENGTH))
    return states.counts, states.latents.bytes


def table(ways: list[SamplingCost], tiles: int) -> str:
    """Return the costs as a Markdown table."""
    region = f"per tile of {tiles} x {tiles}"
    heads = ["steps", "way", "margin", "widest, px", "GFLOP, first tile", f"GFLOP {region}"]
    heads += ["ms, first tile", f"ms {region}", "states kept, MB"]
    rows = []
    for way in ways:
        sign = "" if way.timed else "≈ "
        cells = [way.cold, way.region, way.cold_ms, way.region_ms]
        figures = [f"{cell:,.0f}" for cell in cells]
        rows.append([
            str(way.steps), way.name, str(way.margin), str(way.widest), *figures[:2],
            *(sign + figure for figure in figures[2:]), f"{way.memory / 1e6:,.0f}",
        ])  # fmt: skip
    return markdown(heads, rows)


def _block(side: int, margin: int) -> BlockInputs:
    """Return a block of a smooth, colourful parent."""
    at = np.arange(_CORNER - margin, _CORNER + side + margin)
    waves = [np.sin(at / 7 + k)[:, None] + np.cos(at / (9 + k))[None] for k in range(3)]
    parent = (120 + 50 * np.stack(waves, -1)).astype(np.uint8)
    resolution = np.full(len(at), _METRES)
    return BlockInputs(0, _ZOOM, _CORNER, _CORNER, _WIDTH, parent, resolution, _STRENGTH)


def _in_one_window(stage: DiffusionStage, block: BlockInputs) -> NDArray[np.uint8]:
    """Make a block in one window, without intermediate latents."""
    size, corner = SCALE * len(block.parent), SCALE * (_CORNER - stage.margin)
    noise = field(block.seed, block.level, corner, corner, size, size)
    return stage(block.parent, noise, block.resolution, block.augmentation)


EXPERIMENT = Experiment(
    "steps",
    "Count and time several DDIM steps, in one window or by way of kept states.",
    (
        "--weights noise.safetensors",
        "--weights noise.safetensors --steps 1 4 --side 8",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
