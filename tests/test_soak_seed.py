"""How quickly a seeding passes over what is stored, and how well a dry run foresees a real one."""

import time
from pathlib import Path

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.batch.estimate import estimate, workload_of
from tileserver.batch.seed import CacheInventory, seed
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png
from tileserver.regions.region import Region
from tileserver.regions.tileid import first_id
from tileserver.rendering.batch import BatchRenderer

SKIPPED_PER_SECOND = 200_000
TOLERANCE = 0.2

pytestmark = pytest.mark.slow


def test_stored_tiles_are_skipped_quickly(tmp_path: Path) -> None:
    cache, renderer = TileCache.open(tmp_path), FakeRenderer()
    world, region = renderer.fingerprint(0), Region((-180.0, -85.0, 180.0, 85.0), [10])
    cache.put_many(world, [(Tile(10, 0, 0), encode_png(np.zeros((256, 256, 3), np.uint8)))])
    first, table = first_id(10), cache.store.tiles
    with cache.store.writing() as txn:  # the others' rows are the same, and putting them is slow
        keys = (world + (first + place).to_bytes(8, "big") for place in range(4**10))
        row = txn.get(world + first.to_bytes(8, "big"), None, table)
        txn.cursor(table).putmulti([(key, row) for key in keys])
    maker = BatchRenderer(renderer, 0, cache)
    begun = time.process_time()  # other programs shall not count
    tally = seed(maker, region)
    rate = len(region) / (time.process_time() - begun)
    cache.close()
    print(f"{len(region):,} stored tiles skipped at {rate:,.0f} a second of the processor")
    assert tally.present == len(region)
    assert renderer.calls == []
    assert rate >= SKIPPED_PER_SECOND


def test_a_dry_run_foresees_bytes_and_seconds(tmp_path: Path) -> None:
    region, renderer = Region((5.0, 45.0, 12.0, 48.0), range(11)), FakeRenderer(delay=0.15)
    cache = TileCache.open(tmp_path)
    maker = BatchRenderer(renderer, 0, cache)
    workload = workload_of(renderer, region, CacheInventory(cache, maker.world))
    found = estimate(renderer, 0, region, workload)
    before, begun = cache.size, time.perf_counter()
    tally = seed(maker, region)
    seconds, grown = time.perf_counter() - begun, cache.size - before
    assert tally.made + tally.extra == found.made
    print(
        f"{found.made:,} tiles: {found.size / 1e6:.1f} MB and {found.seconds:.1f} s foreseen, "
        f"{grown / 1e6:.1f} MB and {seconds:.1f} s taken"
    )
    cache.close()
    assert found.size == pytest.approx(grown, rel=TOLERANCE)
    assert found.seconds == pytest.approx(seconds, rel=TOLERANCE)
