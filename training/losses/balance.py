"""From the terms' scores to one gradient at the samples.

Most terms are summed with their weights. The critic's gradient is given a fixed share of theirs,
so that neither runs ahead (Esser et al. 2021 balance a critic and a reconstruction so).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from training.losses.context import ScoreContext
from training.losses.terms import term

_TINY = 1e-9


def score(context: ScoreContext, weights: Mapping[str, float]) -> dict[str, Tensor]:
    """Return the loss of every term that has a weight, scalars; raises TrainingError."""
    drawn = context.drawn
    return {
        name: term(name).loss(context.samples, drawn.truth, context)
        for name, weight in weights.items()
        if weight
    }


def balance(
    context: ScoreContext, scores: Mapping[str, Tensor], weights: Mapping[str, float]
) -> tuple[Tensor, list[Tensor]]:
    """Return the gradient at the samples [B, 3, H, W], and weighted losses that have none there.

    A summed term's gradient counts by its weight; that of a share is made `weight` times as long as
    theirs in the mean of the batch. A relative one counts by its weight times the mean length of
    all of these: what it holds, it holds alike whether the others are strong or weak.
    """
    by_kind: dict[str, dict[str, Tensor]] = {"sum": {}, "share": {}, "relative": {}, "direct": {}}
    for name, loss in scores.items():
        by_kind[term(name).balance][name] = loss
    # One gradient of the weighted sum.
    summed = [weights[name] * loss for name, loss in by_kind["sum"].items()]
    more = bool(by_kind["share"] or by_kind["relative"])
    gradient = torch.zeros_like(context.samples)
    if summed:
        (gradient,) = torch.autograd.grad(
            torch.stack(summed).sum(), context.samples, retain_graph=more
        )
    # Each share is brought to its length beside that, and added.
    for name, loss in by_kind["share"].items():
        (other,) = torch.autograd.grad(loss, context.samples, retain_graph=True)
        length = _length(gradient) if summed else 1.0
        gradient = gradient + other * (weights[name] * length / (_length(other) + 1e-12))
    # What is relative to all of them.
    length = _length(gradient)
    for name, loss in by_kind["relative"].items():
        (other,) = torch.autograd.grad(loss, context.samples, retain_graph=True)
        gradient = gradient + other * (weights[name] * length)
    return gradient, [weights[name] * loss for name, loss in by_kind["direct"].items()]


def equal_say(maps: list[Tensor], gains: tuple[float, ...]) -> list[Tensor]:
    """Return the same maps; a gradient that comes back to one leaves it with the length 1/gain.

    gains: of the gradient at the image per gradient at each map. So every map has the same say at
    the image, whatever the scores of the others are.
    """
    return [_UnitGradient.apply(m, gain) for m, gain in zip(maps, gains, strict=True)]  # type: ignore[no-untyped-call]  # torch


class _UnitGradient(torch.autograd.Function):
    """Passes a map on, and its gradient at a fixed length."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gain: float) -> Tensor:
        ctx.gain = gain
        return maps.view_as(maps)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (gradient,) = gradients
        return gradient / (ctx.gain * gradient.norm() + _TINY), None


def _length(gradients: Tensor) -> Tensor:
    """Mean length of gradients [B, 3, H, W], a scalar."""
    lengths: Tensor = gradients.flatten(1).norm(dim=1)
    return lengths.mean()
