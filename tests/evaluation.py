"""What evaluations read: prepared imagery, a base map and two tiny networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from generator.cascade import checkpoint
from generator.imagery.sources import read_manifest
from generator.nets.config import SamplerConfig
from tests.imagery import write_imagery
from tests.networks import tiny_network
from training.imagery.prepare import prepare


def write_evaluation(folder: Path) -> None:
    """Write data/, base.png, tiny.safetensors and other.safetensors to a folder."""
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "data")
    waves = (127 + 90 * np.sin(np.mgrid[0:128, 0:256].sum(0) / 7)).astype(np.uint8)
    Pillow.fromarray(waves).convert("RGB").save(folder / "base.png")
    for name, seed in (("tiny", 0), ("other", 1)):
        checkpoint.save(folder / f"{name}.safetensors", tiny_network(seed), SamplerConfig(), {})
