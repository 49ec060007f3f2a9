"""Mean errors of the amounts of detail over many windows, and the pull that takes them away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generator.tile import STAGE_ZOOMS
from training.spectral import (
    BANDS,
    COLOUR,
    GUIDE,
    LAGS,
    Kind,
    amounts,
    colours,
    luminance,
    scale_of,
)

STRENGTHS = (2.5, 8.0, 16.0)
"""Detail of a truth at the scale that a parent still fixes, in grey levels, between classes."""
CLASSES = 3 * (len(STRENGTHS) + 1)
"""Classes of strength, for each kind of parent: as it is, degraded, and the network's own."""
_GREY_LEVEL = 1 / 127.5
_MOVE = 0.05
_LARGEST = 2.0


class Running(nn.Module):
    """Running means of relative errors, by stage and by how strong the truth's detail is.

    A step sees a few windows, whose amounts vary by more than what is wrong with them on average:
    the product in `training.spectral` has the right mean and a large variance. Here the mean error
    of some forty windows is the weight of each amount's own gradient.
    """

    errors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("errors", torch.zeros(len(STAGE_ZOOMS), CLASSES, 2, BANDS + len(LAGS)))

    def forward(self, windows: list[Tensor], band: Tensor, classes: Tensor) -> Tensor:
        """Move the means, and return the pull: its gradient at samples is what counts.

        windows: two samples and the truth, [B, 3, H, H] each; band: index of the stage, [B];
        classes: of the truths, as class_of gives them, [B].
        """
        first, second, truth = windows
        count = len(truth)
        total = first.new_zeros(())
        for kind, view, weight in (
            (Kind.GREY, luminance, 1.0),
            (Kind.COLOUR, colours, COLOUR),
        ):
            ours = torch.cat(amounts(torch.cat([view(first), view(second)])), 1)
            theirs = torch.cat(amounts(view(truth)), 1).repeat(2, 1)
            scale = scale_of(ours.detach(), theirs, kind)
            made = ours / scale
            error = (made - theirs / scale).detach().reshape(-1, count, made.shape[-1]).mean(0)
            for stage, strong, one in zip(band.tolist(), classes.tolist(), error, strict=True):
                self.errors[stage, strong, kind].lerp_(one, _MOVE)
            mean = self.errors[band, classes, kind].clamp(-_LARGEST, _LARGEST)
            total = total + weight * (mean.repeat(len(made) // count, 1) * made).mean()
        return total


def class_of(truth: Tensor, parents: Tensor) -> Tensor:
    """Index of the class of each truth [B, 3, H, H], [B].

    parents: kind of each parent, 0 as it is, 1 degraded, 2 the network's own, [B].
    """
    strength = amounts(luminance(truth))[0][:, GUIDE]
    classes = torch.bucketize(strength.sqrt(), strength.new_tensor(STRENGTHS) * _GREY_LEVEL)
    return classes + parents * (CLASSES // 3)
