"""Tile numbers: PMTiles' published examples, neighbours, and back again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.grid.errors import TileError
from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.regions.tileid import tile_id, tile_of

TILES = st.integers(0, MAX_ZOOM).flatmap(
    lambda z: st.builds(Tile, st.just(z), *[st.integers(0, 2**z - 1)] * 2)
)


@pytest.mark.parametrize(
    ("tile", "number"),
    [
        ((0, 0, 0), 0),
        ((1, 0, 0), 1),
        ((1, 0, 1), 2),
        ((1, 1, 1), 3),
        ((1, 1, 0), 4),
        ((2, 0, 0), 5),
        ((12, 3423, 1763), 19078479),
    ],
)
def test_numbers_are_those_of_pmtiles(tile: tuple[int, int, int], number: int) -> None:
    assert tile_id(Tile(*tile)) == number


@given(TILES)
def test_a_number_leads_back_to_its_tile(tile: Tile) -> None:
    assert tile_of(tile_id(tile)) == tile


@pytest.mark.parametrize("zoom", [1, 2, 3, 5])
def test_each_number_of_a_zoom_is_used_once_and_steps_to_a_neighbour(zoom: int) -> None:
    tiles = [Tile(zoom, x, y) for x in range(2**zoom) for y in range(2**zoom)]
    curve = sorted(tiles, key=tile_id)
    assert [tile_id(t) for t in curve] == list(range(tile_id(curve[0]), tile_id(curve[-1]) + 1))
    steps = [abs(a.x - b.x) + abs(a.y - b.y) for a, b in zip(curve, curve[1:], strict=False)]
    assert set(steps) == {1}


def test_a_number_beyond_the_last_zoom_is_refused() -> None:
    with pytest.raises(TileError):
        tile_of(tile_id(Tile(MAX_ZOOM, 2**MAX_ZOOM - 1, 0)) + 1)
