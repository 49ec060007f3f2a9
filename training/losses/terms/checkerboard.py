"""Checkerboard: where codes and parent are the same everywhere, so is the drawing.

A decoder that turns a code into 4 x 4 pixels may give each of them its own value, a pattern that
repeats with every code (Odena et al., "Deconvolution and checkerboard artifacts", 2016): dots in
fields of one colour.
"""

from __future__ import annotations

from torch import Tensor

from training.losses.context import ScoreContext

BALANCE = "direct"
_GREY = 127.5


def loss(samples: Tensor, truth: Tensor, context: ScoreContext) -> Tensor:
    """Return half the variance of even drawings, a scalar.

    Its gradient at a drawing is as long as its deviation in grey levels.
    """
    even = context.needed("drawings of one code", context.drawn.even)
    gap = even - even.mean((2, 3), keepdim=True)
    context.log["dots"] = gap.detach().square().mean().sqrt() * _GREY
    drawn: Tensor = 0.5 * _GREY * even[0].numel() ** 0.5 * gap.square().mean((1, 2, 3)).sum()
    return drawn
