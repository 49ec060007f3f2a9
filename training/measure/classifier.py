"""A classifier two-sample test: how well a small network tells generated windows from real ones.

Lopez-Paz and Oquab 2017. The network learns on windows of training places and is judged on
windows of held-out places, so that it cannot win by knowing a place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generator.cascade.loading import pick_precision
from generator.cascade.stages import AnyStage
from generator.memory.field import Memory
from generator.nets.blocks import channels_last
from training.errors import TrainingError
from training.measure.metrics import Images
from training.measure.realparents import draw_real_parents
from training.measure.report import markdown
from training.progress import track
from training.samples.windows import BANDS, Samples

CROP = 64
"""Side of the crops in pixels."""
SEEDS = 3
"""Classifiers that are trained on generated windows; one is on bicubic ones."""
STEPS = 150
"""Training steps of a classifier."""
_WIDTHS = (24, 48, 96, 96)
_PAIRS = 32
_RATE = 3e-3
_DETAIL_GAIN = 8.0
_MOMENTUM = 0.2


@dataclass(frozen=True, slots=True)
class ClassifierWindows:
    """Real windows and, by the same index, those to tell from them; uint8 [N, H, W, 3] each."""

    real: Images
    other: Images


@dataclass(frozen=True, slots=True)
class ClassifierTrial:
    """Seed and training steps of one classifier."""

    seed: int
    steps: int


@dataclass(frozen=True, slots=True)
class ClassifierRow:
    """Two-sample accuracies of one stage, one per seed; 0.5 = indistinguishable from real."""

    zoom: int
    made: list[float]
    bicubic: list[float]


def measure_classifier(
    stage: AnyStage,
    windows: tuple[Samples, Samples],
    band: int,
    count: int,
    clean: bool = False,
    *,
    memory: Memory | None,
    device: torch.device,
) -> ClassifierRow:
    """Test the stage of BANDS[band].

    windows: those of training places and of held-out ones. count: held-out windows; the classifier
    learns on twice as many. clean, memory: as `draw_real_parents` takes them. Raises TrainingError
    where the band has none of either.
    """
    zoom = BANDS[band].zoom
    known, held_out = (
        draw_real_parents(stage, samples, band, range(n), clean, memory=memory)
        for samples, n in zip(windows, (2 * count, count), strict=True)
    )
    row = ClassifierRow(zoom, [], [])
    tests = [(row.made, "made", seed) for seed in range(SEEDS)] + [(row.bicubic, "bicubic", 0)]
    for found, kind, seed in track(tests, f"zoom {zoom}: classifiers"):
        first, second = (ClassifierWindows(x.truth, getattr(x, kind)) for x in (known, held_out))
        found.append(two_sample_accuracy(first, second, ClassifierTrial(seed, STEPS), device))
    return row


def tested_bands(windows: tuple[Samples, Samples]) -> dict[int, int]:
    """Return the bands, by zoom, that have imagery of training places and of held-out ones.

    Raises TrainingError where none has.
    """
    bands = {
        description.zoom: band
        for band, description in enumerate(BANDS)
        if all(samples.choices[band][0] for samples in windows)
    }
    if not bands:
        raise TrainingError("no stage has imagery of both training and held-out places")
    return bands


def two_sample_accuracy(
    known: ClassifierWindows,
    held_out: ClassifierWindows,
    trial: ClassifierTrial,
    device: torch.device,
    *,
    middle: bool = False,
) -> float:
    """Share of the held-out crops that the network calls rightly: 0.5 = indistinguishable.

    It sees 32 random crops of either kind in each step, flipped and turned at random. middle: it
    judges by what it sees in the middle of a crop.
    """
    # Train on crops of known places.
    torch.manual_seed(trial.seed)
    random = torch.Generator().manual_seed(trial.seed)
    network = channels_last(_network(middle).to(device))
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, trial.steps)
    real, other = (torch.from_numpy(x) for x in (known.real, known.other))
    label = torch.arange(2, device=device).repeat_interleave(_PAIRS).float()
    for _ in range(trial.steps):
        places = _places(real, random)
        crops = torch.cat([_cut(real, places), _cut(other, places)])
        logits = _logits(network, _turned(crops, random), device)
        loss = F.binary_cross_entropy_with_logits(logits, label)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # torch
        optimiser.step()
        schedule.step()
    # Count what it calls rightly on all crops of held-out places.
    network.eval()
    right = []
    for windows, generated in ((held_out.real, False), (held_out.other, True)):
        crops = torch.from_numpy(tiled(windows))
        for batch in torch.split(crops, 8 * _PAIRS):
            with torch.inference_mode():
                right.append(((_logits(network, batch, device) > 0) == generated).float().cpu())
    return float(torch.cat(right).mean())


def tiled(windows: Images) -> Images:
    """Cut windows [N, H, W, 3] into all their crops on a grid, [M, 64, 64, 3]."""
    n, height, width, _ = windows.shape
    rows, columns = height // CROP, width // CROP
    whole = windows[:, : rows * CROP, : columns * CROP]
    cut = whole.reshape(n, rows, CROP, columns, CROP, 3).swapaxes(2, 3)
    return np.ascontiguousarray(cut.reshape(-1, CROP, CROP, 3))


def _network(middle: bool) -> nn.Sequential:
    """Build four convolutions over pixels and detail, six channels, that end in one logit.

    middle: of their 8 x 8 results the inner 4 x 4 alone are averaged.
    """
    layers: list[nn.Module] = []
    before = 6
    for number, width in enumerate(_WIDTHS):
        stride = 1 if number == 0 else 2
        layers.append(nn.Conv2d(before, width, 3, stride, 1, bias=False))
        layers += [nn.BatchNorm2d(width, momentum=_MOMENTUM), nn.ReLU()]
        before = width
    if middle:
        layers.append(nn.ZeroPad2d(-2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1))


def _logits(network: nn.Module, crops: Tensor, device: torch.device) -> Tensor:
    """uint8 [B, 64, 64, 3] -> [B]; the network sees the pixels and their finest detail, amplified.

    Without the latter 150 steps are too few to tell even bicubic interpolation reliably.
    """
    x = crops.to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
    detail = x - F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    x = torch.cat([x, _DETAIL_GAIN * detail], 1)
    narrow = pick_precision(device) is torch.bfloat16
    with torch.autocast(device.type, torch.bfloat16, enabled=narrow):
        out: Tensor = network(x.contiguous(memory_format=torch.channels_last))
    return out.float()[:, 0]


def _places(windows: Tensor, random: torch.Generator) -> list[tuple[int, int, int]]:
    """Draw (window, top, left) of a batch of crops; the other kind is cut at the same places."""
    limits = (len(windows), windows.shape[1] - CROP + 1, windows.shape[2] - CROP + 1)
    drawn = [torch.randint(limit, (_PAIRS,), generator=random).tolist() for limit in limits]
    return list(zip(*drawn, strict=True))


def _cut(windows: Tensor, places: list[tuple[int, int, int]]) -> Tensor:
    return torch.stack([windows[n, y : y + CROP, x : x + CROP] for n, y, x in places])


def _turned(crops: Tensor, random: torch.Generator) -> Tensor:
    """Flip and turn the whole batch at random."""
    if torch.randint(2, (), generator=random):
        crops = crops.flip(2)
    return crops.rot90(int(torch.randint(4, (), generator=random)), (1, 2))


def classifier_table(rows: list[ClassifierRow]) -> str:
    """Two-sample accuracies with their spread over the seeds."""
    lines = [
        [str(r.zoom), f"{np.mean(r.made):.2f}", f"{min(r.made):.2f} to {max(r.made):.2f}",
         f"{np.mean(r.bicubic):.2f}"]
        for r in rows
    ]  # fmt: skip
    return markdown(["zoom", "classifier accuracy", "over seeds", "bicubic's"], lines)
