"""Worlds of the layout memory: tiles depend on their address alone, and say what they read."""

import random

import numpy as np
import pytest
import torch

import generator
from generator.base.basemap import BaseMap
from generator.cascade import checkpoint, loading
from generator.cascade.cascade import Cascade
from generator.cascade.renderer import missing_blocks
from generator.geography.blocks import TownBlocks
from generator.geography.dunes import Dunes
from generator.geography.geography import Geography
from generator.geography.parcels import Parcels
from generator.geography.streets import Streets
from generator.geography.terrain import terrain
from generator.grid.block import Block
from generator.grid.errors import TileError
from generator.grid.tile import Tile
from generator.memory import Memory, bankfile
from tests.fakes_ground import random_ground
from tests.layouts import tiny_bank, write_layouts
from tests.networks import assert_same_pixels, write_waves

PLACES = [
    Tile(7, 126, 60),
    Tile(9, 2, 0),
    Tile(11, 1070, 676),
    Tile(13, 8190, 8190),
    Tile(15, 9, 9),
    Tile(17, 131070, 60000),
]
"""Inside, at the dateline and at the poles."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("layouts")
    write_waves(path / "base.png")
    write_layouts(path / "layouts.safetensors", tiny_bank(deep=True), deep=True)
    write_layouts(path / "bare.safetensors", tiny_bank(), deep=True)
    write_layouts(path / "common.safetensors", tiny_bank())
    return path


def make(folder, precision=torch.float32, bank=0):
    loaded = checkpoint.load(folder / "layouts.safetensors")
    memory = None if bank is None else Memory([tiny_bank(bank, deep=True)])
    base = BaseMap.open(folder / "base.png")
    return Cascade(base, loaded, loaded.sampler, torch.device("cpu"), precision, memory)


@pytest.fixture(scope="module")
def cascade(folder):
    return make(folder)


@pytest.fixture(scope="module")
def store():
    """Return what that cascade has made, of seed 5 alone."""
    return {}


@pytest.fixture(scope="module")
def coarse(folder):
    """Return a cascade of bfloat16 and what it has made, of seed 5 alone."""
    return make(folder, torch.bfloat16), {}


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", PLACES[:2] + PLACES[3:4] + PLACES[5:])
def test_a_block_equals_its_tiles_made_singly(cascade, store, coarse, first, precision):
    if precision is torch.bfloat16:
        cascade, store = coarse
    cascade.render(5, first, store)
    tiles = Block.of(first).tiles[1:]
    single = [cascade.window(5, tile, store.__getitem__) for tile in tiles]
    assert_same_pixels(np.stack(single), np.stack([store[tile] for tile in tiles]), precision)


def test_a_window_across_blocks_and_the_dateline_equals_its_blocks(coarse):
    cascade, store = coarse

    def read(need):
        return cascade.render(5, need, store)

    whole = cascade.window(5, Tile(7, 127, 61), read, tiles=2)
    rows = [np.hstack([read(Tile(7, x, y)) for x in (127, 0)]) for y in (61, 62)]
    assert_same_pixels(whole, np.vstack(rows), torch.bfloat16)


def test_order_and_threads_do_not_change_a_byte(folder):
    tiles = [Tile(13, 0, 4000), Tile(13, 8191, 4002), Tile(11, 2047, 1000), Tile(9, 255, 511)]
    before, results = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            cascade, store = make(folder, torch.bfloat16), {}
            random.Random(threads).shuffle(tiles)
            made = {tile: cascade.render(9, tile, store) for tile in tiles}
            results.append(np.stack([made[tile] for tile in sorted(made)]))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("tile", PLACES)
def test_a_block_needs_just_what_it_reads(cascade, store, tile):
    cascade.render(5, tile, store)
    block, read = Block.of(tile), set()

    def reading(need):
        read.add(need)
        return store[need]

    cascade.compute(5, block, reading)
    needs = cascade.needs(block)
    assert set(needs) == read
    assert len(needs) == len(read)
    zooms = {tile.z - 2} | ({9} if tile.z == 13 else set())
    assert {need.z for need in needs} == zooms
    listed = missing_blocks(cascade, tile, {need: None for need in needs}.__contains__)
    assert listed == [block]


def test_needs_wrap_round_the_dateline_and_stop_at_the_poles(cascade):
    def needs(tile):
        return [need for need in cascade.needs(Block.of(tile)) if need.z == tile.z - 2]

    assert {need.x for need in needs(Tile(9, 0, 100))} == {0, 127}
    assert {need.y for need in needs(Tile(9, 100, 0))} == {0}
    assert {need.y for need in needs(Tile(13, 100, 8191))} == {2047}


def test_layouts_change_with_seed_and_bank_and_show(folder, cascade, store):
    tile = Tile(7, 126, 60)
    here = cascade.render(5, tile, store)
    others = [make(folder, bank=1).render(5, tile), make(folder, bank=None).render(5, tile)]
    for other in [*others, cascade.render(6, tile)]:
        assert (here != other).mean() > 0.1
    # Without layouts nothing is left that a seed could decide.
    np.testing.assert_array_equal(others[1], make(folder, bank=None).render(6, tile))


def test_what_a_stage_draws_from_is_equal_wherever_rectangles_overlap(cascade, store):
    tile = Tile(11, 1070, 676)
    cascade.render(5, tile, store)
    codes = cascade.chosen(5, Block.of(tile), store.__getitem__)
    assert codes.shape == (4, 128 + 36, 128 + 36)
    assert codes.any()
    beside = Block.of(Tile(11, 1072, 676))
    cascade.render(5, Tile(11, 1072, 676), store)
    other = cascade.chosen(5, beside, store.__getitem__)
    np.testing.assert_array_equal(codes[:, :, 128:], other[:, :, :36])


def test_the_memory_is_part_of_the_world_s_identity(folder, cascade):
    assert cascade.identity == make(folder).identity
    named = {cascade.identity, make(folder, bank=1).identity, make(folder, bank=None).identity}
    assert len(named) == 3


def test_weights_bring_their_own_memory_and_may_go_without(folder, cascade, tmp_path):
    base, weights = folder / "base.png", folder / "layouts.safetensors"
    own = generator.load(base, weights)
    assert own.memory.digest == cascade.memory.digest
    assert generator.load(base, weights, memory=()).memory is None
    assert generator.load(base, weights, memory=("shipped",)).memory.digest == own.memory.digest
    described = own.describe()
    assert described["network"]["family"] == "layout"
    assert described["augmentation"][0] == 1.0
    assert described["memory"]["digest"] == own.memory.digest[:16]
    assert described["memory"]["scenes"] == {"7": 3, "9": 3, "11": 3, "15": 3, "17": 3}
    assert generator.load(base, weights, memory=()).describe()["memory"] is None


def test_pictures_of_ones_own_have_their_own_fields_and_streets(folder, tmp_path):
    base, weights, mine = folder / "base.png", folder / "layouts.safetensors", tmp_path / "a.bank"
    bankfile.save(tiny_bank(1), mine)
    ground = random_ground()
    layers = Geography(
        parcels=Parcels(ground.cover, ground.built, ground.relief, terrain()),
        streets=Streets(ground.built),
        blocks=TownBlocks(ground.built),
        dunes=Dunes(ground.cover),
    )
    for memory, drawn in ((None, True), ((), True), (("shipped",), True), ((str(mine),), False)):
        cascade = loading.load(base, weights, memory=memory, geography=layers)
        held = cascade.geography
        assert (held.parcels is not None) == (held.streets is not None) == drawn
        assert (held.blocks is not None) == (held.dunes is not None) == drawn


def test_the_weights_end_where_their_sampler_ends(folder, cascade):
    common = generator.load(folder / "base.png", folder / "common.safetensors")
    assert (common.max_zoom, cascade.max_zoom) == (15, 17)
    assert common.describe()["max_zoom"] == 15
    with pytest.raises(TileError, match="zoom is 17, expected 0 to 15 with these weights"):
        common.render(0, Tile(17, 1, 1))
    with pytest.raises(TileError, match="zoom is 17"):
        common.render(0, Tile(16, 1, 1))


def test_a_stage_17_leaves_the_stages_above_it_as_they_are(folder, cascade):
    common = generator.load(folder / "base.png", folder / "common.safetensors", memory=())
    deep = generator.load(folder / "base.png", folder / "layouts.safetensors", memory=())
    tile = Tile(15, 77, 9000)
    np.testing.assert_array_equal(common.render(0, tile), deep.render(0, tile))


def test_a_memory_without_scenes_of_17_draws_there_without_layouts(folder):
    world = generator.load(folder / "base.png", folder / "bare.safetensors")
    assert world.max_zoom == 17
    assert world.memory is not None
    assert world.memory.scenes.keys() == {7, 9, 11, 15}
    made = {}
    assert world.render(0, Tile(17, 70_000, 40_000), made).shape == (256, 256, 3)
    assert not world.chosen(0, Block.of(Tile(17, 70_000, 40_000)), made.__getitem__).any()
    assert not world.stages[17].edges
