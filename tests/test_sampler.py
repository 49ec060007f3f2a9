import pytest
import torch

from generator.cascade.sampler import sample
from generator.nets.blocks import crop
from generator.nets.diffusion import alpha_bar


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
def test_a_perfect_denoiser_is_returned_exactly(steps):
    target = torch.randn(1, 3, 8, 8)
    result = sample(lambda x, t: target, torch.randn(1, 3, 8, 8), steps)
    assert torch.equal(result, target)


def test_each_evaluation_may_shrink_the_window():
    seen = []

    def denoise(x, t):
        seen.append((x.shape[-1], t))
        return crop(x, 4) * 0.5

    assert sample(denoise, torch.randn(1, 3, 64, 64), 3).shape[-1] == 40
    assert seen == [(64, 1000), (56, 667), (48, 333)]


def test_many_steps_follow_the_exact_solution_for_gaussian_data():
    # For data N(0, s^2) the best denoiser is linear and the flow scales the noise to N(0, s^2).
    s, abar = 0.5, alpha_bar()

    def denoise(x, t):
        a = abar[t]
        return x * a.sqrt() * s**2 / (a * s**2 + 1 - a)

    result = sample(denoise, torch.ones(1, 3, 4, 4), 500)
    torch.testing.assert_close(result, torch.full_like(result, s), rtol=0.02, atol=0)
