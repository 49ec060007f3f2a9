"""One training step and one tile of a preset with random weights: does it run on this machine?"""

from __future__ import annotations

import time

import torch

from generator.nets.build import build, preset
from generator.nets.config import LayoutConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.paper import PaperUNet
from generator.nets.unet import SCALE
from training.errors import TrainingError
from training.measure.costs import measure
from training.paper import PaperTrainer
from training.state import Batch, RunConfig, State, open_state
from training.trainer import Trainer

_FURTHER = 8
"""Parent pixels beyond the least margin, as training has them."""


def run_config(name: str) -> RunConfig:
    """Return how a preset is trained on one sample by denoising alone; raises GeneratorError.

    Raises TrainingError for a layout decoder, which is trained from a recipe.
    """
    with torch.device("meta"):
        network = build(preset(name))
    core, margin, rate = 64, 0, 2e-6
    if isinstance(network, PaperUNet):
        core = network.config.window
    elif isinstance(network, LayoutDecoder):
        raise TrainingError(f"preset is {name!r}, which is trained from a recipe")
    else:
        margin, rate = network.least_margin + _FURTHER, 2e-4
    return RunConfig(
        name, core, margin, denoise=1, pairs=0, chains=0, rate=rate, perceptual=0, adversarial=0
    )


def made_up(config: RunConfig, device: torch.device) -> Batch:
    """Return a batch of random images, in the form of `training.samples.windows`."""
    count, side = config.batch, config.window
    random = torch.Generator().manual_seed(0)
    child = torch.rand(count, 3, SCALE * side, SCALE * side, generator=random) * 2 - 1
    batch = {
        "child": child,
        "parent": torch.nn.functional.avg_pool2d(child, SCALE),
        "gsd": torch.full((count,), 16.0),
        "augmentation": torch.full((count,), 0.5),
        "band": torch.full((count,), 3),
    }
    return {name: value.to(device) for name, value in batch.items()}


def trial(name: str, device: torch.device, steps: int | None = None) -> str:
    """Train a preset for two steps and make one tile; returns times and memory as one line.

    steps: DDIM steps of the tile, or None for the preset's own. Of a layout decoder the tile alone
    is made. Raises GeneratorError.
    """
    line = f"{name} on {device}: trained from a recipe"
    if not isinstance(preset(name), LayoutConfig):
        line = f"{name} on {device}: {_trained(name, device)}"
    made = measure(name, device, steps, tries=1)
    return f"{line}; a tile in {made.milliseconds / 1000:.2f} s and {made.memory / 1000:.1f} GB"


def _trained(name: str, device: torch.device) -> str:
    """Train a preset for two steps; returns what the second one took."""
    config = run_config(name)
    state = open_state(config, device)
    trainer = Trainer(state) if isinstance(state, State) else PaperTrainer(state)
    batch = made_up(config, device)
    times = []
    for _ in range(2):
        began = time.perf_counter()
        losses = trainer.step(dict(batch))
        times.append(time.perf_counter() - began)
    shown = ", ".join(f"{loss} {value:.4f}" for loss, value in losses.items())
    line = f"a training step in {times[-1]:.2f} s ({shown})"
    if device.type == "cuda":
        line += f" and {torch.cuda.max_memory_allocated(device) / 1e9:.1f} GB"
    return line
