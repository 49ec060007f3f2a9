"""Statistics of a cache: numbers that add up, as JSON and as lines."""

import json

import numpy as np
import pytest

from generator.grid.tile import Tile
from tests.caches import OTHER, WORLD, fill, payload, row
from tileserver.cache.stats import size_text, stats, stats_text
from tileserver.cache.tilecache import TileCache
from tileserver.encode import encode_png

SEA = encode_png(np.full((256, 256, 3), 50, np.uint8))


def test_everything_is_counted(cache: TileCache) -> None:
    fill(cache, [*row(5, 10), *row(9, 3), Tile(0, 0, 0)], size=1000)
    cache.put_many(WORLD, [(tile, SEA) for tile in row(7, 6)])
    cache.put_many(OTHER, [(tile, payload(tile, 1000)) for tile in row(5, 4)])
    cache.put_variants([(WORLD, Tile(0, 0, 0), 1, b"variant")])
    about = {"seed": "7", "weights": "abc", "memory": {"digest": "def", "scenes": {"7": 3}}}
    cache.worlds.record(WORLD, about)
    cache.pins.add(WORLD, (5.9, 45.8, 10.5, 47.8), [5, 6])
    (cache.path / "data.mdb.damaged-1").write_bytes(b"?")
    found = stats(cache)
    assert found == json.loads(json.dumps(found))
    counts = ("tiles", "variants", "uniform", "payloads", "shared")
    assert [found[name] for name in counts] == [24, 1, 6, 15, 4]
    first, second = found["worlds"]
    assert first["world"] == WORLD.hex()
    assert first["about"] == about
    assert first["made"].startswith("20")
    assert first["zooms"] == {"0": 1, "5": 10, "7": 6, "9": 3}
    assert first["bytes"] == 14 * 1000 + 6 * len(SEA) + len(b"variant")
    assert (second["tiles"], second["made"], second["about"]) == (4, None, {})
    assert found["file"] == found["used"] + found["free"] == cache.size
    assert found["limit"] == 8 << 20
    assert found["set_aside"] == ["data.mdb.damaged-1"]
    text = stats_text(found)
    for line in (
        "24 tiles and 1 variants",
        "World 7",
        "weights abc",
        "memory def",
        "zoom  5             10",
    ):
        assert line in text
    assert f"Pinned  world {WORLD.hex()}, 5.9,45.8,10.5,47.8, zooms 5,6" in text


def test_an_empty_cache_has_numbers_too(cache: TileCache) -> None:
    found = stats(cache)
    assert found["tiles"] == found["shared"] == 0
    assert found["worlds"] == []
    assert "0 tiles" in stats_text(found)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (20_500_000, "20.5 MB"), (3.2e9, "3.2 GB"), (5e13, "50.0 TB")],
)
def test_sizes_read_well(size: float, text: str) -> None:
    assert size_text(size) == text
