"""Mean errors of the amounts of detail over many windows, and the pull that takes them away."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.spectral import BANDS, COLOUR, LAGS, Kind, colours, luminance, scaled

STRENGTHS = (2.5, 8.0, 16.0)
"""Detail of a truth at the scale that a parent still fixes, in grey levels, between classes."""
_GREY_LEVEL = 1 / 127.5
_STAGES = 5
_GUIDE = 9
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
        classes = len(STRENGTHS) + 1
        self.register_buffer("errors", torch.zeros(_STAGES, classes, 2, BANDS + len(LAGS)))

    def forward(self, windows: list[Tensor], band: Tensor) -> Tensor:
        """Move the means, and return the pull: its gradient at samples is what counts.

        windows: two samples and the truth, [B, 3, H, H] each; band: index of the stage, [B].
        """
        first, second, truth = windows
        count = len(truth)
        strength = scaled(luminance(truth), luminance(truth), Kind.GREY).guide
        edges = strength.new_tensor(STRENGTHS) * _GREY_LEVEL
        classes = torch.bucketize(strength.sqrt(), edges)
        total = first.new_zeros(())
        for number, (kind, view, weight) in enumerate(
            ((Kind.GREY, luminance, 1.0), (Kind.COLOUR, colours, COLOUR))
        ):
            made = torch.cat([view(first), view(second)])
            real = torch.cat([view(truth)] * 2)
            found = scaled(made, real, kind)
            error = (found.made - found.real).detach().reshape(-1, count, found.made.shape[-1])
            for row, (stage, strong) in enumerate(
                zip(band.tolist(), classes.tolist(), strict=True)
            ):
                self.errors[stage, strong, number].lerp_(error[:, row].mean(0), _MOVE)
            mean = self.errors[band, classes, number].clamp(-_LARGEST, _LARGEST)
            mean = mean.repeat(len(found.made) // count, 1)
            total = total + weight * (mean * found.made).mean()
        return total
