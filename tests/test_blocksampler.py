"""Block sampler: the pixels of the single sampler, whatever was kept, asked for, or when."""

import dataclasses
import random

import numpy as np
import pytest
import torch

from generator.cascade.blocksampler import BlockInputs, BlockSampler, evaluations_at_once, side_for
from generator.cascade.diffusionstage import DiffusionStage
from generator.grid.noise import field
from generator.nets.config import NetworkConfig
from tests.networks import assert_same_pixels, tiny_network, torch_threads

LEVEL = 7
WIDTH = 256 << 5
SIDE = 32
NARROW = NetworkConfig(widths=(8, 16), blocks=(0, 0, 1), embedding=16)
"""Margin 8: two evaluations fit into half a block, as with the shipped network."""
WIDE = dataclasses.replace(NARROW, blocks=(1, 2, 2))
"""Margin 20, more than half a block."""


@pytest.fixture(autouse=True)
def one_thread():
    with torch_threads(1):
        yield


def networks(config=NARROW, dtype=torch.bfloat16):
    return tiny_network(preset=config).to(dtype)


def world(rows, columns):
    """Parent pixels of the whole world at these places, and the resolution of the rows."""
    waves = np.sin(rows / 9)[:, None] * np.cos(2 * np.pi * columns * 300 / WIDTH)
    picture = np.repeat((120 + 90 * waves)[..., None], 3, 2).astype(np.uint8)
    return picture, 300 + rows / 20


def scene(margin, x, y, seed=3):
    """The block in column x and row y of the world."""
    x0, y0 = x * SIDE, y * SIDE
    columns = np.arange(x0 - margin, x0 + SIDE + margin) % WIDTH
    picture, resolution = world(np.arange(y0 - margin, y0 + SIDE + margin), columns)
    return BlockInputs(seed, LEVEL, x0, y0, WIDTH, picture, resolution, 0.2)


def single(stage, x, y):
    given = scene(stage.margin, x, y)
    x0, y0, size = x * SIDE - stage.margin, y * SIDE - stage.margin, len(given.parent)
    noise = field(3, LEVEL, 4 * x0, 4 * y0, 4 * size, 4 * size)
    return stage(given.parent, noise, given.resolution, 0.2)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("config", "steps"),
    [(NARROW, 1), (NARROW, 2), (NARROW, 4), (NARROW, 5), (WIDE, 2)],
)
def test_states_give_the_single_pixels(config, steps, dtype):
    network = networks(config, dtype)
    sampler = BlockSampler(network, steps, side=SIDE)
    made = sampler(scene(sampler.margin, 5, 4))
    assert made.shape == (4 * SIDE, 4 * SIDE, 3)
    assert made.std() > 5
    assert_same_pixels(made, single(DiffusionStage(network, steps), 5, 4), dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_is_kept_does_not_change_a_pixel(dtype):
    """In another order, with room for few latents or none, across the dateline."""
    network = networks(dtype=dtype)
    places = [(x, y) for x in (-1, 0) for y in (3, 4)]
    expected = None
    for room in (100, 7, 0):
        sampler = BlockSampler(network, 5, side=SIDE)
        sampler.latents.limit = room * sampler.latents.latent_bytes
        random.Random(room).shuffle(places)
        made = {place: sampler(scene(sampler.margin, *place)) for place in places}
        assert sampler.latents.bytes <= sampler.latents.limit
        expected = expected or made
        for place, pixels in made.items():
            np.testing.assert_array_equal(pixels, expected[place])


def test_the_first_evaluation_is_at_the_right_place_for_every_seed_and_level():
    sampler = BlockSampler(networks(), 3, side=SIDE)
    first = sampler(scene(sampler.margin, 2, 2))
    other = sampler(scene(sampler.margin, 2, 2, seed=4))
    assert (first != other).mean() > 0.3
    level = dataclasses.replace(scene(sampler.margin, 2, 2), level=9)
    assert (sampler(level) != first).mean() > 0.3
    np.testing.assert_array_equal(sampler(scene(sampler.margin, 2, 2)), first)


def test_threads_do_not_change_a_pixel():
    made = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        sampler = BlockSampler(networks(), 3, side=SIDE)
        made.append(sampler(scene(sampler.margin, 1, 1)))
    np.testing.assert_array_equal(*made)


def test_a_neighbour_computes_only_what_is_new(monkeypatch):
    sampler = BlockSampler(networks(), 6, side=SIDE)
    assert [len(times) - 1 for times in sampler.groups] == [2, 2, 2]
    advanced = []

    def counting(scene, group, place, before):
        advanced.append(group)
        side = 4 * SIDE
        image = torch.zeros(1, 3, SIDE + 4, SIDE + 4)
        return image, torch.zeros(1, 3, side, side)

    monkeypatch.setattr(sampler, "_advance", counting)
    sampler(scene(sampler.margin, 3, 3))
    assert [advanced.count(group) for group in range(3)] == [1, 4, 9]
    assert sampler.latents.bytes == 13 * sampler.latents.latent_bytes
    advanced.clear()
    sampler(scene(sampler.margin, 4, 3))
    assert [advanced.count(group) for group in range(3)] == [1, 2, 3]
    advanced.clear()
    sampler.latents.clear()
    sampler(scene(sampler.margin, 4, 3))
    assert [advanced.count(group) for group in range(3)] == [1, 4, 9]


def test_the_margin_grows_by_half_a_block_per_group():
    shipped = tiny_network(preset=NetworkConfig(widths=(8, 8), embedding=8))
    assert evaluations_at_once(shipped) == 2
    assert [BlockSampler(shipped, steps).margin for steps in (1, 2, 3, 4, 10)] == [
        26, 52, 64 + 26, 64 + 52, 4 * 64 + 52,
    ]  # fmt: skip
    assert evaluations_at_once(shipped, side=48) == 1


def test_more_steps_get_larger_blocks():
    shipped = tiny_network(preset=NetworkConfig(widths=(8, 8), embedding=8))
    steps = (1, 6, 7, 12, 13, 50)
    assert [side_for(shipped, each) for each in steps] == [128, 128, 256, 256, 512, 512]
