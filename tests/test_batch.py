"""Making tiles without a server: inputs first, each once, stored in batches."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import CacheError, TileCache
from tileserver.encode import encode_png
from tileserver.rendering import batch as module
from tileserver.rendering.batch import BatchRenderer, BlockTakenError

PNG = encode_png(np.zeros((256, 256, 3), np.uint8))


@pytest.fixture
def cache(tmp_path: Path) -> TileCache:
    return TileCache.open(tmp_path)


def test_a_block_is_made_after_what_it_needs_and_each_once(cache: TileCache) -> None:
    renderer = FakeRenderer()
    made: list[Tile] = []
    maker = BatchRenderer(renderer, 3, cache)
    maker.make(Tile(9, 81, 82), made.append)
    assert made[-5:] == list(Block(Tile(8, 40, 41)).tiles)
    assert len(made) == len(set(made))
    blocks = [block for _, block in renderer.calls]
    assert made == [tile for block in blocks for tile in block.tiles]
    for index, block in enumerate(blocks):
        before = {tile for earlier in blocks[:index] for tile in earlier.tiles}
        assert set(renderer.needs(block)) <= before
    maker.make(Tile(8, 40, 41), made.append)
    assert len(blocks) == len(renderer.calls)


def test_a_block_s_tiles_that_were_there_are_kept(cache: TileCache) -> None:
    first = BatchRenderer(FakeRenderer(), 3, cache)
    block = Block(Tile(6, 5, 5))
    kept = block.tiles[2]
    world = first.renderer.fingerprint(3)
    cache.put_many(world, [(kept, PNG)])
    made: list[Tile] = []
    first.make(block.tiles[1], made.append)
    assert kept not in made
    assert not BatchRenderer(FakeRenderer(), 3, cache).pixels(kept).any()


def test_a_stage_s_computing_counts_for_its_four_tiles() -> None:
    maker = BatchRenderer(FakeRenderer(delay=0.02), 0)
    maker.make(Tile(6, 3, 3))
    assert maker.cost[6].compute == 0
    assert maker.cost[7].tiles == 4
    assert maker.cost[7].compute >= 0.02


def test_what_is_made_is_what_another_maker_reads(cache: TileCache) -> None:
    first = BatchRenderer(FakeRenderer(), 1, cache)
    first.make(Tile(7, 0, 0))
    second = BatchRenderer(FakeRenderer(), 1, cache)
    assert second.has(Tile(7, 0, 0))
    assert cache.worlds.about() == {
        FakeRenderer().fingerprint(1): {**FakeRenderer().describe(), "seed": "1"}
    }
    np.testing.assert_array_equal(second.pixels(Tile(7, 0, 0)), first.pixels(Tile(7, 0, 0)))


def test_worlds_stay_apart(cache: TileCache) -> None:
    first = BatchRenderer(FakeRenderer(), 1, cache)
    first.make(Tile(2, 0, 0))
    assert not BatchRenderer(FakeRenderer(), 2, cache).has(Tile(2, 0, 0))


def test_without_a_cache_everything_stays_in_memory() -> None:
    maker = BatchRenderer(FakeRenderer(), 0)
    maker.make(Tile(9, 5, 5))
    assert maker.has(Tile(9, 5, 5))
    assert maker.pixels(Tile(9, 5, 5)).shape == (256, 256, 3)


def test_few_decoded_tiles_are_kept(cache: TileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECENT_TILES", 2)
    small, large = BatchRenderer(FakeRenderer(), 0, cache), BatchRenderer(FakeRenderer(), 0)
    for maker in (small, large):
        maker.make(Tile(10, 600, 300))
    tile = Tile(10, 600, 300)
    np.testing.assert_array_equal(small.pixels(tile), large.pixels(tile))


def test_a_damaged_input_is_made_again(cache: TileCache) -> None:
    maker = BatchRenderer(FakeRenderer(), 0, cache)
    maker.make(Tile(7, 9, 9))
    parent = maker.renderer.needs(Block.of(Tile(7, 9, 9)))[0]
    with cache._env.begin(write=True, db=cache.store.tiles) as txn:
        for key, value in list(txn.cursor()):
            txn.put(key, value[:-1] + bytes([value[-1] ^ 1]))
    again = BatchRenderer(FakeRenderer(), 0, cache)
    np.testing.assert_array_equal(again.pixels(parent), maker.pixels(parent))


def test_an_input_that_vanished_is_named(cache: TileCache) -> None:
    class Forgetful(BatchRenderer):
        def make(self, tile: Tile, count: object = None, wait: bool = True) -> None:
            """Pretend that it is there."""

    with pytest.raises(LookupError, match="7/1/1 is no longer there"):
        Forgetful(FakeRenderer(), 0, cache).pixels(Tile(7, 1, 1))


class FailingCache:
    """A cache whose first writes fail."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.stored: list[Tile] = []
        self.worlds = Mock()

    def has(self, world: bytes, tile: Tile) -> bool:
        return tile in self.stored

    def put_many(self, world: bytes, tiles: list[tuple[Tile, bytes]]) -> None:
        self.failures -= 1
        if self.failures >= 0:
            raise CacheError("the disk is full")
        self.stored += [tile for tile, _ in tiles]


def test_a_write_that_fails_is_tried_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.0)
    cache = FailingCache(1)
    maker = BatchRenderer(FakeRenderer(), 0, cache)  # type: ignore[arg-type]
    maker.make(Tile(1, 0, 0))
    assert cache.stored == [Tile(1, 0, 0)]
    cache.failures = 2
    with pytest.raises(CacheError, match="full"):
        maker.make(Tile(1, 1, 1))


def test_a_block_that_another_program_makes_is_left_to_it(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    renderer, other = FakeRenderer(), Claims(cache.path)
    maker = BatchRenderer(renderer, 0, cache, Claims(cache.path))
    block = Block(Tile(6, 5, 5))
    held = other.take(maker.world, block)
    assert held is not None
    with pytest.raises(BlockTakenError, match="block 6/5/5 is being made"):
        maker.make(Tile(7, 10, 10), wait=False)
    assert block not in [made for _, made in renderer.calls]

    def other_finishes(seconds: float) -> None:
        cache.put_many(maker.world, [(tile, PNG) for tile in block.tiles])

    monkeypatch.setattr(module.time, "sleep", other_finishes)
    made: list[Tile] = []
    maker.make(Tile(7, 10, 10), made.append)
    assert made == []
    assert maker.has(Tile(7, 10, 10))


def test_a_block_whose_maker_died_is_made_here(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Claims(cache.path)
    maker = BatchRenderer(FakeRenderer(), 0, cache, Claims(cache.path))
    assert other.take(maker.world, Block(Tile(0, 0, 0))) is not None
    monkeypatch.setattr(module.time, "sleep", lambda seconds: other.close())
    made: list[Tile] = []
    maker.make(Tile(0, 0, 0), made.append, wait=False)
    assert made == [Tile(0, 0, 0)]


def test_each_block_is_stored_before_the_next_is_begun(cache: TileCache) -> None:
    class Watching(FakeRenderer):
        def compute(self, seed, block, read):  # type: ignore[no-untyped-def]
            stored.append(cache.count())
            return super().compute(seed, block, read)

    stored: list[int] = []
    renderer = Watching()
    BatchRenderer(renderer, 0, cache).make(Tile(9, 100, 100))
    sizes = [len(block.tiles) for _, block in renderer.calls]
    assert stored == [sum(sizes[:index]) for index in range(len(sizes))]
