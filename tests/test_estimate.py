"""Dry runs: the tiles exactly, bytes and time from a sample, and nothing stored."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.batch import estimate as module
from tileserver.batch.estimate import Estimate, estimate, workload_of
from tileserver.batch.seed import CacheInventory, seed
from tileserver.cache.tilecache import TileCache
from tileserver.regions.hilbert import Numbers
from tileserver.regions.region import Box, Ranges, Region
from tileserver.rendering.batch import BatchRenderer

BOXES = [(6.0, 45.5, 12.0, 47.5), (179.0, -17.0, -179.0, -16.0), (-4.0, 84.5, 4.0, 90.0)]


class Nothing:
    """Nothing is stored."""

    def absent(self, zoom: int, places: Numbers) -> Numbers:
        return places

    def count(self, zoom: int, ranges: Ranges) -> int:
        return 0


class Everything:
    """All is stored."""

    def absent(self, zoom: int, places: Numbers) -> Numbers:
        return places[:0]

    def count(self, zoom: int, ranges: Ranges) -> int:
        return len(ranges)


NOTHING = Nothing()


def estimated(renderer: FakeRenderer, region: Region, inventory: Any = NOTHING) -> Estimate:
    return estimate(renderer, 0, region, workload_of(renderer, region, inventory))


class _Further(FakeRenderer):
    """Reads tiles of the stage before its parents' too, as the choice of layouts does at 13."""

    def needs(self, block: Block) -> tuple[Tile, ...]:
        near = super().needs(block)
        if block.stage != 9:
            return near
        x, y = block.top.x // 8, block.top.y // 8
        return near + tuple(Tile(5, (x + i) % 32, y) for i in (-1, 0, 1))


@pytest.mark.parametrize("bbox", BOXES)
def test_inputs_of_several_zooms_are_foreseen(tmp_path: Path, bbox: Box) -> None:
    region, renderer = Region(bbox, [9]), _Further()
    _, blocks = workload_of(renderer, region, NOTHING)
    seed(BatchRenderer(renderer, 0, TileCache.open(tmp_path)), region)
    assert blocks == Counter(block.top.z for _, block in renderer.calls)


@pytest.mark.parametrize("bbox", BOXES)
@pytest.mark.parametrize("zooms", [range(9), (8,), (5, 9), (6,)])
def test_the_blocks_foreseen_are_those_that_seeding_makes(
    tmp_path: Path, bbox: Box, zooms: range
) -> None:
    region, renderer = Region(bbox, zooms), FakeRenderer()
    stored, blocks = workload_of(renderer, region, NOTHING)
    seed(BatchRenderer(renderer, 0, TileCache.open(tmp_path)), region)
    assert stored == 0
    assert blocks == Counter(block.top.z for _, block in renderer.calls)


def test_the_blocks_foreseen_go_down_to_zoom_17(tmp_path: Path) -> None:
    region, renderer = Region((7.64, 46.52, 7.641, 46.521), range(14, 18)), FakeRenderer()
    _, blocks = workload_of(renderer, region, NOTHING)
    tally = seed(BatchRenderer(renderer, 0, TileCache.open(tmp_path)), region)
    assert (tally.missing, tally.checked) == (0, len(region))
    assert blocks == Counter(block.top.z for _, block in renderer.calls)
    assert max(blocks) == 16


def test_what_is_stored_is_left_out_whatever_it_is(tmp_path: Path) -> None:
    cache, region = TileCache.open(tmp_path), Region(BOXES[0], range(9))
    seed(BatchRenderer(FakeRenderer(), 0, cache), Region((8.0, 46.0, 9.0, 47.0), [8]))
    renderer = FakeRenderer()
    maker = BatchRenderer(renderer, 0, cache)
    found = workload_of(renderer, region, CacheInventory(cache, maker.world))
    tally = seed(maker, region)
    assert found[0] == len(region) - tally.made > 0
    assert found[1] == Counter(block.top.z for _, block in renderer.calls)


def test_size_and_time_grow_with_the_tiles() -> None:
    region = Region(BOXES[0], range(8))
    found = estimated(FakeRenderer(delay=0.002), region)
    blocks = sum(found.blocks.values())
    assert found.wanted == len(region)
    assert found.stored == 0
    assert found.made == found.wanted + found.extra
    assert found.seconds > 0.002 * blocks
    assert 100 * found.made < found.size < 200_000 * found.made
    assert found.sampled >= 8


def test_nothing_to_do_takes_nothing_and_samples_nothing() -> None:
    region, renderer = Region(BOXES[0], range(8)), FakeRenderer()
    found = estimated(renderer, region, Everything())
    assert (found.stored, found.size, found.seconds) == (len(region), 0, 0)
    assert renderer.calls == []


def test_the_bytes_foreseen_are_what_the_cache_grows_by(tmp_path: Path) -> None:
    region, renderer = Region(BOXES[0], range(10)), FakeRenderer()
    found = estimated(renderer, region)
    cache = TileCache.open(tmp_path)
    before = cache.size
    seed(BatchRenderer(FakeRenderer(), 0, cache), region)
    assert found.size == pytest.approx(cache.size - before, rel=0.2)


def test_sampling_ends_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 0.0)
    region = Region(BOXES[0], range(10))
    few = estimated(FakeRenderer(), region).sampled
    monkeypatch.setattr(module, "SAMPLE_SECONDS", 60.0)
    assert few < estimated(FakeRenderer(), region).sampled


def test_samples_lie_evenly_however_few() -> None:
    for count in (2, 4, 8, 16):
        gaps = np.diff(sorted([0.0, *module._spread(count - 1), 1.0]))
        assert gaps.max() <= 2 * gaps.min()


def test_each_sampled_block_is_one_of_the_region_or_an_input() -> None:
    region, renderer = Region(BOXES[1], [9]), FakeRenderer()
    estimated(renderer, region)
    deepest = [block for _, block in renderer.calls if block.top.z == 8]
    assert {Block.of(tile) for tile in region.walk()} >= set(deepest)


@pytest.mark.parametrize("zooms", [range(10), (8,), (5, 9), (6, 7)])
def test_many_tiles_are_counted_nearly_as_they_would_be_one_by_one(
    monkeypatch: pytest.MonkeyPatch, zooms: range
) -> None:
    region, renderer = Region((-40.0, -20.0, 60.0, 50.0), zooms), FakeRenderer()
    _, exact = workload_of(renderer, region, NOTHING)
    monkeypatch.setattr(module, "COUNTED", 10)
    stored, counted = workload_of(renderer, region, NOTHING)
    assert stored == 0
    assert counted.keys() == exact.keys()
    assert sum(counted.values()) == pytest.approx(sum(exact.values()), rel=0.05)
    assert workload_of(renderer, region, Everything()) == (len(region), {})


@pytest.mark.parametrize("finest", [15, 17])
def test_the_whole_world_at_every_zoom_is_estimated_at_once(finest: int) -> None:
    region = Region((-180.0, -90.0, 180.0, 90.0), range(finest + 1))
    stored, blocks = workload_of(FakeRenderer(), region, NOTHING)
    assert stored == 0
    assert blocks[finest - 1] == 4 ** (finest - 1)


def test_what_is_stored_is_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, region = TileCache.open(tmp_path), Region(BOXES[0], range(9))
    maker = BatchRenderer(FakeRenderer(), 0, cache)
    inventory = CacheInventory(cache, maker.world)
    seed(maker, Region(BOXES[0], range(7)))
    monkeypatch.setattr(module, "COUNTED", 10)
    stored, blocks = workload_of(FakeRenderer(), region, inventory)
    assert stored == sum(inventory.count(*item) for item in region.ranges.items()) > 0
    assert blocks.keys() == {8}
