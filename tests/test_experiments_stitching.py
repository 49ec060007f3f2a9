import numpy as np
import pytest
import torch

from experiments.scenery import ParentTile
from experiments.stitching import (
    EXACT,
    INDEPENDENT,
    METHODS,
    OVERLAP,
    OVERLAP_FIELD,
    PERIOD,
    SHARED,
    Stitcher,
    own_seed,
    repeating,
)
from generator.base.basemap import BaseMap
from generator.cascade import checkpoint
from generator.cascade.cascade import Cascade
from generator.grid.noise import field
from generator.grid.rectangle import Rectangle
from generator.grid.tile import Tile
from generator.memory import Memory
from generator.nets.config import SamplerConfig
from tests.fakes_memory import ground
from tests.layouts import tiny_bank, write_layouts
from tests.planet import tiny_cascade, write_planet
from training.errors import TrainingError

SEED = 3
REACH = 4 * 14
"""Pixels that the tiny network sees: less than the quarter of a window that overlaps give."""


@pytest.fixture(scope="module")
def stitcher(tmp_path_factory):
    return Stitcher(tiny_cascade(tmp_path_factory.mktemp("joins")), SEED)


@pytest.fixture(scope="module")
def parent():
    """A textured tile near the equator, where all rows have one resolution."""
    pixels = np.random.default_rng(0).integers(60, 180, (256, 256, 3), np.uint8)
    return ParentTile("land", Tile(9, 300, 256), pixels)


@pytest.fixture(scope="module")
def pictures(stitcher, parent):
    return {method: stitcher.stitch(method, parent).astype(int) for method in METHODS}


def apart(first, second):
    return np.abs(first - second)


def test_all_ways_give_the_same_place(pictures):
    for picture in pictures.values():
        assert picture.shape == (256, 256, 3)
        assert apart(picture, pictures[EXACT]).mean() < picture.std()


def test_with_shared_noise_and_small_reach_overlapping_windows_are_exact(
    stitcher, parent, pictures
):
    """The paper's argument: equal noise and a reach within the overlap make equal pixels."""
    assert apart(pictures[OVERLAP_FIELD], pictures[EXACT]).max() <= 1
    exact = Stitcher(repeating(stitcher.cascade), SEED).stitch(EXACT, parent).astype(int)
    assert apart(pictures[SHARED], exact).max() <= 1
    assert apart(pictures[SHARED], pictures[EXACT]).mean() > 1


def test_independent_windows_differ_only_where_they_cannot_see_their_neighbour(pictures):
    difference = apart(pictures[INDEPENDENT], pictures[EXACT])
    inner = np.abs(np.arange(256) - 127.5) > REACH
    assert difference[inner][:, inner].max() <= 1
    assert difference[:, 127:129].mean() > 1
    assert difference[127:129].mean() > 1


def test_without_shared_noise_overlapping_windows_disagree_everywhere(pictures):
    difference = apart(pictures[OVERLAP], pictures[EXACT])
    assert min(part.mean() for part in np.split(difference, 4)) > 1


def test_a_seed_of_a_window_s_own_is_nobody_else_s():
    areas = [Rectangle(80 + 32 * x, 80 + 32 * y, 64, 64) for x in range(9) for y in range(9)]
    seeds = {own_seed(SEED, area) for area in areas}
    assert len(seeds - {SEED}) == len(areas)
    assert own_seed(2**64 - 1, areas[0]) < 2**64


def test_the_repeated_tile_is_a_copy_of_the_cascade_alone(stitcher):
    cascade = stitcher.cascade
    other = repeating(cascade)
    noise = other.stage_at(9).noise(SEED, 9, 0, 0, 256, 256)
    np.testing.assert_array_equal(noise[:, :PERIOD], noise[:, PERIOD:])
    assert all(cascade.stage_at(zoom).noise is field for zoom in (9, 15))


def test_the_product_s_network_stays_unpadded(stitcher):
    assert stitcher.cascade.checkpoint.network.stem.padding == (0, 0)


def test_the_paper_s_network_is_refused(tmp_path):
    with pytest.raises(TrainingError, match="expected those of an exact one"):
        Stitcher(tiny_cascade(tmp_path, "paper-tiny"), SEED)


@pytest.fixture(scope="module")
def layouts(tmp_path_factory):
    """A cascade of the layout memory, told that parents are sharp so that it sees less far."""
    folder = tmp_path_factory.mktemp("layouts")
    loaded = checkpoint.load(write_layouts(folder / "layouts.safetensors"))
    base = BaseMap.open(write_planet(folder / "planet.png"))
    sampler = SamplerConfig(augmentation=(0.0,) * 5)
    memory = Memory([tiny_bank()])
    return Cascade(base, loaded, sampler, torch.device("cpu"), torch.float32, memory)


@pytest.fixture(scope="module")
def eleven():
    """A parent whose children are of zoom 13, below one whose pixels chose their layouts."""
    above = ParentTile("land", Tile(9, 300, 256), ground(3, 256, 256))
    return above.below(ground(4, 512, 512, cell=32))


def test_layouts_are_joined_in_every_way(layouts, eleven):
    stitcher = Stitcher(layouts, SEED)
    pictures = {method: stitcher.stitch(method, eleven).astype(int) for method in METHODS}
    exact = pictures[EXACT]
    for picture in pictures.values():
        assert apart(picture, exact).mean() < exact.std()
    # With one field, overlapping windows see nearly all that decides their middle.
    assert apart(pictures[OVERLAP_FIELD], exact).mean() < 0.2
    assert apart(pictures[SHARED], exact).mean() > 1
    halves = np.split(apart(pictures[OVERLAP], exact), 4)
    assert min(part.mean() for part in halves) > 1
    inner = np.abs(np.arange(256) - 127.5) > 80
    difference = apart(pictures[INDEPENDENT], exact)
    assert difference[127:129].mean() > 3 * difference[inner][:, inner].mean()


def test_one_tile_of_layouts_is_repeated_over_a_scene(layouts, eleven):
    other = repeating(layouts)
    assert layouts.memory is not other.memory
    area = Rectangle(256 * eleven.tile.x + 28, 256 * eleven.tile.y + 64, 128, 70)
    codes = other.latent(SEED, 13, area, eleven.around)
    period = PERIOD // 4
    np.testing.assert_array_equal(codes[:, :-period], codes[:, period:])
    np.testing.assert_array_equal(codes[:, :, :-period], codes[:, :, period:])
    assert codes.any()
    assert (layouts.latent(SEED, 13, area, eleven.around) != codes).mean() > 0.3


def test_around_a_scene_lie_its_mirror_images(eleven):
    tile = eleven.tile
    east = eleven.around(Tile(tile.z, tile.x + 1, tile.y))
    np.testing.assert_array_equal(east[:, 0], eleven.pixels[:, -1])
    far = eleven.around(Tile(tile.z, tile.x - 2, tile.y + 1))
    np.testing.assert_array_equal(far, eleven.pixels[::-1])
    np.testing.assert_array_equal(eleven.around(eleven.above.tile), eleven.above.pixels)
    with pytest.raises(TrainingError, match="reads"):
        eleven.above.around(Tile(7, 0, 0))
