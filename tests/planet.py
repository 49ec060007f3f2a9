"""A made-up planet with broad belts of sea, land and desert, and a tiny cascade on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.cascade.cascade import Cascade
from generator.nets.config import SamplerConfig
from tests.networks import tiny_network

SEA, LAND, DESERT = (5, 20, 70), (60, 90, 40), (225, 180, 120)


def write_planet(path: Path) -> Path:
    """Write an equirectangular image: sea, land from 60 W, desert from 0, sea from 60 E."""
    pixels = np.empty((256, 512, 3), np.int16)
    pixels[:] = SEA
    pixels[:, 168:256] = LAND
    pixels[:, 256:344] = DESERT
    pixels += np.random.default_rng(0).integers(-4, 5, (256, 512, 1))
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return path


def write_weights(path: Path, preset: str = "exact-tiny") -> Path:
    """Write the weights of a tiny network."""
    checkpoint.save(path, tiny_network(preset=preset), SamplerConfig(), {})
    return path


def tiny_cascade(folder: Path, preset: str = "exact-tiny") -> Cascade:
    """Load a tiny cascade of the made-up planet, one step, float32 on the CPU."""
    base = BaseMap.open(write_planet(folder / "planet.png"))
    loaded = checkpoint.load(write_weights(folder / "tiny.safetensors", preset))
    return Cascade(base, loaded, loaded.sampler, torch.device("cpu"), torch.float32)
