import numpy as np
import pytest
import torch

from generator.cascade.diffusionstage import DiffusionStage
from generator.grid.noise import field
from tests.networks import assert_same_pixels, by_threads, tiny_network


@pytest.fixture
def parent():
    rows, columns = np.mgrid[0:160, 0:160]
    values = 120 + 50 * np.sin(rows / 9)[..., None] + 40 * np.cos(columns / 13)[..., None]
    return np.repeat(values, 3, 2).astype(np.uint8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_metatile_equals_its_single_tiles(parent, steps, dtype):
    stage = DiffusionStage(tiny_network().to(dtype), steps)
    m, core = stage.margin, 16
    noise = field(3, 9, 0, 0, 640, 640)
    resolution = np.linspace(100, 140, 160)

    def window(top, left, size):
        rows, columns = slice(top - m, top + size + m), slice(left - m, left + size + m)
        fine = [slice(4 * part.start, 4 * part.stop) for part in (rows, columns)]
        return stage(parent[rows, columns], noise[:, fine[0], fine[1]], resolution[rows], 0.2)

    whole = window(56, 60, 2 * core)
    assert whole.shape == (128, 128, 3)
    for j in (0, 1):
        for i in (0, 1):
            single = window(56 + core * j, 60 + core * i, core)
            block = whole[64 * j : 64 * j + 64, 64 * i : 64 * i + 64]
            assert_same_pixels(single, block, dtype)


def test_child_keeps_its_parent_s_colour_and_shape(parent):
    stage = DiffusionStage(tiny_network(), 1)
    m = stage.margin
    child = stage(parent, field(0, 9, 0, 0, 640, 640), np.array([300.0]), 0.0)
    assert np.abs(child.astype(float) - parent[m:-m, m:-m].repeat(4, 0).repeat(4, 1)).max() > 2
    size = child.shape[0] // 16 * 16
    ours = child[:size, :size].reshape(size // 16, 16, size // 16, 16, 3).mean((1, 3))
    core = parent[m:-m, m:-m][: size // 4, : size // 4]
    theirs = core.reshape(size // 16, 4, size // 16, 4, 3).mean((1, 3))
    assert np.abs(ours - theirs).mean() <= 3


def test_another_seed_gives_another_child(parent):
    stage = DiffusionStage(tiny_network(), 1)
    first, second = (
        stage(parent, field(seed, 9, 0, 0, 640, 640), np.array([300.0]), 0.0) for seed in (1, 2)
    )
    assert (first != second).mean() > 0.3


@pytest.mark.parametrize("steps", [1, 4])
def test_threads_do_not_change_a_pixel(parent, steps):
    stage = DiffusionStage(tiny_network(), steps)
    noise = field(3, 9, 0, 0, 640, 640)
    results = by_threads(lambda: stage(parent, noise, np.array([50.0]), 0.1))
    np.testing.assert_array_equal(*results)
