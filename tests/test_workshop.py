"""The workshop: one place for all that makes tiles, also where claims cannot be had."""

from pathlib import Path

import pytest

from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.cache.claims import Claims
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheError
from tileserver.rendering.engine.jobs import Ask
from tileserver.rendering.engine.workshop import Workshop
from tileserver.rendering.metrics import Metrics
from tileserver.settings import Settings

TILE = Tile(7, 4, 5)


def test_what_it_makes_is_stored_whole_blocks_at_a_time(tmp_path: Path) -> None:
    cache, fake = TileCache.open(tmp_path), FakeRenderer()
    shop = Workshop(Settings(cache=tmp_path), Metrics(), cache, fake)
    entry = shop.request((3, TILE), Ask()).result(10)
    shop.close()
    shop.close()
    world = fake.fingerprint(3)
    assert cache.get(world, TILE) == entry.payload
    assert all(cache.has(world, tile) for tile in (TILE.parent(), *TILE.parent().children()))
    assert cache.worlds()[world] == {"seed": "3", "name": "fake", "steps": 1}
    cache.close()


def test_without_locks_it_goes_on_and_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise CacheError("no locks on this file system")

    monkeypatch.setattr(Claims, "take", fail)
    cache = TileCache.open(tmp_path)
    shop = Workshop(Settings(cache=tmp_path), Metrics(), cache, FakeRenderer())
    assert shop.request((0, TILE), Ask()).result(10)
    shop.close()
    cache.close()
    assert caplog.text.count("may make the same tiles again") == 1
