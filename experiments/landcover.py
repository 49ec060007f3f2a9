"""Whether the data engine helps a classifier of land cover (the paper's Table III, in small).

A small network learns kinds of ground from few labelled windows, with and without variants that
`generator.datasets.variants` makes of them, and is judged on windows of other places. The labels
are a stand-in: see `experiments.landcoverwindows`. Controls of the same count: the same windows
degraded and enlarged by bicubic interpolation, changes of tone, and five times as many real
windows, the most that variants could replace.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

import generator
from experiments.command import Experiment
from experiments.landcoverwindows import (
    LandcoverWindows,
    draw_windows,
    stand_in_labels,
    statistics,
)
from generator import stopping
from generator.cascade.cascade import Cascade
from generator.datasets.labelled import seed_of
from generator.datasets.variants import VariantConfig, degraded, vary
from generator.grid.tile import SCALE, STAGE_ZOOMS
from generator.nets.blocks import channels_last
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.measure.metrics import Images
from training.measure.realparents import enlarged
from training.measure.report import markdown
from training.progress import track
from training.samples.windows import BANDS

ARMS = ("real alone", "+ tones", "+ bicubic", "+ variants", "five times as many real ones")
POOL = 2000
"""Windows of the training and of the test places that are drawn, at most."""
BATCH, STEPS, RATE = 32, 200, 3e-3
_WIDTHS = (24, 48, 96)


@dataclass(frozen=True, slots=True)
class LandcoverPlan:
    """The size of it: classes, labelled windows of each, variants of each window, steps."""

    classes: int
    labelled: int
    per_image: int
    steps: int


@dataclass(frozen=True, slots=True)
class LabelledWindows:
    """LandcoverWindows with a class each, int64 [N]."""

    drawn: LandcoverWindows
    labels: NDArray[np.int64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument(
        "--zooms", type=int, nargs="+", choices=STAGE_ZOOMS, default=[13, 11], metavar="Z",
        help="resolutions of the windows, as stages [13 11]",
    )  # fmt: skip
    parser.add_argument("--sources", nargs="+", metavar="NAME", help="only these sources [all]")
    parser.add_argument("--classes", type=int, default=6, help="stand-in classes [6]")
    parser.add_argument("--labelled", type=int, default=8, help="labelled windows a class [8]")
    parser.add_argument("--per-image", type=int, default=4, help="variants of a window [4]")
    parser.add_argument("--strength", type=float, help="strength told [the weights' own]")
    parser.add_argument("--seeds", type=int, default=6, help="repetitions [6]")


def run(args: argparse.Namespace) -> int:
    """Print a row per resolution; returns the exit status."""
    plan = LandcoverPlan(args.classes, args.labelled, args.per_image, STEPS)
    if min(plan.classes - 1, plan.labelled, plan.per_image, args.seeds) < 1:
        raise TrainingError("--classes takes 2 or more; --labelled, --per-image, --seeds 1 or more")
    pyramid = Pyramid(args.data).of_sources(args.sources)
    cascade = generator.load(weights=args.weights)
    rows = []
    for zoom in args.zooms:
        known, held_out = labelled_windows(pyramid, zoom, plan)
        found: dict[str, list[float]] = {arm: [] for arm in ARMS}
        for seed in track(range(args.seeds), f"zoom {zoom}: repetitions"):
            arms = training_sets(cascade, known, plan, args.strength, seed)
            for arm, (windows, labels) in arms.items():
                trained = train(windows, labels, plan, seed)
                found[arm].append(accuracy(trained, held_out))
        rows.append(row(zoom, known, held_out, found))
    print(markdown(["zoom", "m per pixel", "test windows", *ARMS, "variants - bicubic"], rows))
    return 0


def labelled_windows(
    pyramid: Pyramid, zoom: int, plan: LandcoverPlan
) -> tuple[LabelledWindows, LabelledWindows]:
    """Draw windows of training places and of held-out ones (val and test), both labelled."""
    band = next(band for band in BANDS if band.zoom == zoom)
    splits = (("train",), ("val", "test"))
    drawn = [draw_windows(pyramid, names, band, POOL, 0) for names in splits]
    seen = [statistics(part.windows) for part in drawn]
    labels = stand_in_labels(seen[0], seen[1], plan.classes, 0)
    return LabelledWindows(drawn[0], labels[0]), LabelledWindows(drawn[1], labels[1])


def training_sets(
    cascade: Cascade, known: LabelledWindows, plan: LandcoverPlan, strength: float | None, seed: int
) -> dict[str, tuple[Images, NDArray[np.int64]]]:
    """Return every arm's windows and labels for one repetition.

    The labelled windows are drawn anew for each; all arms but the last see the same ones.
    """
    random = np.random.default_rng(seed)
    few, many = chosen(known.labels, plan, random)
    windows, labels = known.drawn.windows[few], known.labels[few]
    # Each labelled window has as many additions of every kind.
    made, soft, toned = [], [], []
    for number in few:
        window, gsd = known.drawn.windows[number], float(known.drawn.gsd[number])
        recipe = VariantConfig(gsd, strength=strength)
        for variant in range(plan.per_image):
            made.append(vary(cascade, window, recipe, seed_of(seed, str(number), variant)))
            soft.append(bicubic(window))
            toned.append(tones(window, random))
    # All arms but the last add to the same real windows.
    again = np.repeat(labels, plan.per_image)
    sets: list[tuple[Images, NDArray[np.int64]]] = [(windows, labels)]
    for extra in (toned, soft, made):
        sets.append((np.concatenate([windows, np.stack(extra)]), np.concatenate([labels, again])))
    sets.append((known.drawn.windows[many], known.labels[many]))
    return dict(zip(ARMS, sets, strict=True))


def chosen(
    labels: NDArray[np.int64], plan: LandcoverPlan, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the labelled windows of each class, and those with (1 + per_image) times as many.

    A class that has fewer gives all it has.
    """
    few, many = [], []
    for label in range(plan.classes):
        order = random.permutation(np.flatnonzero(labels == label))
        few.append(order[: plan.labelled])
        many.append(order[: plan.labelled * (1 + plan.per_image)])
    return np.concatenate(few), np.concatenate(many)


def bicubic(window: Images) -> Images:
    """Degrade a window as a variant is, and enlarge it by interpolation."""
    height, width = window.shape[:2]
    return enlarged(degraded(window, SCALE))[:height, :width]


def tones(window: Images, random: np.random.Generator) -> Images:
    """Change brightness, contrast and the balance of colours, as is usual."""
    gain = np.exp(random.normal(0, 0.15) + random.normal(0, 0.05, 3))
    mean = window.mean((0, 1))
    changed = (window - mean) * np.exp(random.normal(0, 0.15)) + mean * gain
    out: Images = np.clip(np.rint(changed), 0, 255).astype(np.uint8)
    return out


def train(windows: Images, labels: NDArray[np.int64], plan: LandcoverPlan, seed: int) -> nn.Module:
    """Train a small network; every arm takes equally many steps, flipped and turned at random."""
    # Strided convolutions, then one layer over their means.
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    layers: list[nn.Module] = []
    before = 3
    for width in _WIDTHS:
        layers += [nn.Conv2d(before, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        before = width
    network = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2),
        nn.Linear(before, plan.classes),
    )  # fmt: skip
    channels_last(network)
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, plan.steps)
    inputs, targets = _inputs(windows), torch.from_numpy(labels)
    for _ in range(plan.steps):
        # Draw a batch, flipped and turned as one.
        picked = torch.randint(len(inputs), (BATCH,), generator=random)
        batch = inputs[picked]
        if torch.randint(2, (), generator=random):
            batch = batch.flip(3)
        batch = batch.rot90(int(torch.randint(4, (), generator=random)), (2, 3))
        loss = F.cross_entropy(network(batch), targets[picked])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimiser.step()
        schedule.step()
    return network.eval()


def accuracy(network: nn.Module, held_out: LabelledWindows) -> float:
    """Return the mean over the classes of the share that is called rightly."""
    with torch.inference_mode():
        parts = torch.split(_inputs(held_out.drawn.windows), 256)
        called = torch.cat([network(part).argmax(1) for part in parts]).numpy()
    right = called == held_out.labels
    return float(np.mean([right[held_out.labels == c].mean() for c in np.unique(held_out.labels)]))


def _inputs(windows: Images) -> Tensor:
    return torch.from_numpy(windows).permute(0, 3, 1, 2).float() / 127.5 - 1


def row(
    zoom: int, known: LabelledWindows, held_out: LabelledWindows, found: dict[str, list[float]]
) -> list[str]:
    """Return a line of the table: mean and standard deviation of each arm, in percent."""
    gsd = np.concatenate([known.drawn.gsd, held_out.drawn.gsd])
    gain = np.subtract(found["+ variants"], found["+ bicubic"])
    cells = [_spread(np.array(found[arm])) for arm in ARMS]
    size = f"{gsd.min():.0f} to {gsd.max():.0f}"
    return [str(zoom), size, str(len(held_out.labels)), *cells, _spread(gain)]


def _spread(values: NDArray[np.float64]) -> str:
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return f"{100 * values.mean():.1f} ± {100 * spread:.1f}"


EXPERIMENT = Experiment(
    "landcover",
    "Measure whether variants help a classifier of land cover (the paper's Table III, in small).",
    (
        "--data runs/data",
        "--data runs/data --zooms 13 --seeds 2",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
