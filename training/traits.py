"""The shape of detail, whatever its amount: how straight, how gathered, how skew, how coloured."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from generator.tile import STAGE_ZOOMS
from training.running import CLASSES
from training.spectral import colours, luminance

SPREADS = {
    "coherence": (0.07, 0.07, 0.07),
    "gathered": (0.15, 0.15, 0.15, 0.15),
    "tails": (0.1, 0.1),
    "skew": (0.06, 0.06),
    "tint": (0.08, 0.08, 0.08, 0.08),
    "grain of colour": (0.4, 0.4),
}
"""Traits of a window, and about how much they vary between natural windows, by octave or kernel."""
COUNT = sum(map(len, SPREADS.values()))
_KERNELS = (8, 24)
"""Pixels over which detail is called gathered; the first also holds the direction of edges."""
_OCTAVES = 2
"""Octaves that a parent lacks."""
_LEVELS = 3
"""Octaves in which the direction of edges is told."""
_FAINT = 1 / 127.5
_FAINT_COLOUR = 0.25 / 127.5
_AT_ONCE = 16
_MOVE = 0.05
_LARGEST = 2.0


class Traits(nn.Module):
    """Running means of the errors of traits, by stage and by how strong the truth's detail is.

    Right amounts of detail may still lie wrongly: edges bend more than on the ground, colour varies
    beside brightness instead of with it, all is equally rough. As in `training.running`, the mean
    error over the last windows is the weight of each trait's own gradient.
    """

    errors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("errors", torch.zeros(len(STAGE_ZOOMS), CLASSES, COUNT))

    def forward(self, windows: list[Tensor], band: Tensor, classes: Tensor) -> Tensor:
        """Move the means, and return the pull: its gradient at samples is what counts.

        windows: two samples and the truth, [B, 3, H, H] each; band: index of the stage, [B];
        classes: of the truths, as class_of gives them, [B].
        """
        first, second, truth = windows
        made, real = traits(torch.cat([first, second])), traits(truth)
        error = (made.detach() - real.repeat(2, 1)).reshape(2, len(truth), COUNT).mean(0)
        for stage, strong, one in zip(band.tolist(), classes.tolist(), error, strict=True):
            self.errors[stage, strong].lerp_(one, _MOVE)
        mean = self.errors[band, classes].clamp(-_LARGEST, _LARGEST)
        return (mean.repeat(2, 1) * made).mean()


def traits(images: Tensor) -> Tensor:
    """Traits of images [B, 3, H, H] in units of their natural spread, [B, COUNT]."""
    grey, colour = luminance(images), colours(images)
    octaves = [_octave(grey, k) for k in range(_OCTAVES)]
    tints = [_octave(colour, k).chunk(2) for k in range(_OCTAVES)]
    parts = [_coherence(_halved(grey, k)) for k in range(_LEVELS)]
    parts += [_gathered(octave, kernel) for octave in octaves for kernel in _KERNELS]
    parts += [_tail(octave) for octave in octaves]
    parts += [_skew(octave) for octave in octaves]
    parts += [_shared(t, o) for o, pair in zip(octaves, tints, strict=True) for t in pair]
    parts += [_log_rms(tint) for tint in tints[0]]
    scale = images.new_tensor([s for spread in SPREADS.values() for s in spread])
    return torch.stack(parts, 1) / scale


def shape_error(images: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Mean absolute difference of two sets' mean traits, in natural spreads; uint8 [N, H, W, 3]."""
    ours, theirs = (
        torch.cat([traits(_tensor(part)) for part in np.array_split(x, -(-len(x) // _AT_ONCE))])
        for x in (images, truth)
    )
    return float((ours.mean(0) - theirs.mean(0)).abs().mean())


def _tensor(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def _halved(grey: Tensor, times: int) -> Tensor:
    return F.avg_pool2d(grey, 2**times) if times else grey


def _octave(grey: Tensor, k: int) -> Tensor:
    """What an octave of [B, H, H] holds, the finest first, on its own grid."""
    fine = _halved(grey, k)[:, None]
    rest = fine - F.avg_pool2d(fine, 3, 1, 1, count_include_pad=False)
    return rest[:, 0, 1:-1, 1:-1]


def _power(x: Tensor, faint: float = _FAINT) -> Tensor:
    return x.square().mean((1, 2)) + faint**2


def _local_means(maps: Tensor, kernel: int) -> Tensor:
    """Means over squares of `kernel` pixels, or of what a small image has, that overlap by half."""
    kernel = min(kernel, *maps.shape[2:])
    return F.avg_pool2d(maps, kernel, max(1, kernel // 2))


def _coherence(grey: Tensor) -> Tensor:
    """How much steps near each other share one direction: 0 none, 1 all; a steep place counts more.

    The eigenvalues of the structure tensor: their difference over their sum.
    """
    down = grey[:, 1:, :-1] - grey[:, :-1, :-1]
    right = grey[:, :-1, 1:] - grey[:, :-1, :-1]
    products = torch.stack([right * right, down * down, right * down], 1)
    xx, yy, xy = _local_means(products, _KERNELS[0]).unbind(1)
    difference = ((xx - yy).square() + 4 * xy.square() + _FAINT**4).sqrt()
    return difference.mean((1, 2)) / ((xx + yy).mean((1, 2)) + _FAINT**2)


def _gathered(octave: Tensor, kernel: int) -> Tensor:
    """Logarithm of the power over the squared mean of its local roots: 0 = the same everywhere."""
    local = _local_means(octave.square()[:, None], kernel) + _FAINT**2
    return (local.mean((1, 2, 3)) / local.sqrt().mean((1, 2, 3)).square()).log()


def _tail(octave: Tensor) -> Tensor:
    """A third of the logarithm of the mean cube of sizes, over the root mean square's."""
    cube = (octave.square() + _FAINT**2).pow(1.5).mean((1, 2))
    return cube.log() / 3 - _power(octave).log() / 2


def _skew(octave: Tensor) -> Tensor:
    """Share of the power that is bright, less what is dark."""
    return (octave * octave.abs()).mean((1, 2)) / _power(octave)


def _shared(tint: Tensor, octave: Tensor) -> Tensor:
    """Correlation of a difference of colour with luminance."""
    return (tint * octave).mean((1, 2)) / (_power(tint, _FAINT_COLOUR) * _power(octave)).sqrt()


def _log_rms(tint: Tensor) -> Tensor:
    return _power(tint, _FAINT_COLOUR).log() / 2
