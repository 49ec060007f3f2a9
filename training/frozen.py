"""Weights that a training uses and leaves as they are: a teacher, or the stages upstream."""

from __future__ import annotations

from pathlib import Path

import torch

from generator.cascade import checkpoint
from generator.nets.blocks import channels_last
from generator.nets.body import padded
from generator.nets.unet import ExactUNet
from training.errors import TrainingError


def load_frozen(path: Path, device: torch.device) -> tuple[ExactUNet, str]:
    """Read a network, padded and frozen, and its file's digest; raises GeneratorError."""
    loaded = checkpoint.load(path)
    if not isinstance(loaded.network, ExactUNet):
        raise TrainingError(f"{path} holds the paper's network, expected an exact one")
    return padded(channels_last(loaded.network.to(device))), loaded.digest
