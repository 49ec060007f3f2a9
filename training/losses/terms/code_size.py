"""Code size: the mean size of a layout code, which keeps codes of smooth ground at zero."""

from __future__ import annotations

from torch import Tensor

from training.losses.context import ScoreContext

BALANCE = "direct"


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return the mean absolute value of the bounded codes, a scalar."""
    return context.needed("layout codes", context.drawn.codes).abs().mean()
