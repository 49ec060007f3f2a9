"""A small picture of what a run makes at this moment: single stages of held-out windows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor

from generator.grid.tile import SCALE
from generator.nets.blocks import crop
from generator.nets.unet import ExactUNet
from training.chain import generated_parent, one_step
from training.dataset import BANDS
from training.ondevice import DeviceSamples
from training.state import Batch, State

_STRENGTH = 0.5
_PER_BAND = 2


@torch.no_grad()
def glance(state: State, samples: DeviceSamples, path: Path) -> None:
    """Write a sheet of the averaged network's work, always of the same windows and noise.

    Each row holds two windows of one stage, each as bicubic, made from its real parent, made from
    a parent that the network made, and real.
    """
    device, margin, network = state.device, state.config.margin, state.ema.network
    batch = samples.batch(0, (_PER_BAND * len(BANDS),))
    order = batch["band"].argsort(stable=True)
    batch = {key: value[order] for key, value in batch.items()}
    random = torch.Generator(device).manual_seed(0)
    strength = torch.full_like(batch["gsd"], _STRENGTH)
    own = generated_parent(network, batch["child"], batch["gsd"], strength, margin, random)
    chained = batch | {"parent": own, "augmentation": strength}
    edge = SCALE * margin
    columns = [
        crop(F.interpolate(batch["parent"], scale_factor=SCALE, mode="bicubic"), edge),
        _made(network, batch, margin, random),
        _made(network, chained, margin, random),
        crop(batch["child"], edge),
    ]
    rows = torch.cat(columns, 3).permute(0, 2, 3, 1)
    pixels = ((rows.clamp(-1, 1) + 1) * 127.5).round().to("cpu", torch.uint8).numpy()
    pairs = [np.hstack(list(pixels[i : i + _PER_BAND])) for i in range(0, len(pixels), _PER_BAND)]
    path.parent.mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(np.vstack(pairs)).save(path, quality=85)


def _made(network: ExactUNet, batch: Batch, margin: int, random: torch.Generator) -> Tensor:
    """One-step samples of a batch's cores, [B, 3, 4c, 4c]."""
    made = one_step(network, batch["parent"], batch["gsd"], batch["augmentation"], random)
    return crop(made, SCALE * (margin - network.least_margin))
