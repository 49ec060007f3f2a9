import dataclasses

import pytest
import torch

from generator.nets.build import build
from generator.nets.config import PRESETS
from generator.nets.paper import PaperEmbedding, PaperUNet
from tests.networks import tiny_network


def count(module):
    return sum(p.numel() for p in module.parameters())


def run(network, x, parent, time=500.0, resolution=60.0):
    code = network.embedding(torch.tensor([time]), torch.tensor([resolution]))
    return network(x, network.encoder(parent), code)


def test_the_paper_s_network_has_582_million_parameters():
    with torch.device("meta"):
        network = PaperUNet(PRESETS["paper"])
    assert count(network.encoder) == 16_696_256
    assert count(network) - count(network.encoder) == 565_333_251
    assert count(network) == pytest.approx(582e6, rel=1e-3)


def test_noise_is_predicted_for_every_pixel_of_a_window():
    network = tiny_network(preset="paper-tiny")
    x, parent = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 16, 16)
    noise = run(network, x, parent)
    assert noise.shape == x.shape
    assert noise.dtype == torch.float32
    half = run(tiny_network(preset="paper-tiny").bfloat16(), x, parent.bfloat16())
    assert half.dtype == torch.float32
    assert (half - noise).abs().mean() < 0.1 * noise.std()


def test_time_parent_and_resolution_in_metres_all_count():
    network = tiny_network(preset="paper-tiny")
    x, parent = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 16, 16)
    plain = run(network, x, parent)
    assert not torch.allclose(plain, run(network, x, parent, time=501.0))
    assert not torch.allclose(plain, run(network, x, parent, resolution=60.5))
    assert not torch.allclose(plain, run(network, x, parent + 0.1))


def test_without_guidance_the_resolution_has_no_effect_and_no_weights():
    config = dataclasses.replace(PRESETS["paper-tiny"], guidance=False)
    network = tiny_network(preset=config)
    x, parent = torch.randn(1, 3, 64, 64), torch.randn(1, 3, 16, 16)
    assert torch.equal(run(network, x, parent), run(network, x, parent, resolution=600.0))
    assert count(build(PRESETS["paper-tiny"])) - count(network) == 32 * 128 + 128 + 128 * 128 + 128


def test_embeddings_of_time_and_resolution_are_added():
    torch.manual_seed(0)
    embedding = PaperEmbedding(32, 128, True)
    time, resolution = torch.tensor([250.0]), torch.tensor([16.0])
    rates = 1e-4 ** (torch.arange(16) / 16)

    def encode(value):
        return torch.cat([(value * rates).cos(), (value * rates).sin()])[None]

    expected = embedding.parts[0](encode(250.0)) + embedding.parts[1](encode(16.0))
    torch.testing.assert_close(
        embedding(time, resolution), torch.nn.functional.silu(expected), atol=1e-4, rtol=1e-4
    )


def test_attention_stands_at_the_levels_named():
    from generator.nets.attention import Attention

    with torch.device("meta"):
        network = PaperUNet(PRESETS["paper"])

    def widths(layers):
        return [m.out.in_channels for m in layers.modules() if isinstance(m, Attention)]

    assert widths(network.down) == 6 * [1024]
    assert widths(network.middle) == [1024]
    assert widths(network.up) == 8 * [1024]
