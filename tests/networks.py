"""Tiny networks with random weights, so that tests need neither training nor weights."""

from __future__ import annotations

import torch

from generator.config import PRESETS
from generator.network import ExactUNet


def tiny_network(seed: int = 0, preset: str = "exact-tiny") -> ExactUNet:
    """Return a small network; layers that start at zero are drawn too, to hide no difference."""
    torch.manual_seed(seed)
    network = ExactUNet(PRESETS[preset])
    for parameter in network.parameters():
        if not parameter.detach().any():
            torch.nn.init.normal_(parameter, std=0.05)
    return network.eval().requires_grad_(False)
