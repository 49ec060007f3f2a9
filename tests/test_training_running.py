"""The running mean errors of amounts of detail, and their pull."""

import pytest
import torch
from torch import Tensor

from tests.test_training_spectral import SIZE, noise, scene
from training.running import CLASSES, Running, class_of

TWO = torch.tensor([1, 4])
CLEAN = torch.tensor([0, 0])


def pull(running: Running, gain: float, seed: int) -> float:
    """Slope along the contrast of samples, positive where there is too much."""
    strength = torch.tensor(gain, requires_grad=True)
    first, second, truth = (scene(seed + n, 2) for n in range(3))
    loss = running([strength * first, strength * second, truth], TWO, class_of(truth, CLEAN))
    return float(torch.autograd.grad(loss, strength)[0])


@pytest.mark.parametrize(("gain", "sign"), [(0.6, -1), (1.5, 1)])
def test_the_pull_is_towards_the_truths_on_average(gain: float, sign: int) -> None:
    running = Running()
    pulls = [sign * pull(running, gain, 10 * seed) for seed in range(40)]
    assert min(pulls[10:]) > 0
    assert abs(pull(running, 1.0, 999)) > 0
    other = running.errors[torch.tensor([0, 2, 3])]
    assert not other.any()


def test_samples_as_rich_as_truths_are_hardly_pulled() -> None:
    wrong, right = Running(), Running()
    for seed in range(40):
        much, little = abs(pull(wrong, 0.6, 10 * seed)), pull(right, 1.0, 10 * seed)
    assert abs(little) < 0.4 * much


def test_strong_and_calm_windows_have_means_of_their_own() -> None:
    running = Running()
    for seed in range(20):
        scenes = [scene(seed * 10 + n, 2) for n in range(3)]
        calm = torch.tensor([0.02, 20.0])[:, None, None, None]
        made = [calm * scenes[0], 0.5 * calm * scenes[1]]
        truth = calm * scenes[2]
        running([*made, truth], torch.tensor([3, 3]), class_of(truth, CLEAN))
    means = running.errors[3, :, 0].mean(1)
    assert torch.count_nonzero(means) == 2
    assert means.max() <= 0


def test_kinds_of_parents_have_means_of_their_own() -> None:
    """Windows of parents as they are too faint, ends of chains right."""
    running, kinds = Running(), torch.tensor([0, 2])
    for seed in range(20):
        scenes = [scene(seed * 10 + n, 1).repeat(2, 1, 1, 1) for n in range(3)]
        faint = torch.tensor([0.5, 1.0])[:, None, None, None]
        classes = class_of(scenes[2], kinds)
        running([faint * scenes[0], faint * scenes[1], scenes[2]], torch.tensor([3, 3]), classes)
    clean, degraded, own = running.errors[3, :, 0].mean(1).split(CLASSES // 3)
    assert clean.min() < 5 * own.min()
    assert clean.min() < -0.1
    assert not degraded.any()


def test_noise_of_colour_is_pulled_down() -> None:
    running = Running()

    def coloured(seed: int) -> Tensor:
        speckle = noise(seed, 2, 0.03)
        return scene(seed + 1, 2).mean(1, keepdim=True) + speckle - speckle.mean(1, keepdim=True)

    for seed in range(0, 60, 3):
        truth = scene(seed + 500, 2).mean(1, keepdim=True).expand(-1, 3, SIZE, SIZE)
        running([coloured(seed), coloured(seed + 1000), truth], TWO, class_of(truth, CLEAN))
    assert running.errors[TWO, :, 1].amax() > 0.5
    assert running.errors[TWO, :, 1, :8].amin() >= 0
