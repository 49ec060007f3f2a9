"""The curve for arrays is the curve for single tiles."""

from __future__ import annotations

import numpy as np
import pytest

from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.regions.hilbert import places_of, tiles_at
from tileserver.regions.tileid import first_id, tile_id


@pytest.mark.parametrize("zoom", range(MAX_ZOOM + 1))
def test_places_are_the_numbers_of_single_tiles(zoom: int) -> None:
    x, y = np.random.default_rng(zoom).integers(0, 1 << zoom, (2, 200))
    places = places_of(zoom, x, y)
    single = [tile_id(Tile(zoom, int(a), int(b))) for a, b in zip(x, y, strict=True)]
    assert (places + first_id(zoom)).tolist() == single
    np.testing.assert_array_equal(tiles_at(zoom, places), (x, y))


def test_a_tile_s_children_hold_four_places_in_a_row() -> None:
    x, y = tiles_at(7, np.arange(4**7))
    parents = places_of(6, x >> 1, y >> 1)
    np.testing.assert_array_equal(parents, np.arange(4**7) // 4)
