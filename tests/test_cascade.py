import random

import numpy as np
import pytest
import torch

import generator
from generator.base.basemap import BaseMap
from generator.cascade import blocksampler, checkpoint
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import Checkpoint
from generator.cascade.renderer import missing_blocks
from generator.grid.averaging import averaged
from generator.grid.block import Block
from generator.grid.errors import GeneratorError, WeightsError
from generator.grid.tile import Tile
from generator.nets.config import NetworkConfig, SamplerConfig
from tests.geographies import striped
from tests.networks import assert_same_pixels, tiny_network, write_waves


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("world")
    write_waves(path / "base.png")
    checkpoint.save(path / "tiny.safetensors", tiny_network(), SamplerConfig(), {"steps": 1})
    return path


@pytest.fixture(scope="module")
def cascade(folder):
    return make(folder)


@pytest.fixture(scope="module")
def coarse(folder):
    """Return a cascade of bfloat16 and what it has made, of seed 5 alone."""
    return make(folder, precision=torch.bfloat16), {}


def make(folder, steps=1, precision=torch.float32):
    loaded = checkpoint.load(folder / "tiny.safetensors")
    base = BaseMap.open(folder / "base.png")
    return Cascade(base, loaded, SamplerConfig(steps=steps), torch.device("cpu"), precision)


DEEP = NetworkConfig(widths=(8, 16), blocks=(0, 5, 1), embedding=16)
"""Its margin of 28 pixels per step asks for intermediate latents above two steps."""


def in_steps(folder, steps):
    network = tiny_network(preset=DEEP)
    base = BaseMap.open(folder / "base.png")
    sampler = SamplerConfig(steps=steps)
    loaded = Checkpoint(network, sampler, {}, "")
    return Cascade(base, loaded, sampler, torch.device("cpu"), torch.bfloat16)


def mosaic(cascade, seed, first, count, store):
    rows = [
        np.hstack([cascade.render(seed, Tile(first.z, x, y), store) for x in columns])
        for columns, y in (
            (range(first.x, first.x + count), y) for y in range(first.y, first.y + count)
        )
    ]
    return np.vstack(rows)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("first", [Tile(11, 1070, 676), Tile(7, 126, 60), Tile(13, 4000, 0)])
def test_a_block_equals_its_tiles_made_singly(cascade, coarse, first, precision):
    cascade, store = (cascade, {}) if precision is torch.float32 else coarse
    block = mosaic(cascade, 5, first, 2, store)
    single = [
        cascade.window(5, tile, lambda need: cascade.render(5, need, store))
        for tile in Block.of(first).tiles[1:]
    ]
    whole = np.vstack([np.hstack(single[:2]), np.hstack(single[2:])])
    assert_same_pixels(whole, block, precision)


@pytest.mark.parametrize("first", [Tile(11, 1071, 677), Tile(7, 127, 61)])
def test_a_window_across_blocks_equals_its_blocks(coarse, first):
    cascade, store = coarse
    whole = cascade.window(5, first, lambda need: cascade.render(5, need, store), tiles=2)
    columns = [(first.x + i) % 2**first.z for i in range(2)]
    rows = [
        np.hstack([cascade.render(5, Tile(first.z, x, first.y + j), store) for x in columns])
        for j in range(2)
    ]
    assert_same_pixels(whole, np.vstack(rows), torch.bfloat16)


@pytest.mark.parametrize("zoom", [11, 13])
def test_order_of_requests_does_not_change_a_pixel(folder, zoom):
    block = [Tile(zoom, 300 + x, 200 + y) for x in range(3) for y in range(3)]
    results = []
    for shuffle in (1, 2):
        cascade, store = make(folder), {}
        random.Random(shuffle).shuffle(block)
        made = {tile: cascade.render(9, tile, store) for tile in block}
        results.append(np.stack([made[tile] for tile in sorted(made)]))
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("side", [128, 256])
def test_blocks_made_in_several_steps_depend_on_their_address_alone(folder, side, monkeypatch):
    monkeypatch.setattr(blocksampler, "SIDES", (side,))
    blocks = [Block.of(Tile(7, x, 60)) for x in (0, 2)]
    results = []
    for order_ in (blocks, blocks[::-1]):
        cascade = in_steps(folder, 3)
        assert cascade.multistep.side == side
        made = {}
        for block in order_:
            needs = {tile: cascade.render(5, tile) for tile in cascade.needs(block)}
            made |= cascade.compute(5, block, needs.__getitem__)
        results.append(np.stack([made[tile] for tile in sorted(made)]))
    np.testing.assert_array_equal(*results)
    whole = cascade.window(5, Tile(7, 0, 60), lambda need: cascade.render(5, need), tiles=2)
    parts = [made[tile] for tile in blocks[0].tiles[1:]]
    np.testing.assert_array_equal(np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])]), whole)


def test_intermediate_latents_begin_where_half_a_block_has_no_room_for_the_margins(folder):
    two, three = in_steps(folder, 2), in_steps(folder, 3)
    assert two.multistep is None
    assert two.describe()["margin"] == 56
    assert three.describe()["margin"] == 64 + 28
    assert two.fingerprint(0) != three.fingerprint(0)


def test_evicted_parents_are_made_again_as_they_were(cascade):
    tile = Tile(9, 255, 150)
    first = cascade.render(1, tile, {})
    store = {}
    cascade.render(1, Tile(9, 254, 150), store)
    np.testing.assert_array_equal(cascade.render(1, tile, store), first)


def test_even_zooms_are_the_average_of_their_children(cascade):
    store = {}
    for tile in (Tile(8, 90, 100), Tile(10, 511, 400)):
        made = cascade.render(0, tile, store).astype(float)
        children = [store[child].astype(float) for child in tile.children()]
        whole = np.vstack([np.hstack(children[:2]), np.hstack(children[2:])])
        expected = whole.reshape(256, 2, 256, 2, 3).mean((1, 3))
        assert np.abs(made - expected).max() <= 0.5


def test_average_rounds_half_up():
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[:2, :2] = 255
    pixels[0, 2] = 1  # 1/4
    pixels[2:, :2] = [[[1], [1]], [[1], [3]]]  # 6/4
    assert averaged(pixels, 2)[..., 0].tolist() == [[255, 0], [2, 0]]


def test_stage_reads_parents_across_the_dateline_and_mirrored_at_the_poles(cascade):
    def needs(tile):
        return cascade.needs(Block.of(tile))

    assert {t.x for t in needs(Tile(9, 0, 100))} == {0, 127}
    assert {t.y for t in needs(Tile(9, 100, 0))} == {0}
    assert {t.y for t in needs(Tile(9, 100, 511))} == {127}
    assert needs(Tile(5, 3, 3)) == ()
    assert needs(Tile(8, 50, 50)) == needs(Tile(9, 100, 101))
    assert all(need.z == 7 for need in needs(Tile(8, 50, 50)))


def test_neighbours_across_the_dateline_continue_each_other(cascade):
    store = {}
    west = cascade.render(4, Tile(7, 127, 50), store).astype(float)
    east = cascade.render(4, Tile(7, 0, 50), store).astype(float)
    across = np.abs(west[:, -1] - east[:, 0]).mean()
    inside = np.abs(np.diff(west[:, -20:], axis=1)).mean()
    assert across < 1.3 * inside


def test_order_lists_inputs_before_users_and_only_what_is_missing(cascade):
    tile = Tile(9, 37, 100)
    listed = missing_blocks(cascade, tile, lambda t: t.z == 5)
    assert listed[-1] == Block.of(tile)
    position = {block: i for i, block in enumerate(listed)}
    assert len(position) == len(listed)
    for block in listed:
        for need in cascade.needs(block):
            assert need.z == 5 or position[Block.of(need)] < position[block]
    assert all(block.stage for block in listed)
    assert missing_blocks(cascade, tile, lambda t: True) == []


def test_fingerprint_tells_worlds_apart(folder, cascade):
    assert cascade.fingerprint(1) == make(folder).fingerprint(1)
    others = [cascade.fingerprint(2), make(folder, steps=2).fingerprint(1)]
    others.append(make(folder, precision=torch.bfloat16).fingerprint(1))
    assert cascade.fingerprint(1) not in others
    assert len(cascade.fingerprint(1)) == 16


def test_seeds_agree_on_the_base_map_and_differ_below_it(cascade):
    for tile, same in ((Tile(5, 9, 9), True), (Tile(7, 37, 38), False)):
        first, second = (cascade.render(seed, tile) for seed in (0, 1))
        assert np.array_equal(first, second) is same


def test_load_explains_what_it_cannot_use(folder, tmp_path):
    with pytest.raises(GeneratorError, match="steps is 0, expected 1 to 50"):
        generator.load(steps=0)
    with pytest.raises(GeneratorError, match="device is 'abacus'"):
        generator.load(device="abacus")
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        generator.load(weights=tmp_path / "none.safetensors")


def test_loaded_cascade_describes_itself(folder):
    cascade = generator.load(folder / "base.png", folder / "tiny.safetensors", steps=3)
    described = cascade.describe()
    assert described["steps"] == 3
    assert described["training"] == {"steps": 1}
    assert described["parameters"] > 1000


@pytest.mark.parametrize("steps", [1, 3])
def test_a_stage_with_a_network_of_its_own_changes_its_tiles_alone(folder, steps):
    common, own = (tiny_network(seed, DEEP) for seed in (0, 1))
    base = BaseMap.open(folder / "base.png")
    sampler = SamplerConfig(steps=steps)

    def cascade_of(network, specialists):
        loaded = Checkpoint(network, sampler, {}, "", specialists)
        return Cascade(base, loaded, sampler, torch.device("cpu"), torch.bfloat16)

    plain, mixed, other = cascade_of(common, {}), cascade_of(common, {9: own}), cascade_of(own, {})
    seven, nine = Tile(7, 64, 60), Tile(9, 256, 240)
    above, made = {}, {}
    below = plain.render(5, nine, above)
    assert (mixed.render(5, nine, made) != below).any()
    np.testing.assert_array_equal(made[seven], above[seven])
    # The other network, over the common one's zoom 7.
    alone = other.compute(5, Block.of(nine), above.__getitem__)
    np.testing.assert_array_equal(made[nine], alone[nine])
    assert mixed.describe()["specialists"] == [9]
    assert mixed.describe()["parameters"] == 2 * plain.describe()["parameters"]


def test_water_is_drawn_in_several_steps_too(folder):
    plain, drawn = in_steps(folder, 4), in_steps(folder, 4)
    assert drawn.multistep is not None
    drawn.geography = striped()
    tile = Tile(7, 60, 50)
    made = drawn.render(0, tile)
    assert (made != plain.render(0, tile)).mean() > 0.1
    np.testing.assert_array_equal(drawn.render(0, tile), made)
