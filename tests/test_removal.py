"""Expiry: exactly the tiles of a world, box and zooms go, and little else is read."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from generator.grid.tile import Tile, tiles_in_bbox
from tests.caches import OTHER, WORLD, fill, payload, row, tiles_of
from tileserver.cache.tilecache import TileCache

ALPS = (5.9, 45.8, 10.5, 47.8)
FIJI = (177.0, -19.0, -178.0, -16.0)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[TileCache]:
    opened = TileCache.open(tmp_path / "cache", 64 << 20)
    yield opened
    opened.close()


def everywhere(cache: TileCache, world: bytes = WORLD) -> list[Tile]:
    tiles = [Tile(z, x, y) for z in (0, 3, 5) for x in range(2**z) for y in range(2**z)]
    cache.put_many(world, [(tile, payload(tile, 50)) for tile in tiles])
    return tiles


@pytest.mark.parametrize("box", [ALPS, FIJI, (-180.0, -90.0, 180.0, 90.0), None])
@pytest.mark.parametrize("zooms", [[3], [0, 5], None])
def test_just_what_was_named_goes(
    cache: TileCache, box: tuple[float, float, float, float] | None, zooms: list[int] | None
) -> None:
    tiles = everywhere(cache)
    everywhere(cache, OTHER)
    named = {
        tile
        for zoom in zooms or (0, 3, 5)
        for tile in (tiles_in_bbox(*box, zoom) if box else tiles)
        if tile.z == zoom
    }
    assert cache.remove(WORLD, box, zooms) == len(named)
    assert set(tiles_of(cache, WORLD)) == set(tiles) - named
    assert cache.count(OTHER) == len(tiles)
    assert cache.remove(WORLD, box, zooms) == 0


def test_no_world_means_all_and_pins_do_not_hold(cache: TileCache) -> None:
    everywhere(cache)
    everywhere(cache, OTHER)
    cache.pins.add(WORLD, None, [5])
    heard: list[int] = []
    assert cache.remove(zooms=[5], report=heard.append) == 2048
    assert heard == sorted(heard)
    assert heard[-1] == 2048
    assert cache.count() == 2 * 65


def test_variants_go_with_their_tiles_and_without_them(cache: TileCache) -> None:
    tiles = fill(cache, row(5, 4), size=100)
    cache.put_variants([(WORLD, tile, 7, b"variant") for tile in [*tiles, Tile(9, 1, 1)]])
    assert cache.remove(WORLD, None, [5]) == 4
    assert cache.entry(WORLD, tiles[0], 7) is None
    assert cache.entry(WORLD, Tile(9, 1, 1), 7) is not None
    assert cache.remove(WORLD) == 0
    assert cache.entry(WORLD, Tile(9, 1, 1), 7) is None


def test_a_small_box_reads_a_small_part(cache: TileCache, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(cache, [Tile(15, x, y) for x in range(20) for y in range(50)], size=50)
    inside = fill(cache, list(tiles_in_bbox(8.0, 47.0, 8.02, 47.02, 15)), size=50)
    seen: list[int] = []
    walk = cache.store.walk

    def counting(*args: object) -> Iterator[list[tuple[bytes, bytes]]]:
        for rows in walk(*args):  # type: ignore[arg-type]
            seen.append(len(rows))
            yield rows

    monkeypatch.setattr(cache.store, "walk", counting)
    assert cache.remove(WORLD, (8.0, 47.0, 8.02, 47.02), [15]) == len(inside)
    assert sum(seen) == len(inside)
