"""Traits: what they tell of an image, and the pull towards those of truths."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from training.running import class_of
from training.traits import COUNT, SPREADS, Traits, shape_error, traits

SIDE = 96
STAGE = torch.tensor([2])


def noise(seed: int, size: float = 0.2) -> Tensor:
    """Grey noise, [1, 3, 96, 96]."""
    generator = torch.Generator().manual_seed(seed)
    return size * torch.randn(1, 1, SIDE, SIDE, generator=generator).repeat(1, 3, 1, 1)


def told(image: Tensor) -> dict[str, Tensor]:
    """Traits of one image by name, in their own units."""
    parts = traits(image)[0].split([len(spread) for spread in SPREADS.values()])
    return {
        name: part * part.new_tensor(spread)
        for (name, spread), part in zip(SPREADS.items(), parts, strict=True)
    }


def test_there_is_a_finite_trait_for_every_spread_of_any_image() -> None:
    for image in (noise(1), torch.zeros(2, 3, SIDE, SIDE), torch.ones(1, 3, 32, 32)):
        found = traits(image.requires_grad_())
        assert found.shape == (len(image), COUNT)
        (gradient,) = torch.autograd.grad(found.sum(), image)
        assert found.isfinite().all()
        assert gradient.isfinite().all()


def test_straight_edges_are_coherent_at_every_scale() -> None:
    across = torch.arange(SIDE) + 0.5 * torch.arange(SIDE)[:, None]
    straight = (across / 6).sin().expand(1, 3, SIDE, SIDE)
    assert told(straight)["coherence"].min() > 0.95
    assert told(noise(1))["coherence"].max() < 0.5


def test_detail_in_one_corner_is_gathered_and_has_tails() -> None:
    even, corner = noise(2), noise(2)
    corner[..., SIDE // 3 :, :] *= 0.02
    for name, least in (("gathered", 0.1), ("tails", 0.1)):
        assert (told(corner)[name] - told(even)[name]).min() > least, name


def test_bright_points_are_skew_and_dark_ones_the_other_way() -> None:
    points = (noise(3, 1.0) > 2).float()
    assert told(points)["skew"][0] > 0.3
    assert torch.allclose(told(-points)["skew"], -told(points)["skew"], atol=1e-5)


def test_colour_that_goes_with_brightness_shares_its_tint() -> None:
    grey, other = noise(4), noise(5)
    red_follows, blue_alone = grey.clone(), grey.clone()
    red_follows[:, 0] *= 1.5
    blue_alone[:, 2] += 0.5 * other[:, 2]
    one, two = told(red_follows)["tint"], told(blue_alone)["tint"]
    assert one[[0, 2]].min() > 0.9
    assert two[1].abs() < 0.5
    grain = [told(image)["grain of colour"] for image in (grey, red_follows, blue_alone)]
    assert grain[0].max() < grain[1][0]
    assert grain[1][1] < grain[2][1]


def test_the_pull_brings_samples_to_the_traits_of_truths() -> None:
    """Strokes from noise: descent on the pull alone."""
    truths = [F.avg_pool2d(noise(s, 0.6), (1, 9), 1, (0, 4)) for s in range(4)]
    samples = [noise(s + 10, 0.2).requires_grad_() for s in range(2)]
    memory = Traits()
    wanted = torch.stack([traits(t)[0] for t in truths]).mean(0)
    before = [(traits(s)[0] - wanted).abs().mean() for s in samples]
    optimiser = torch.optim.SGD(samples, 50.0)
    for step in range(100):
        optimiser.zero_grad()
        truth = truths[step % 4]
        memory([*samples, truth], STAGE, class_of(truth, STAGE * 0)).backward()
        optimiser.step()
    after = [(traits(s)[0] - wanted).abs().mean() for s in samples]
    assert max(after) < 0.5 * min(before)
    assert not memory.errors[[0, 1, 3, 4]].any()


def test_the_error_of_shape_is_nothing_between_like_sets_and_large_to_a_blur() -> None:
    def pictures(first: int, blur: int) -> np.ndarray:
        parts = [F.avg_pool2d(noise(first + i), blur, 1, blur // 2) for i in range(20)]
        grey = 128 + 127 * torch.cat(parts).clamp(-1, 1)
        return grey.permute(0, 2, 3, 1).byte().numpy()

    assert shape_error(pictures(0, 1), pictures(0, 1)) == 0
    assert shape_error(pictures(0, 1), pictures(50, 1)) < 0.05
    assert shape_error(pictures(0, 1), pictures(50, 9)) > 0.3
