import numpy as np
import pytest
import torch
from PIL import Image

from generator.nets.blocks import crop
from generator.nets.body import padded
from generator.nets.config import PRESETS
from generator.nets.resampling import upsample
from generator.nets.unet import CONSISTENCY_MARGIN, ExactUNet, low_frequency_consistency
from tests.networks import tiny_network

MODULATION = torch.tensor([0.3]), torch.tensor([60.0]), torch.tensor([0.2])


EQUAL = {torch.float32: 2e-6, torch.bfloat16: 0.0}


def run(network, x, parent):
    code = network.embedding(*(value.to(x.device) for value in MODULATION))
    return network(x, parent, network.modulations(code))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_window_gives_the_plane_s_values(dtype):
    network = tiny_network().to(dtype)
    m, size = network.margin, 40
    n = size + 2 * m
    x, parent = torch.randn(1, 3, 4 * n, 4 * n), torch.randn(1, 3, n, n)
    whole = run(network, x, parent)
    assert whole.shape == (1, 3, 4 * size, 4 * size)
    for top, left, height, width in ((0, 0, 20, 20), (20, 20, 20, 20), (8, 16, 16, 12)):
        rows, columns = slice(top, top + height + 2 * m), slice(left, left + width + 2 * m)
        fine = slice(4 * rows.start, 4 * rows.stop), slice(4 * columns.start, 4 * columns.stop)
        part = run(network, x[..., fine[0], fine[1]], parent[..., rows, columns])
        expected = whole[..., 4 * top : 4 * (top + height), 4 * left : 4 * (left + width)]
        # A different kernel may be chosen for another shape; bfloat16 hides its last bit.
        torch.testing.assert_close(part, expected, rtol=0, atol=EQUAL[dtype])


@pytest.mark.parametrize("preset", [n for n in PRESETS if n.startswith("exact")])
def test_margin_is_what_the_output_lacks_and_even(preset):
    with torch.device("meta"):
        network = ExactUNet(PRESETS[preset])
        assert network.margin % 2 == 0
        n = 64 + 2 * network.margin
        made = run(network, torch.empty(1, 3, 4 * n, 4 * n), torch.empty(1, 3, n, n))
        assert made.shape == (1, 3, 256, 256)
        n = 64 + 2 * CONSISTENCY_MARGIN
        made = run(padded(network), torch.empty(1, 3, 4 * n, 4 * n), torch.empty(1, 3, n, n))
        assert made.shape == (1, 3, 256, 256)


def test_without_guidance_the_resolution_has_no_effect():
    code = [torch.tensor([0.3]), torch.tensor([60.0]), torch.tensor([0.2])]
    other = [code[0], torch.tensor([60.5]), code[2]]
    network = tiny_network()
    assert not torch.equal(network.embedding(*code), network.embedding(*other))
    network = tiny_network(preset="exact-tiny-unguided")
    assert torch.equal(network.embedding(*code), network.embedding(*other))
    assert len(network.embedding.parts) == 2


def test_shipped_preset_has_at_most_four_million_parameters():
    with torch.device("meta"):
        network = ExactUNet(PRESETS["exact-s"])
    assert 3e6 < sum(p.numel() for p in network.parameters()) <= 4e6


def test_modulations_by_row_equal_one_modulation_where_rows_agree():
    network = tiny_network()
    n = 20 + 2 * network.margin
    x, parent = torch.randn(1, 3, 4 * n, 4 * n), torch.randn(1, 3, n, n)
    once = network.modulations(network.embedding(*MODULATION))
    by_row = [value.expand(-1, -1, n, -1) for value in once]
    assert torch.equal(network(x, parent, once), network(x, parent, by_row))


def test_modulations_by_row_act_on_their_own_rows_only():
    network = tiny_network()
    n = 80 + 2 * network.margin
    x, parent = torch.randn(1, 3, 4 * n, 4 * n), torch.randn(1, 3, n, n)
    once = network.modulations(network.embedding(*MODULATION))
    upper = [value.repeat(1, 1, n, 1) for value in once]
    for value in upper:
        value[:, :, n // 2 :] += 0.5
    plain, changed = network(x, parent, once), network(x, parent, upper)
    far = 4 * (40 - network.margin)
    assert far > 0
    assert torch.equal(plain[..., :far, :], changed[..., :far, :])
    assert not torch.allclose(plain[..., -far:, :], changed[..., -far:, :])


def test_pinned_residual_has_no_coarse_part():
    constant = torch.ones(1, 48, 20, 20)
    assert low_frequency_consistency(constant).abs().max() < 1e-6
    noise = torch.randn(1, 48, 200, 200)
    pinned = low_frequency_consistency(noise)
    assert pinned.shape == (1, 3, 4 * 192, 4 * 192)
    assert pinned.std() > 0.9


def test_upsampling_agrees_with_pillow_s_cubic():
    pixels = np.random.default_rng(0).random((24, 24), np.float32)
    ours = upsample(torch.from_numpy(pixels).expand(1, 3, -1, -1))[0, 0].numpy()
    theirs = np.asarray(Image.fromarray(pixels).resize((96, 96), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(ours, theirs[8:-8, 8:-8], atol=1e-5)


def test_crop_of_nothing_is_the_same():
    x = torch.arange(9.0).view(1, 1, 3, 3)
    assert torch.equal(crop(x, 0), x)
    assert crop(x, 1).item() == 4
