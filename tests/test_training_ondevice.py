import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from scipy.ndimage import gaussian_filter

from generator.base import tone
from generator.imagery.sources import read_manifest
from tests.imagery import write_imagery
from training import ground
from training.dataset import BANDS, Samples
from training.degradation import MAX_BLUR
from training.imagery.pyramid import Pyramid, prepare
from training.ondevice import DeviceSamples, degrade, resampling
from training.plan import Planner

WINDOW = 60
SIZE = 4 * WINDOW
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pyramid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("imagery")
    base = folder / "base.png"
    Pillow.new("RGB", (64, 32), (10, 60, 90)).save(base)
    prepare(read_manifest(write_imagery(folder / "in")), base, folder / "out")
    return Pyramid(folder / "out")


@pytest.fixture(scope="module")
def samples(pyramid):
    return Samples(pyramid, "train", WINDOW, seed=3)


@pytest.fixture(scope="module")
def planned(samples):
    planner = Planner(samples)
    return planner, [planner.draw(step, (7, 13)) for step in range(160)]


def test_windows_lie_inside_their_images_at_their_bands_resolution(planned):
    planner, plans = planned
    for plan in plans:
        for number in range(20):
            image = planner.images[plan.image[number]]
            assert plan.top[number] >= 0
            assert plan.left[number] >= 0
            assert plan.top[number] + plan.side[number] <= image.height
            assert plan.left[number] + plan.side[number] <= image.width
            band = BANDS[plan.band[number]]
            assert band.finest * 0.99 <= plan.gsd[number] <= band.coarsest * 1.03


def test_every_group_holds_the_bands_in_their_shares(planned, samples):
    _, plans = planned
    for plan in plans:
        for group in (plan.band[:7], plan.band[7:]):
            counts = np.bincount(group, minlength=len(BANDS))
            assert np.abs(counts - len(group) * samples.shares).max() <= 1
    counts = sum(np.bincount(plan.band, minlength=len(BANDS)) for plan in plans)
    np.testing.assert_allclose(counts / counts.sum(), samples.shares, atol=0.01)


def test_masked_windows_are_left_out(planned, pyramid):
    planner, plans = planned
    seen = 0
    for plan in plans:
        for number in range(20):
            mask = pyramid.mask(planner.images[plan.image[number]])
            if mask is None:
                continue
            seen += 1
            y, x, side = plan.top[number], plan.left[number], plan.side[number]
            cut = mask[y // 4 : (y + side) // 4, x // 4 : (x + side) // 4]
            assert cut.mean() >= 0.999
    assert seen > 20


def test_images_are_drawn_as_often_as_the_dataset_would(samples):
    planner = Planner(samples)
    drawn = np.concatenate([planner.draw(step, (50,)).image for step in range(60)])
    counts = np.bincount(drawn, minlength=len(planner.images)) / len(drawn)
    wanted = np.zeros(len(planner.images))
    random = np.random.default_rng(0)
    for (images, weights), share, band in zip(samples.choices, samples.shares, BANDS, strict=True):
        usable = [
            np.mean([samples._window(image, band, random) is not None for _ in range(60)])
            for image in images
        ]
        rates = np.multiply(weights, usable)  # a window that is left out is drawn anew in its band
        for image, rate in zip(images, rates / rates.sum(), strict=True):
            wanted[planner.images.index(image)] += share * rate
    np.testing.assert_allclose(counts, wanted, atol=0.02)


def test_a_batch_is_a_function_of_its_step(samples):
    first, again = DeviceSamples(samples, CPU), DeviceSamples(samples, CPU)
    one, same, other = first.batch(5, (2, 2)), again.batch(5, (2, 2)), first.batch(6, (2, 2))
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert not torch.equal(one["child"], other["child"])


def test_batches_have_the_shapes_and_ranges_that_training_expects(samples):
    batch = DeviceSamples(samples, CPU).batch(0, (3, 2))
    assert batch["child"].shape == (5, 3, SIZE, SIZE)
    assert batch["parent"].shape == (5, 3, WINDOW, WINDOW)
    for key in ("gsd", "augmentation", "band"):
        assert batch[key].shape == (5,)
    for key in ("child", "parent"):
        levels = (batch[key] + 1) * 127.5
        assert float((levels - levels.round()).abs().max()) < 1e-3
        assert levels.min() > -1e-3
        assert levels.max() < 255.001
    clean = batch["augmentation"] == 0
    mean = torch.nn.functional.avg_pool2d(batch["child"], 4)
    assert (mean - batch["parent"]).abs()[clean].numel() == 0 or (
        (mean - batch["parent"]).abs()[clean].max() <= 1.01 / 127.5
    )


def test_an_untoned_child_is_the_window_as_pillow_resizes_it(samples, pyramid):
    made = DeviceSamples(samples, CPU)
    plan = made.planner.draw(1, (12,))
    count = len(plan.band)
    plain = dataclasses.replace(
        plan, tone=np.zeros(count), gain=np.ones((count, 3)), shift=np.zeros(count),
        colour=np.full((count, 3), np.nan), contrast=np.ones(count),
    )  # fmt: skip
    children = made._cut(plain, slice(0, count))
    resized = 0
    for number in range(count):
        y, x, side = plan.top[number], plan.left[number], plan.side[number]
        image = made.planner.images[plan.image[number]]
        window = pyramid.pixels(image)[y : y + side, x : x + side]
        resized += side != SIZE
        if side > SIZE:
            window = Pillow.fromarray(window).resize((SIZE, SIZE), Pillow.Resampling.HAMMING)
        expected = np.asarray(window).astype(float)
        rows, columns = plan.flips[number]
        expected = expected[:: -1 if rows else 1, :: -1 if columns else 1]
        ours = children[number].permute(1, 2, 0).numpy()
        assert np.abs(ours - expected).max() <= 1
    assert resized > 3


def test_tone_moves_towards_the_base_map(samples):
    made = DeviceSamples(samples, CPU)
    plan = made.planner.draw(1, (4,))
    still = {"gain": np.ones((4, 3)), "shift": np.zeros(4)}
    still |= {"colour": np.full((4, 3), np.nan), "contrast": np.ones(4)}
    before = made._cut(dataclasses.replace(plan, tone=np.zeros(4), **still), slice(0, 4))
    after = made._cut(dataclasses.replace(plan, tone=np.ones(4), **still), slice(0, 4))
    base = torch.from_numpy(tone.apply(np.array([10, 60, 90], np.uint8))).float()
    gain = ((base + 4) / (before.mean((2, 3)) + 4)).clamp(0.45, 1.8)
    torch.testing.assert_close(after, (before * gain[:, :, None, None]).clamp(0, 255))


def test_fainter_and_calm_windows_are_those_of_the_host(samples):
    made = DeviceSamples(samples, CPU)
    plan = made.planner.draw(1, (3,))
    plain = {"colour": np.full((3, 3), np.nan), "contrast": np.ones(3)}
    before = made._cut(dataclasses.replace(plan, **plain), slice(0, 3))
    flat = {"colour": plain["colour"].copy(), "contrast": np.array([0.4, 0.2, 1.0])}
    flat["colour"][1] = [100, 120, 140]
    after = made._cut(dataclasses.replace(plan, **flat), slice(0, 3))
    for one, wanted, colour, contrast in zip(before, after, *flat.values(), strict=True):
        expected = ground.apply(one.permute(1, 2, 0).numpy(), contrast, colour)
        np.testing.assert_allclose(wanted.permute(1, 2, 0).numpy(), expected, atol=1e-3)


def test_a_window_that_is_too_small_is_mirrored():
    matrix = resampling(torch.tensor([5]), 9, 5)[0]
    np.testing.assert_array_equal(matrix.argmax(1), [2, 1, 0, 1, 2, 3, 4, 3, 2])
    assert torch.equal(matrix.sum(1), torch.ones(9))


def test_degradation_blurs_as_on_the_host_and_adds_its_noise():
    parent = torch.rand(3, 3, 40, 44) * 255
    strength = torch.tensor([0.0, 0.4, 1.0])
    random = torch.Generator().manual_seed(0)
    ours = degrade(parent, strength, torch.zeros(3), random)
    for number in range(3):
        sigma = MAX_BLUR * float(strength[number])
        expected = gaussian_filter(parent[number].numpy(), (0, sigma, sigma), truncate=3.0)
        assert np.abs(ours[number].numpy() - expected).max() <= 0.51
    noisy = degrade(torch.full((1, 3, 64, 64), 100.0), torch.ones(1), torch.ones(1), random)
    assert 4.7 < float(noisy.std()) < 5.3
