"""A made-up batch of training samples."""

import torch
import torch.nn.functional as F

from generator.grid.tile import SCALE
from training.state import Batch, RunConfig


def made_up(config: RunConfig, device: torch.device) -> Batch:
    """Return a batch of random images, in the form of `training.samples.windows`."""
    count, side = config.batch, config.window
    random = torch.Generator().manual_seed(0)
    child = torch.rand(count, 3, SCALE * side, SCALE * side, generator=random) * 2 - 1
    batch = {
        "child": child,
        "parent": F.avg_pool2d(child, SCALE),
        "gsd": torch.full((count,), 16.0),
        "augmentation": torch.full((count,), 0.5),
        "band": torch.full((count,), 3),
    }
    return {name: value.to(device) for name, value in batch.items()}
