"""Seeding: the whole region and nothing twice, whatever stopped the run before."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from generator.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.cache import CacheError, TileCache
from tileserver.maker import Maker
from tileserver.region import Box, Region
from tileserver.seed import HOPELESS, LISTED, Tally, duration, progress, seed

ALPS = (6.0, 45.5, 12.0, 47.5)
WORLD = FakeRenderer().fingerprint(0)


@pytest.fixture
def cache(tmp_path: Path) -> TileCache:
    return TileCache.open(tmp_path)


@pytest.mark.parametrize("bbox", [ALPS, (179.0, -17.0, -179.0, -16.0), (-30.0, 84.0, 30.0, 90.0)])
def test_every_tile_is_stored_once_and_extras_are_counted_apart(
    cache: TileCache, bbox: Box
) -> None:
    renderer, region = FakeRenderer(), Region(bbox, range(8))
    tally = seed(Maker(renderer, 0, cache), region)
    stored = set(cache.tiles(WORLD))
    assert set(region.walk()) <= stored
    assert len(renderer.calls) == len(stored) == tally.made + tally.extra
    assert (tally.made, tally.present, tally.missing) == (len(region), 0, 0)


def test_ancestors_outside_the_zooms_are_made_too(cache: TileCache) -> None:
    region = Region((7.0, 46.0, 7.1, 46.1), [9])
    tally = seed(Maker(FakeRenderer(), 0, cache), region)
    zooms = {tile.z for tile in cache.tiles(WORLD)}
    assert zooms == {5, 7, 9}
    assert tally.made == len(region)
    assert tally.extra == cache.count() - len(region)


def test_a_second_run_makes_nothing(cache: TileCache) -> None:
    region = Region(ALPS, range(7))
    seed(Maker(FakeRenderer(), 0, cache), region)
    renderer = FakeRenderer()
    tally = seed(Maker(renderer, 0, cache), region)
    assert renderer.calls == []
    assert (tally.made, tally.present, tally.missing) == (0, len(region), 0)


def test_a_tile_that_cannot_be_made_is_missing_and_so_is_what_needs_it(cache: TileCache) -> None:
    renderer, region = FakeRenderer(), Region(ALPS, range(8))
    hole = next(tile for tile in region.walk() if tile.z == 5)
    renderer.broken.add(hole)
    tally = seed(Maker(renderer, 0, cache), region)
    stored = set(cache.tiles(WORLD))
    assert set(tally.reasons) == set(region.walk()) - stored
    assert tally.missing == len(tally.reasons) > 1
    assert f"{hole} is broken" in tally.reasons[hole]
    assert tally.made + tally.missing == len(region)


def test_a_passing_failure_is_mended_by_the_second_try(cache: TileCache) -> None:
    class Moody(FakeRenderer):
        def compute(self, seed, tile, read):  # type: ignore[no-untyped-def]
            if tile == Tile(3, 4, 2) and not any(made == tile for _, made in self.calls):
                self.calls.append((seed, tile))
                raise RuntimeError("out of memory")
            return super().compute(seed, tile, read)

    tally = seed(Maker(Moody(), 0, cache), Region(ALPS, range(5)))
    assert tally.missing == 0
    assert tally.made == len(Region(ALPS, range(5)))
    assert cache.has(WORLD, Tile(3, 4, 2))


def test_a_run_where_everything_fails_gives_up(cache: TileCache) -> None:
    renderer, region = FakeRenderer(), Region((-180, -80, 180, 80), [5])
    renderer.broken = set(region.walk())
    tally = seed(Maker(renderer, 0, cache), region)
    assert tally.missing == len(region) > HOPELESS
    assert len(renderer.calls) == 2 * HOPELESS
    assert len(tally.reasons) <= LISTED


def test_a_cache_that_is_full_stops_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileserver.maker.RETRY_SECONDS", 0.0)
    cache = TileCache.open(tmp_path, limit=1)
    with pytest.raises(CacheError, match="full"):
        seed(Maker(FakeRenderer(), 0, cache), Region(ALPS, range(8)))


SLOW_SEED = """
import sys
from pathlib import Path
from tests.fakes import FakeRenderer
from tileserver.cache import TileCache
from tileserver.maker import Maker
from tileserver.region import Region
from tileserver.seed import seed
maker = Maker(FakeRenderer(delay=0.01), 0, TileCache.open(Path(sys.argv[1])))
seed(maker, Region((2.0, 43.0, 14.0, 52.0), range(9)))
"""


def test_kill_9_and_another_run_give_the_same_tiles(tmp_path: Path) -> None:
    region = Region((2.0, 43.0, 14.0, 52.0), range(9))
    whole = TileCache.open(tmp_path / "whole")
    seed(Maker(FakeRenderer(), 0, whole), region)
    cache = TileCache.open(tmp_path / "killed")
    code = [sys.executable, "-c", SLOW_SEED, str(tmp_path / "killed")]
    child = subprocess.Popen(code, cwd=Path(__file__).parents[1])
    deadline = time.monotonic() + 60
    while cache.count() < 60 and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    before = set(cache.tiles(WORLD))
    assert 60 <= len(before) < whole.count()
    assert cache.verify() == []
    renderer = FakeRenderer()
    assert seed(Maker(renderer, 0, cache), region).missing == 0
    assert {tile for _, tile in renderer.calls} == set(whole.tiles(WORLD)) - before
    for tile in whole.tiles(WORLD):
        assert cache.get(WORLD, tile) == whole.get(WORLD, tile)


def test_progress_tells_the_rate_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileserver.seed.PLAIN_SECONDS", 0.0)
    with progress() as report:
        report(Tally(wanted=2000, checked=500, made=400, extra=3))
    assert "500 of 2,000 tiles" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3900, "1 h 05 min"), (187200, "2 d 4 h")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
