"""Bands, codes, encoder and decoder of the layout memory."""

import pytest
import torch
import torch.nn.functional as F

from generator.nets.bands import (
    REACH,
    SPLIT_REACH,
    add_detail,
    blur,
    contrast_scale,
    desaturated,
    enlarge,
    high_band,
    low_band,
)
from generator.nets.blocks import crop
from generator.nets.body import padded
from generator.nets.codes import bound, quantise
from generator.nets.config import PRESETS
from generator.nets.encoder import detail_of
from tests.layouts import tiny_decoder, tiny_encoder

LEVEL = 2 / 255
"""A grey level in [-1, 1]."""
CONFIG = PRESETS["layout-tiny"]


def test_detail_brightens_as_it_is_and_darkens_without_ever_reaching_black():
    base = torch.linspace(-1, 1, 9)[:, None].expand(9, 401)
    detail = torch.linspace(-2, 2, 401).expand(9, 401)
    made = add_detail(base, detail)
    assert torch.equal(add_detail(base, torch.zeros_like(base)), base)
    torch.testing.assert_close(made[:, 200:], (base + detail)[:, 200:])
    assert (made.diff(dim=1) >= 0).all()
    darkened = made[:, :200]
    assert (darkened >= base[:, :200] + detail[:, :200] - 1e-6).all()
    # As much darkness as there is light leaves a third of it.
    light = base[1:, 0] + 1
    left = add_detail(base[1:, :1], -light[:, None])[:, 0] + 1
    torch.testing.assert_close(left, light / 3, atol=0.02, rtol=0)
    # A slight darkening is hardly another.
    slight = (detail > -0.05) & (base > 0)
    assert (made - base - detail)[slight].abs().max() < 1e-3


def image(seed, *shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def codes_like(parent, seed=0):
    shape = (len(parent), CONFIG.dimensions, *parent.shape[2:])
    return torch.randint(-3, 4, shape, generator=torch.Generator().manual_seed(seed)).float()


@pytest.mark.parametrize("strength", [0.4, 0.7, 1.0])
def test_what_leads_and_what_is_finer_are_the_whole_child(strength):
    child = image(0, 1, 3, 160, 160)
    parent = F.avg_pool2d(child, 4)
    again = low_band(parent, [strength]) + high_band(child, [strength])
    assert (again - crop(child, 4 * SPLIT_REACH)).abs().max() < LEVEL


@pytest.mark.parametrize("strength", [0.0, 0.2, 1.0])
def test_nothing_coarse_is_left_to_what_is_finer(strength):
    detail = high_band(image(1, 1, 3, 256, 256), [strength])
    assert F.avg_pool2d(detail, 64).abs().max() < 3 * LEVEL
    # A whole picture without detail has nothing that is finer.
    smooth = enlarge(blur(image(2, 1, 3, 64, 64), [2.5]))
    flat = enlarge(image(2, 1, 3, 1, 1).expand(-1, -1, 40, 40))
    assert high_band(flat, [strength]).abs().max() < 1e-4
    assert high_band(smooth, [strength]).std() < 0.5 * detail.std()


def test_a_sharp_parent_is_its_interpolation():
    parent = image(3, 1, 3, 40, 40)
    assert torch.equal(low_band(parent, [0.0]), enlarge(crop(parent, REACH)))
    assert low_band(parent, [1.0]).std() < 0.5 * low_band(parent, [0.0]).std()


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
def test_bands_of_a_window_are_those_of_the_whole(strength):
    parent, child = image(4, 2, 3, 60, 60), image(5, 2, 3, 240, 240)
    part, fine = parent[..., 6:46, 10:54], child[..., 24:184, 40:216]
    for made, whole in (
        (low_band(part, [strength, 0.3]), low_band(parent, [strength, 0.3])),
        (high_band(fine, [strength, 0.3]), high_band(child, [strength, 0.3])),
    ):
        expected = whole[..., 24 : 24 + made.shape[-2], 40 : 40 + made.shape[-1]]
        torch.testing.assert_close(made, expected, rtol=0, atol=1e-5)


def test_padded_bands_keep_the_size_and_agree_inside():
    parent, child = image(6, 1, 3, 40, 40), image(7, 1, 3, 160, 160)
    for made, whole in (
        (low_band(parent, [0.6]), low_band(parent, [0.6], padded=True)),
        (high_band(child, [0.6]), high_band(child, [0.6], padded=True)),
    ):
        assert whole.shape[-2:] == (160, 160)
        torch.testing.assert_close(crop(whole, 4 * SPLIT_REACH), made, rtol=0, atol=1e-5)


def test_samples_of_a_batch_have_strengths_of_their_own():
    parent = image(8, 2, 3, 40, 40)
    both = low_band(parent, [0.2, 0.9])
    for row, strength in enumerate((0.2, 0.9)):
        alone = low_band(parent[row : row + 1], [strength])
        torch.testing.assert_close(both[row : row + 1], alone, rtol=0, atol=1e-6)


def test_what_is_finer_than_two_pixels_has_a_strength_of_its_own():
    child = image(8, 1, 3, 160, 160) * 0.3
    plain, sharp = (high_band(child, [0.6], sharpness) for sharpness in (1.0, 2.0))
    brightness = [each.mean(1, keepdim=True) for each in (plain, sharp)]
    # Detail of two pixels grows nearly as the factor says, that of eight hardly, and no colour.
    checks = torch.tensor([1.0, -1.0])[None].expand(80, 2).flatten().view(1, 1, 1, 160)
    waves = torch.sin(torch.arange(160) * 2 * torch.pi / 16).view(1, 1, 1, 160)
    for pattern, least, most in ((checks, 1.6, 2.0), (waves, 1.0, 1.1)):
        lines = pattern.expand(1, 3, 160, 160)
        grown = high_band(lines, [0.6], 2.0).std() / high_band(lines, [0.6]).std()
        assert least < grown < most
    gaps = [each - grey for each, grey in zip((plain, sharp), brightness, strict=True)]
    torch.testing.assert_close(*gaps, rtol=0, atol=1e-5)
    # Of a padded decoder, and with a factor for each sample, it is the same.
    each = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    both = high_band(child.expand(2, -1, -1, -1), [0.6, 0.6], each)
    torch.testing.assert_close(both, torch.cat([plain, sharp]), rtol=0, atol=1e-5)
    whole = crop(high_band(child, [0.6], 2.0, padded=True), 4 * SPLIT_REACH)
    torch.testing.assert_close(whole, sharp, rtol=0, atol=1e-5)


def test_saturation_scales_what_colours_differ_by_and_snow_has_none():
    detail = image(9, 1, 3, 8, 8)
    grey = detail.mean(1, keepdim=True)
    ground, snow = (torch.full_like(detail, level) for level in (-0.3, 0.9))
    assert torch.equal(desaturated(detail, ground), detail)
    torch.testing.assert_close(desaturated(detail, ground, 0.5), grey + (detail - grey) / 2)
    torch.testing.assert_close(desaturated(detail, snow, 0.5), grey.expand(-1, 3, -1, -1))


def test_detail_is_stronger_on_bright_ground():
    levels = torch.tensor([-1.0, -0.5, 0.0, 1.0]).view(4, 1, 1, 1).expand(4, 3, 2, 2)
    scale = contrast_scale(levels)[:, 0, 0, 0]
    assert (scale.diff() > 0).all()
    assert 0.2 < scale[0] < 1 < scale[-1] < 2


def test_codes_are_small_integers_and_gradients_pass_straight_through():
    z = torch.linspace(-5, 5, 201, requires_grad=True)
    bounded = bound(z, 3)
    codes = quantise(bounded)
    assert set(codes.tolist()) == set(range(-3, 4))
    (gradient,) = torch.autograd.grad(codes.sum(), bounded, retain_graph=True)
    assert torch.equal(gradient, torch.ones(201))
    (through,) = torch.autograd.grad(codes.sum(), z)
    assert through[100] == pytest.approx(3.49)
    assert through[0] < 1e-2


def test_an_encoder_gives_one_code_per_parent_pixel():
    encoder = tiny_encoder()
    child = image(9, 2, 3, 96, 64)
    parent = F.avg_pool2d(child, 4)
    bounded = encoder(detail_of(child, parent), parent)
    assert bounded.shape == (2, CONFIG.dimensions, 24, 16)
    codes = encoder.codes(child, parent)
    assert codes.dtype == torch.int8
    assert torch.equal(codes.float(), bounded.round())
    assert 0 < codes.abs().max() <= CONFIG.most


def test_codes_do_not_follow_the_brightness():
    """The same layout, darker: what is normalised by brightness stays about the same."""
    child = image(10, 1, 3, 96, 96) * 0.2
    bright, dark = (detail_of(c, F.avg_pool2d(c, 4)) for c in (child, child * 0.6 - 0.4))
    alike = F.cosine_similarity(bright.flatten(), dark.flatten(), dim=0)
    assert alike > 0.99


def test_a_decoder_draws_the_core_of_a_window():
    network = tiny_decoder()
    side = 10 + 2 * network.margin
    parent = image(11, 2, 3, side, side + 6)
    told = network.modulations(network.embedding(torch.tensor([20.0, 60.0]), torch.zeros(2)))
    made = network(codes_like(parent), parent, [0.0, 0.5], told)
    assert made.shape == (2, 3, 40, 64)
    assert made.dtype == torch.float32
    other = network(codes_like(parent, 1), parent, [0.0, 0.5], told)
    assert (made - other).abs().mean() > LEVEL


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("y", "x", "height", "width"), [(0, 0, 20, 20), (6, 2, 8, 26), (14, 20, 18, 6)]
)
def test_a_decoder_draws_equal_pixels_in_windows_of_any_shape(dtype, y, x, height, width):
    network = tiny_decoder().to(dtype)
    m = network.margin
    parent = image(12, 1, 3, 34 + 2 * m, 34 + 2 * m)
    codes = codes_like(parent)
    told = network.modulations(network.embedding(torch.tensor([20.0]), torch.tensor([0.6])))
    part = (..., slice(y, y + height + 2 * m), slice(x, x + width + 2 * m))
    with torch.inference_mode():
        whole = network(codes, parent, [0.6], told)
        made = network(codes[part], parent[part], [0.6], told)
    expected = whole[..., 4 * y : 4 * (y + height), 4 * x : 4 * (x + width)]
    # In float32 a window of another shape may be computed by another kernel.
    torch.testing.assert_close(made, expected, rtol=0, atol=2e-5)


def test_a_padded_decoder_keeps_the_window():
    network = tiny_decoder()
    parent = image(13, 1, 3, 24, 32)
    told = network.modulations(network.embedding(torch.tensor([20.0]), torch.tensor([0.6])))
    made = padded(network)(codes_like(parent), parent, [0.6], told)
    assert made.shape == (1, 3, 96, 128)


def test_a_decoder_s_margin_is_even_and_what_it_consumes():
    for name in ("layout", "layout-tiny"):
        config = PRESETS[name]
        assert (config.reach + SPLIT_REACH + REACH) % 2 == 0
    assert tiny_decoder().margin == 24
