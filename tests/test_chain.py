import pytest
import torch
import torch.nn.functional as F

from generator.nets.body import padded
from tests.networks import tiny_network
from training.chain import generated_parent, mirrored


def test_axis_is_mirrored_at_its_ends_again_and_again():
    index = mirrored(3, -4, 8, torch.device("cpu"))
    assert index.tolist() == [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1]


@pytest.mark.parametrize("hops", [1, 2, 3])
def test_generated_parent_keeps_the_colours_of_the_real_child(hops):
    network = padded(tiny_network())
    rows = torch.linspace(-0.6, 0.6, 400)
    child = (rows[:, None] * torch.cos(rows * 3)).expand(2, 3, 400, 400).contiguous()
    gsd = torch.tensor([64.0, 16.0])
    random = torch.Generator().manual_seed(0)
    parent = generated_parent(network, child, gsd, torch.full((2,), 0.2), 12, random, hops)
    assert parent.shape == (2, 3, 100, 100)
    real = F.avg_pool2d(child, 4)
    assert (parent - real).abs().mean() > 0.005
    # A chain knows the child only as far as its start: 4 parent pixels, 16, 64.
    coarse = [F.avg_pool2d(x, 4**hops + 16 * (hops < 3)) for x in (parent, real)]
    assert (coarse[0] - coarse[1]).abs().mean() < (0.03, 0.06, 0.2)[hops - 1]
    assert (coarse[0].mean((1, 2, 3)) - coarse[1].mean((1, 2, 3))).abs().max() < 0.1
    levels = (parent + 1) * 127.5
    assert (levels - levels.round()).abs().max() < 1e-3


def test_a_chain_that_starts_fainter_keeps_its_mean_and_little_of_its_contrast():
    network = padded(tiny_network())
    rows = torch.linspace(-0.6, 0.6, 400)
    child = rows[:, None].expand(1, 3, 400, 400).contiguous()
    told = (torch.tensor([16.0]), torch.full((1,), 0.2), 12)
    own, faint = (
        generated_parent(network, child, *told, torch.Generator().manual_seed(0), 1, contrast)
        for contrast in (1.0, 0.4)
    )
    ramps = [F.avg_pool2d(x, 20)[0, 0].mean(1) for x in (own, faint)]
    assert abs(float(ramps[0].mean() - ramps[1].mean())) < 0.02
    assert float(ramps[1].std() / ramps[0].std()) == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("hops", [1, 2])
def test_gradients_reach_what_the_first_stage_of_a_chain_did(hops):
    network = padded(tiny_network()).requires_grad_(True)
    child = torch.rand((1, 3, 400, 400), generator=torch.Generator().manual_seed(1)) - 0.5
    seen = []
    network.head.register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    random = torch.Generator().manual_seed(0)
    made = generated_parent(
        network, child, torch.tensor([64.0]), torch.tensor([0.2]), 12, random, hops
    )
    assert len(seen) == hops
    (gradient,) = torch.autograd.grad(made[..., 30:60, 30:60].square().mean(), seen[0])
    assert float(gradient.abs().max()) > 0
