"""Seeding: the whole region and nothing twice, whatever stopped the run before."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.caches import damaged, tiles_of
from tests.fakes import FakeRenderer
from tileserver.batch.seed import HOPELESS, LISTED, absent, missing_tiles, seed
from tileserver.cache.tilecache import CacheError, TileCache
from tileserver.encode import encode_png
from tileserver.regions.region import Box, Region
from tileserver.regions.tileid import first_id, tile_of
from tileserver.rendering.batch import BatchRenderer

ALPS = (6.0, 45.5, 12.0, 47.5)
WORLD = FakeRenderer().fingerprint(0)
PNG = encode_png(np.zeros((256, 256, 3), np.uint8))


@pytest.fixture
def cache(tmp_path: Path) -> TileCache:
    return TileCache.open(tmp_path)


@pytest.mark.parametrize("bbox", [ALPS, (179.0, -17.0, -179.0, -16.0), (-30.0, 84.0, 30.0, 90.0)])
def test_every_tile_is_stored_once_and_extras_are_counted_apart(
    cache: TileCache, bbox: Box
) -> None:
    renderer, region = FakeRenderer(), Region(bbox, range(8))
    tally = seed(BatchRenderer(renderer, 0, cache), region)
    stored = set(tiles_of(cache, WORLD))
    blocks = [block for _, block in renderer.calls]
    assert set(region.walk()) <= stored
    assert len(blocks) == len(set(blocks))
    assert len(stored) == sum(len(block.tiles) for block in blocks) == tally.made + tally.extra
    assert (tally.made, tally.present, tally.missing) == (len(region), 0, 0)


def test_ancestors_outside_the_zooms_are_made_too(cache: TileCache) -> None:
    region = Region((7.0, 46.0, 7.1, 46.1), [9])
    tally = seed(BatchRenderer(FakeRenderer(), 0, cache), region)
    zooms = {tile.z for tile in tiles_of(cache, WORLD)}
    assert zooms == {5, 6, 7, 8, 9}
    assert tally.made == len(region)
    assert tally.extra == cache.count() - len(region)


def test_a_second_run_makes_nothing(cache: TileCache) -> None:
    region = Region(ALPS, range(7))
    seed(BatchRenderer(FakeRenderer(), 0, cache), region)
    renderer = FakeRenderer()
    tally = seed(BatchRenderer(renderer, 0, cache), region)
    assert renderer.calls == []
    assert (tally.made, tally.present, tally.missing) == (0, len(region), 0)


def test_a_tile_that_cannot_be_made_is_missing_and_so_is_what_needs_it(cache: TileCache) -> None:
    renderer, region = FakeRenderer(), Region(ALPS, range(8))
    hole = next(tile for tile in region.walk() if tile.z == 5)
    renderer.broken.add(hole)
    tally = seed(BatchRenderer(renderer, 0, cache), region)
    stored = set(tiles_of(cache, WORLD))
    assert set(tally.reasons) == set(region.walk()) - stored
    assert tally.missing == len(tally.reasons) > 1
    assert f"{hole} is broken" in tally.reasons[hole]
    assert tally.made + tally.missing == len(region)


def test_a_passing_failure_is_mended_by_the_second_try(cache: TileCache) -> None:
    class Moody(FakeRenderer):
        def compute(self, seed, block, read):  # type: ignore[no-untyped-def]
            if block.top == Tile(3, 4, 2) and (seed, block) not in self.calls:
                self.calls.append((seed, block))
                raise RuntimeError("out of memory")
            return super().compute(seed, block, read)

    tally = seed(BatchRenderer(Moody(), 0, cache), Region(ALPS, range(5)))
    assert tally.missing == 0
    assert tally.made == len(Region(ALPS, range(5)))
    assert cache.has(WORLD, Tile(3, 4, 2))


def test_a_run_where_everything_fails_gives_up(cache: TileCache) -> None:
    renderer, region = FakeRenderer(), Region((-180, -80, 180, 80), [5])
    renderer.broken = set(region.walk())
    tally = seed(BatchRenderer(renderer, 0, cache), region)
    assert tally.missing == len(region) > HOPELESS
    assert len(renderer.calls) == 2 * HOPELESS
    assert len(tally.reasons) <= LISTED


def test_a_cache_that_is_full_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileserver.rendering.batch.RETRY_SECONDS", 0.0)
    cache = TileCache.open(tmp_path, limit=1)
    with pytest.raises(CacheError, match="full"):
        seed(BatchRenderer(FakeRenderer(), 0, cache), Region(ALPS, range(8)))


SLOW_SEED = """
import sys
from pathlib import Path
from tests.fakes import FakeRenderer
from tileserver.cache.tilecache import TileCache
from tileserver.rendering.batch import BatchRenderer
from tileserver.regions.region import Region
from tileserver.batch.seed import seed

class Noting(FakeRenderer):
    def compute(self, seed, block, read):
        pixels = super().compute(seed, block, read)
        with open(sys.argv[2], "a") as file:
            print(block, file=file)
        return pixels

maker = BatchRenderer(Noting(delay=0.01), 0, TileCache.open(Path(sys.argv[1])))
seed(maker, Region((2.0, 43.0, 14.0, 52.0), range(9)))
"""


def test_kill_9_and_another_run_give_the_same_tiles_and_redo_one_block_at_most(
    tmp_path: Path,
) -> None:
    region = Region((2.0, 43.0, 14.0, 52.0), range(9))
    whole = TileCache.open(tmp_path / "whole")
    seed(BatchRenderer(FakeRenderer(), 0, whole), region)
    log, kills = tmp_path / "made", 3
    for kill in range(1, kills + 1):
        code = [sys.executable, "-c", SLOW_SEED, str(tmp_path / "killed"), str(log)]
        child = subprocess.Popen(code, cwd=Path(__file__).parents[1])
        deadline = time.monotonic() + 60
        while lines(log) < 12 * kill and child.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
    cache = TileCache.open(tmp_path / "killed")
    assert damaged(cache) == []
    renderer = FakeRenderer()
    assert seed(BatchRenderer(renderer, 0, cache), region).missing == 0
    made = [*log.read_text().split(), *(str(block) for _, block in renderer.calls)]
    assert len(made) - len(set(made)) <= kills
    for tile in tiles_of(whole, WORLD):
        assert cache.get(WORLD, tile) == whole.get(WORLD, tile)
    assert set(tiles_of(cache, WORLD)) == set(tiles_of(whole, WORLD))


def lines(path: Path) -> int:
    return len(path.read_text().split()) if path.exists() else 0


def test_what_is_absent_is_found_across_gaps_and_ends(cache: TileCache) -> None:
    region = Region((-170.0, -40.0, 170.0, 40.0), [5])
    every = list(region.walk())
    stored = every[::3]
    cache.put_many(WORLD, [(tile, PNG) for tile in stored])
    assert list(missing_tiles(cache, WORLD, region)) == [t for t in every if t not in set(stored)]


def test_a_stored_region_is_skipped_without_looking_at_its_tiles(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    region = Region(ALPS, range(8))
    seed(BatchRenderer(FakeRenderer(), 0, cache), region)
    maker = BatchRenderer(FakeRenderer(), 0, cache)
    monkeypatch.delattr(BatchRenderer, "make")
    assert seed(maker, region).present == len(region)


@pytest.mark.parametrize("gap", [1, 5, 1000])
def test_absent_places_do_not_depend_on_how_scans_are_cut(
    cache: TileCache, monkeypatch: pytest.MonkeyPatch, gap: int
) -> None:
    monkeypatch.setattr("tileserver.batch.seed.GAP", gap)
    cache.put_many(WORLD, [(tile_of(first_id(9) + place), PNG) for place in (3, 10, 11, 900)])
    places = np.array([3, 4, 10, 12, 40, 900, 901], np.int64)
    assert absent(cache, WORLD, 9, places).tolist() == [4, 12, 40, 901]
    assert absent(cache, WORLD, 9, places[:0]).tolist() == []
