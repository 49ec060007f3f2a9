"""Dry runs: the tiles exactly, bytes and time from a sample, and nothing stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from generator.tile import Tile
from tests.fakes import FakeRenderer
from tileserver import estimate as module
from tileserver.cache import TileCache
from tileserver.estimate import estimate, inputs_of
from tileserver.maker import Maker
from tileserver.region import Box, Region
from tileserver.seed import seed

BOXES = [(6.0, 45.5, 12.0, 47.5), (179.0, -17.0, -179.0, -16.0), (-30.0, 84.0, 30.0, 90.0)]


@pytest.mark.parametrize("bbox", BOXES)
@pytest.mark.parametrize("zooms", [range(9), (8,), (5, 9)])
def test_the_tiles_foreseen_are_those_that_seeding_makes(
    tmp_path: Path, bbox: Box, zooms: range
) -> None:
    region = Region(bbox, zooms)
    foreseen = inputs_of(FakeRenderer(), region)
    renderer = FakeRenderer()
    seed(Maker(renderer, 0, TileCache.open(tmp_path)), region)
    made = [tile.z for _, tile in renderer.calls]
    for zoom in foreseen:
        assert made.count(zoom) <= foreseen[zoom] <= made.count(zoom) * 1.3 + 8
    assert set(made) == set(foreseen)


def test_size_and_time_grow_with_the_tiles() -> None:
    renderer = FakeRenderer(delay=0.002)
    region = Region(BOXES[0], range(8))
    found = estimate(renderer, 0, region, lambda tile: False)
    total = found.wanted + found.extra
    assert found.wanted == len(region)
    assert found.stored == 0
    assert found.seconds > 0.002 * total
    assert 100 * total < found.size < 200_000 * total
    assert found.sampled > 8


def test_what_is_stored_is_left_out() -> None:
    region = Region(BOXES[0], range(8))
    found = estimate(FakeRenderer(), 0, region, lambda tile: True)
    assert (found.stored, found.size, found.seconds) == (len(region), 0, 0)


def test_large_regions_are_looked_up_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COUNTED", 10)
    asked: list[Tile] = []

    def has(tile: Tile) -> bool:
        asked.append(tile)
        return tile.x % 2 == 0

    region = Region((-180, -85, 180, 85), range(14))
    found = estimate(FakeRenderer(), 0, region, has)
    assert len(asked) == module.PROBES
    assert 0.45 < found.stored / found.wanted < 0.55
