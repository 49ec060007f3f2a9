"""Terms of the loss that chains are trained with: colour is held, and nothing repeats."""

import dataclasses

import pytest
import torch

from training.losses.context import Drawn, Judges, ScoreContext
from training.losses.terms import checkerboard, hold


def test_coarse_colour_is_held_by_as_many_grey_levels_as_it_is_off():
    first = torch.rand(2, 3, 64, 64) - 0.5
    drawn = Drawn(first + 3 / 127.5, first, torch.ones(2), first=first)
    context = ScoreContext(drawn, Judges())
    loss = hold.loss(context.samples, first, context)
    (slope,) = torch.autograd.grad(loss, context.samples)
    assert slope.flatten(1).norm(dim=1).tolist() == pytest.approx([3, 3], rel=1e-3)
    assert float(context.log["coarse_colour"]) == pytest.approx(3, rel=1e-3)
    # What is finer than the squares is free.
    fine = first + torch.tensor([1.0, -1.0]).repeat(32)
    context = ScoreContext(dataclasses.replace(drawn, samples=fine), Judges())
    assert hold.loss(context.samples, first, context).detach() < 1e-6


def test_what_one_code_draws_counts_by_its_deviation_in_grey_levels():
    images = torch.zeros(2, 3, 32, 32)
    pattern = torch.tensor([1.0, -1.0]).repeat(16) * 5 / 127.5
    slope = torch.linspace(-0.3, 0.3, 32)
    even = (images + slope + pattern).requires_grad_()
    context = ScoreContext(Drawn(images, images, torch.ones(2), even=even), Judges())
    loss = checkerboard.loss(context.samples, images, context)
    (gradient,) = torch.autograd.grad(loss, even)
    # What chance leaves is not counted; the slope of the parent is no pattern.
    assert float(context.log["dots"]) == pytest.approx(4.2, rel=0.03)
    assert gradient.flatten(1).norm(dim=1).tolist() == pytest.approx([2.2, 2.2], rel=0.2)


def test_what_repeats_with_every_code_is_told_from_texture_slopes_and_waves():
    random = torch.Generator().manual_seed(1)
    noise = torch.randn((1, 3, 64, 64), generator=random) * 0.1
    dots = torch.zeros(1, 3, 64, 64)
    dots[..., 1::4, 2::4] = 0.4
    slope = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    wave = torch.sin(torch.arange(64) * 2 * torch.pi / 7).expand(1, 3, 64, 64) * 0.3
    for plain in (noise, slope, wave, noise + slope):
        assert float(checkerboard.repetition(plain)) < 1e-5
    variance = float(dots.var(correction=0))
    assert variance / 3 < float(checkerboard.repetition(dots + slope)) < variance
    assert float(checkerboard.repetition(noise + dots)) > variance / 4
    # It is a part of the term, and its slope takes dots away.
    images = (noise + dots).requires_grad_()
    context = ScoreContext(
        Drawn(images, images, torch.ones(1), even=torch.zeros(1, 3, 32, 32)), Judges()
    )
    (gradient,) = torch.autograd.grad(checkerboard.loss(images, images, context), images)
    assert float((gradient * dots).sum()) > 0
    less = images.detach() - 0.01 * gradient
    assert checkerboard.repetition(less) < checkerboard.repetition(images.detach())
