import time

import numpy as np
import pytest
from PIL import Image

from training.highorder import FIRST, KERNELS, SECOND, high_order
from training.samples.degradation import KINDS, degrade


@pytest.fixture(scope="module")
def parent():
    """Textured at several scales, [90, 90, 3]."""
    random = np.random.default_rng(0)
    layers = []
    for side in (6, 24, 90):
        coarse = Image.fromarray(random.integers(60, 190, (side, side, 3), np.uint8))
        layers.append(np.asarray(coarse.resize((90, 90), Image.Resampling.BICUBIC), np.float32))
    return np.mean(layers, 0).astype(np.float32)


def detail_kept(parent, degraded):
    """Regression of the degraded image's finest detail on the original's: 1 = all kept."""
    fine, left = (
        (image - (np.roll(image, 1, 0) + np.roll(image, 1, 1)) / 2)[1:, 1:].ravel()
        for image in (parent, degraded)
    )
    return float(fine @ left / (fine @ fine))


@pytest.mark.parametrize("kind", KINDS)
def test_strength_nought_only_rounds(kind, parent):
    result = degrade(parent, 0.0, np.random.default_rng(0), kind)
    np.testing.assert_array_equal(result, np.rint(parent))


@pytest.mark.parametrize("kind", KINDS)
def test_result_is_eight_bit_and_a_function_of_the_generator(kind, parent):
    first, again, other = (degrade(parent, 0.8, np.random.default_rng(s), kind) for s in (4, 4, 5))
    assert first.shape == parent.shape
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, np.rint(first))
    assert first.min() >= 0
    assert first.max() <= 255
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("kind", KINDS)
def test_detail_falls_and_error_grows_with_strength(kind, parent):
    strengths, draws = (0.2, 0.5, 1.0), range(12)
    results = [
        [degrade(parent, s, np.random.default_rng(i), kind) for i in draws] for s in strengths
    ]
    kept = [np.mean([detail_kept(parent, r) for r in row]) for row in results]
    error = [np.mean([np.abs(r - parent).mean() for r in row]) for row in results]
    assert kept[0] > kept[1] > kept[2]
    assert error[0] < error[1] < error[2]


def test_a_faint_strength_changes_little_whatever_is_drawn(parent):
    for seed in range(30):
        result = high_order(parent, 0.02, np.random.default_rng(seed))
        assert np.sqrt(np.mean((result - parent) ** 2)) < 3


def test_mean_colour_survives_full_strength(parent):
    shifts = [
        high_order(parent, 1.0, np.random.default_rng(i)).mean((0, 1)) - parent.mean((0, 1))
        for i in range(40)
    ]
    assert np.abs(np.mean(shifts, 0)).max() < 1.5


def test_full_strength_covers_what_the_settings_allow(parent):
    flat = np.full_like(parent, 128)
    grain = [high_order(flat, 1.0, np.random.default_rng(i)).std() for i in range(60)]
    # From almost none to noise of the second round's greatest standard deviation.
    assert min(grain) < 2
    assert 10 < max(grain) < 40
    kept = [
        detail_kept(parent, high_order(parent, 1.0, np.random.default_rng(i))) for i in range(60)
    ]
    assert min(kept) < 0.02
    assert max(kept) > 0.15


def test_other_shapes_than_square_are_taken():
    for shape in ((1, 1, 3), (17, 40, 3)):
        result = high_order(np.full(shape, 90, np.float32), 1.0, np.random.default_rng(3))
        assert result.shape == shape


def test_probabilities_of_the_table_sum_to_one():
    assert sum(share for _, _, share in KERNELS) == pytest.approx(1)
    for settings in (FIRST, SECOND):
        assert sum(settings.resize) == pytest.approx(1)


def test_a_parent_takes_less_than_ten_milliseconds(parent):
    began = time.process_time()
    for seed in range(30):
        degrade(parent, 1.0, np.random.default_rng(seed), "high-order")
    assert (time.process_time() - began) / 30 < 0.010
