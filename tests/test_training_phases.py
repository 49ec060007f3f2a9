"""Specks and steps that lie on a grid, and the pull that takes them away."""

import torch
from torch import Tensor

from training.phases import GRID, Phases, extremes, steps

SIDE = 96
STAGE = torch.tensor([3])


def ground(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.02 * torch.randn(1, 3, SIDE, SIDE, generator=generator)


def specked(seed: int, on_grid: bool) -> Tensor:
    """Ground with fifty specks, at phase (1, 2) or anywhere."""
    random = torch.Generator().manual_seed(seed)
    image = ground(seed)
    for _ in range(50):
        y, x = (int(torch.randint(SIDE // GRID, (), generator=random)) * GRID for _ in range(2))
        if on_grid:
            y, x = y + 1, x + 2
        else:
            y, x = (v + int(torch.randint(GRID, (), generator=random)) for v in (y, x))
        image[..., y, x] = 0.4
    return image


def seen(on_grid: bool) -> Phases:
    specks = Phases(extremes)
    for seed in range(80):
        specks(specked(seed, on_grid), STAGE)
    return specks


def test_specks_on_a_grid_are_told_from_specks_anywhere() -> None:
    on, off = (seen(on_grid).excess for on_grid in (True, False))
    place = 1 * GRID + 2
    assert int(on[3, 0].argmax()) == place
    assert on[3, 0, place] > 20
    assert off[3, 0].abs().max() < 3
    assert not on[[0, 1, 2, 4]].any()


def test_the_pull_takes_specks_off_the_grid_down_and_leaves_others() -> None:
    specks, image = seen(True), specked(999, True).requires_grad_()
    (gradient,) = torch.autograd.grad(specks(image, STAGE), image)
    bright = image.detach().mean(1)[0] > 0.3
    bright[:GRID], bright[-GRID:], bright[:, :GRID], bright[:, -GRID:] = (False,) * 4
    pull = gradient.mean(1)[0]
    assert pull[bright].min() > 0
    assert pull[bright].mean() > 50 * pull[~bright].abs().mean()


def test_extremes_have_a_mean_for_each_phase_and_sign() -> None:
    both = extremes(specked(1, True))
    assert both.shape == (1, 2, GRID * GRID)
    assert torch.allclose(extremes(-specked(1, True)), both.flip(1), atol=1e-4)
    assert not extremes(torch.zeros(1, 3, SIDE, SIDE)).any()


def test_a_lattice_is_found_and_natural_images_have_none() -> None:
    torch.manual_seed(0)
    lattice = Phases(steps)
    for _ in range(80):
        natural = torch.nn.functional.avg_pool2d(torch.randn(2, 3, 98, 98), 3, 1)
        printed = natural[:1].clone()
        printed[:, :, ::4] += 0.3
        lattice(torch.cat([natural[1:], printed]), torch.tensor([0, 4]))
    down, right = lattice.excess[4].unflatten(1, (GRID, GRID))
    assert lattice.excess[0].abs().max() < 0.05
    assert down[[0, 1, 4, 5]].min() > 0.1  # to the printed rows, and from them
    assert down[[2, 3, 6, 7]].max() < -0.1
    assert right.abs().max() < 0.05
    assert not steps(torch.zeros(1, 3, SIDE, SIDE)).any()
