"""Weights that memories belong to: a decoder of layout codes, and the encoder that makes them."""

from __future__ import annotations

from pathlib import Path

import torch

from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.grid.errors import WeightsError


def open_weights(path: Path | None, threads: int | None = None) -> Checkpoint:
    """Load weights, the shipped ones for None, to build or show banks with.

    threads: that the networks use from now on, None for all cores. Raises WeightsError where the
    weights cannot be read or have no encoder.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    loaded = checkpoint.load(path)
    if loaded.encoder is None:
        raise WeightsError(
            f"{path or checkpoint.DEFAULT} holds no encoder of layouts, expected weights with one"
        )
    return loaded
