"""Ancestors drawn in part: the same bytes as whole blocks, in any order, whatever is there."""

import itertools
import random

import numpy as np
import pytest
import torch

import generator
from generator.base.basemap import BaseMap
from generator.cascade import ancestors, checkpoint, loading
from generator.cascade.ancestors import (
    JOINED,
    PARTS,
    PartialAncestors,
    WholeAncestors,
    ancestors_of,
)
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import DEFAULT
from generator.cascade.renderer import in_order
from generator.grid.block import Block
from generator.grid.tile import Tile, tile_at
from generator.memory import Memory
from generator.nets.config import SamplerConfig
from tests.engines import MemoryStore
from tests.fakes import FakeRenderer
from tests.layouts import tiny_bank, write_layouts
from tests.networks import tiny_network, write_waves
from tileserver.cache.claims import Claims
from tileserver.rendering.batch import BatchRenderer
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions

PLACES = [Tile(13, 5000, 3000), Tile(15, 17160, 11800), Tile(17, 70_002, 40_004)]
EDGES = [Tile(15, 0, 12_000), Tile(13, 3000, 0), Tile(17, 131_071, 131_071)]
"""Where what is read lies across the dateline or beyond the poles."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("ancestors")
    write_waves(path / "base.png")
    write_layouts(path / "layouts.safetensors", tiny_bank(deep=True), deep=True)
    return path


@pytest.fixture(scope="module")
def cascade(folder):
    loaded, base = (
        checkpoint.load(folder / "layouts.safetensors"),
        BaseMap.open(folder / "base.png"),
    )
    memory = Memory([tiny_bank(0, deep=True)])
    cpu, kind = torch.device("cpu"), torch.bfloat16
    made = Cascade(base, loaded, loaded.sampler, cpu, kind, memory)
    made.draws_parts = True
    return made


@pytest.fixture(scope="module")
def whole(cascade):
    """Return what is made in whole blocks, by its tile."""
    store = {}
    return lambda tile: cascade.render(5, tile, store)


def make(held, tile, store):
    """Make a tile as a maker of tiles does; return the blocks that were made."""
    has = store.__contains__
    blocks = in_order(tile, has, lambda block: held.inputs(5, block, has))
    for block in blocks:
        store |= held.compute(5, block, store.__getitem__, has)
    return blocks


@pytest.mark.parametrize("tile", PLACES)
def test_a_tile_in_an_empty_cache_takes_one_block_of_the_network(cascade, whole, tile):
    store = {}
    blocks = make(PartialAncestors(cascade), tile, store)
    assert [block for block in blocks if block.stage is not None] == [Block.of(tile)]
    for each in Block.of(tile).tiles:
        np.testing.assert_array_equal(store[each], whole(each))


def test_what_others_wait_for_is_drawn_with_a_block(cascade, whole, monkeypatch):
    tiles = [Tile(15, PLACES[1].x + x, PLACES[1].y + y) for y in (0, 2, 4) for x in (0, 2, 4)]
    blocks, drawn, draw = [Block.of(tile) for tile in tiles], [], cascade.draw

    def noted(seed, zoom, core, read):
        drawn.append((zoom, core))
        return draw(seed, zoom, core, read)

    monkeypatch.setattr(cascade, "draw", noted)
    counts = []
    for waiting in ((), [*blocks, Block.of(PLACES[0]), Block.of(Tile(15, 3, 9000))]):
        held, store, first = PartialAncestors(cascade), {}, len(drawn)
        for block in blocks:
            has = store.__contains__
            for base in held.inputs(5, block, has):
                store |= held.compute(5, base, store.__getitem__, has)
            store |= held.compute(5, block, store.__getitem__, has, waiting)
        for tile in store:
            np.testing.assert_array_equal(store[tile], whole(tile))
        counts.append(len(drawn) - first)
        assert max(max(core.width, core.height) for _, core in drawn) <= JOINED // 4
    assert counts[1] - len(blocks) < (counts[0] - len(blocks)) * 2 / 3


def test_what_others_wait_for_beyond_the_map_is_left_out(cascade, whole):
    held, store, has = PartialAncestors(cascade), {}, lambda tile: tile in store
    # The first block whose parts all lie inside the map, and all that are west of it.
    blocks = [Block.of(Tile(15, x, 12_000)) for x in range(0, 512, 2)]
    first = next(number for number, block in enumerate(blocks) if held._drawable(block))
    block, others = blocks[first], blocks[:first]
    for base in held.inputs(5, block, has):
        store |= held.compute(5, base, store.__getitem__, has)
    assert held._around(block, others) == held._around(block, ())
    assert held._around(block, blocks[first:]) != held._around(block, ())
    store |= held.compute(5, block, store.__getitem__, has, others)
    np.testing.assert_array_equal(store[block.tiles[1]], whole(block.tiles[1]))


@pytest.mark.parametrize("tile", EDGES)
def test_what_lies_across_an_edge_of_the_map_is_made_whole(cascade, whole, tile):
    store = {}
    blocks = make(PartialAncestors(cascade), tile, store)
    assert Block.of(tile.parent(2)) in blocks
    np.testing.assert_array_equal(store[tile], whole(tile))


def test_neighbours_in_any_order_are_the_same_and_ancestors_become_whole(
    cascade, whole, monkeypatch
):
    monkeypatch.setattr(ancestors, "PARTS", 3)
    first = PLACES[1]
    steps = list(itertools.product(range(0, 8, 2), repeat=2))
    random.Random(3).shuffle(steps)
    held, store, made = PartialAncestors(cascade), {}, []
    for x, y in steps:
        made += make(held, Tile(15, first.x + x, first.y + y), store)
    # Those that were read often, whose rest was drawn beside the parts that were there.
    assert {block.stage for block in made} >= {13, 15}
    assert len(made) == len(set(made))
    for tile in store:
        np.testing.assert_array_equal(store[tile], whole(tile))


def test_parts_that_are_no_longer_kept_are_drawn_again(cascade, whole):
    held, store = PartialAncestors(cascade), {}
    for x in (0, 2, 0, 4):
        held._cells.trim(5)
        store.clear()
        tile = Tile(15, PLACES[1].x + x, PLACES[1].y)
        make(held, tile, store)
        np.testing.assert_array_equal(store[tile], whole(tile))


def test_worlds_do_not_mix(cascade):
    held, tile = PartialAncestors(cascade), PLACES[0]
    made = [
        held.compute(seed, Block.of(tile), {}.__getitem__, lambda _: False)[tile] for seed in (5, 6)
    ]
    assert (made[0] != made[1]).any()
    np.testing.assert_array_equal(made[1], cascade.render(6, tile))


def test_a_block_is_made_whole_once_it_was_often_read(cascade):
    held, block = PartialAncestors(cascade), Block.of(PLACES[1])
    base = {tile: None for tile in [Tile(5, x, y) for x in range(32) for y in range(32)]}
    for _ in range(PARTS):
        assert held.inputs(5, block, base.__contains__) == []
    due = held.inputs(5, block, base.__contains__)
    assert due == WholeAncestors(cascade).inputs(5, block, base.__contains__)
    assert {each.stage for each in due} == {13}
    # Others and other worlds are counted by themselves.
    assert held.inputs(6, block, base.__contains__) == []


def test_an_input_that_vanishes_is_told_to_who_reads_it(cascade):
    def read(tile):
        raise LookupError(str(tile))

    with pytest.raises(LookupError, match="13/"):
        PartialAncestors(cascade).compute(5, Block.of(PLACES[1]), read, lambda need: need.z < 15)


def test_who_reads_may_make_tiles_on_the_way(cascade, whole):
    held, store, read = PartialAncestors(cascade), {}, []

    def has(tile):
        return tile.z == 13 or tile in store

    def remade(tile):
        # As a maker does with a stored tile that is damaged.
        if tile not in store:
            read.append(tile)
            store.update(held.compute(5, Block.of(tile), store.__getitem__, store.__contains__))
        return store[tile]

    made = held.compute(5, Block.of(PLACES[1]), remade, has)
    np.testing.assert_array_equal(made[PLACES[1]], whole(PLACES[1]))
    assert {tile.z for tile in read} == {13}


def test_only_windows_that_agree_are_drawn_in_part(folder, tmp_path, monkeypatch):
    base, weights = folder / "base.png", folder / "layouts.safetensors"
    cascade = generator.load(base, weights)
    assert cascade.draws_parts
    assert isinstance(ancestors_of(cascade), PartialAncestors)
    assert isinstance(ancestors_of(cascade, parts=False), WholeAncestors)
    assert isinstance(ancestors_of(FakeRenderer()), WholeAncestors)
    monkeypatch.setattr(loading.np, "array_equal", lambda *_: False)
    other = generator.load(base, weights)
    assert not other.draws_parts
    assert isinstance(ancestors_of(other), WholeAncestors)
    monkeypatch.undo()
    checkpoint.save(tmp_path / "noise.safetensors", tiny_network(), SamplerConfig(), {"steps": 1})
    assert not generator.load(base, tmp_path / "noise.safetensors").draws_parts


def test_the_engine_answers_with_the_same_bytes(cascade, whole, tmp_path):
    store = MemoryStore(Claims(tmp_path))
    engine = RenderEngine(cascade, store, Metrics())
    try:
        tiles = [Tile(15, PLACES[1].x + x, PLACES[1].y + y) for x in range(4) for y in (0, 3)]
        answers = [(tile, engine.request((5, tile), RequestOptions())) for tile in tiles]
        for tile, answer in answers:
            assert answer.result(60).payload == whole(tile).tobytes()
        assert (5, tiles[0].parent(2)) not in store.tiles
    finally:
        engine.close()
        store.claims.close()


def test_a_maker_of_many_tiles_makes_ancestors_whole(cascade):
    many, few = BatchRenderer(cascade, 5), BatchRenderer(cascade, 5, parts=True)
    for maker in (many, few):
        maker.make(PLACES[1])
    assert many.has(PLACES[1].parent(2))
    assert not few.has(PLACES[1].parent(2))
    np.testing.assert_array_equal(many.pixels(PLACES[1]), few.pixels(PLACES[1]))


def test_two_threads_of_the_engine_make_what_one_makes(cascade, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(cascade._cores, "count", 2)
    assert cascade.workers == 2
    store = MemoryStore(Claims(tmp_path))
    engine = RenderEngine(cascade, store, Metrics())
    assert len(engine._threads) == 2
    try:
        tiles = [Tile(15, PLACES[1].x + x, PLACES[1].y + y) for x in range(0, 6, 2) for y in (0, 2)]
        tiles += [Tile(13, 100, 3000), Tile(11, 3, 500), Tile(15, 0, 9000)]
        answers = [(tile, engine.request((5, tile), RequestOptions())) for tile in tiles * 2]
        for tile, answer in answers:
            assert answer.result(60).payload == whole(tile).tobytes()
    finally:
        engine.close()
        store.claims.close()


@pytest.mark.slow
@pytest.mark.skipif(not DEFAULT.exists(), reason="the shipped weights are missing")
@pytest.mark.parametrize(
    "place", [(2.35, 48.86), (31.0, 30.9), (-93.6, 42.0), (25.2, 37.0), (105.8, 10.3), (7.0, 61.6)]
)
def test_the_shipped_world_is_the_same_either_way(place):
    cascade = generator.load()
    assert cascade.draws_parts
    for zoom in (11, 13, 15, 17):
        tile = tile_at(*place, zoom)
        few, many = BatchRenderer(cascade, 3, parts=True), BatchRenderer(cascade, 3)
        few.make(tile)
        many.make(tile)
        for each in Block.of(tile).tiles:
            np.testing.assert_array_equal(few.pixels(each), many.pixels(each))
