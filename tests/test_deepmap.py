"""Large base maps: zooms 6 and 7 from the picture itself, exact, and stages that begin below."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from generator.base import basemap, deepmap
from generator.base.basemap import BaseMap
from generator.base.deepmap import DeepMap, deepest_zoom
from generator.cascade.cascade import Cascade
from generator.cascade.checkpoint import Checkpoint
from generator.grid.block import Block
from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from generator.nets.config import SamplerConfig
from tests.networks import tiny_network


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pictures 128 pixels wide pass for such as serve zoom 7."""
    monkeypatch.setattr(basemap, "deepest_zoom", lambda width: 7)
    monkeypatch.setattr(deepmap, "deepest_zoom", lambda width: 7)


@pytest.fixture
def random(shallow: None) -> BaseMap:
    return BaseMap(np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8))


@pytest.mark.parametrize(
    ("width", "zoom"), [(64, 5), (8192, 5), (16383, 5), (16384, 7), (21600, 7), (65536, 9)]
)
def test_a_picture_serves_zooms_down_to_its_own_resolution(width: int, zoom: int) -> None:
    assert deepest_zoom(width) == zoom


def test_a_tile_shows_its_place_on_earth(shallow: None) -> None:
    rows, columns = (np.arange(64) + 0.5) / 64, (np.arange(128) + 0.5) / 128 * 2 * math.pi
    planet = np.empty((64, 128, 3))
    planet[..., 0] = 20 + 200 * rows[:, None]
    planet[..., 1] = 128 + 100 * np.cos(columns)
    planet[..., 2] = 128 + 100 * np.sin(columns)
    deep = BaseMap(np.round(planet).astype(np.uint8))
    for tile in (Tile(7, 70, 41), Tile(6, 3, 50), Tile(5, 30, 3)):
        west, _, east, _ = tile.bounds
        angle = math.radians((west + east) / 2 + 180)
        centre = deep.tile(tile)[127:129, 127:129].mean(axis=(0, 1))
        assert centre[0] == pytest.approx(20 + 200 * (0.5 - tile.latitude / 180), abs=1.5)
        assert centre[1] == pytest.approx(128 + 100 * math.cos(angle), abs=1.5)
        assert centre[2] == pytest.approx(128 + 100 * math.sin(angle), abs=1.5)


def test_zoom_6_is_the_exact_average_of_zoom_7(random: BaseMap) -> None:
    for tile in (Tile(6, 0, 0), Tile(6, 63, 63), Tile(6, 21, 30)):
        nw, ne, sw, se = (random.tile(child).astype(int) for child in tile.children())
        whole = np.block([[[nw], [ne]], [[sw], [se]]])
        total = whole[0::2, 0::2] + whole[0::2, 1::2] + whole[1::2, 0::2] + whole[1::2, 1::2]
        assert np.array_equal(random.tile(tile), (total + 2) // 4)


@pytest.mark.parametrize("zoom", [6, 7])
def test_the_dateline_is_no_edge_and_rows_beyond_the_map_are_mirrored(
    random: BaseMap, zoom: int
) -> None:
    side = 256 << zoom
    across = random.region(zoom, side - 4, 500, 8, 3)
    assert np.array_equal(across[:, :4], random.region(zoom, side - 4, 500, 4, 3))
    assert np.array_equal(across[:, 4:], random.region(zoom, 0, 500, 4, 3))
    assert np.array_equal(across, random.region(zoom, -4 - side, 500, 8, 3))
    over = random.region(zoom, 7, -6, 20, 12)
    assert np.array_equal(over[:6], over[6:][::-1])
    under = random.region(zoom, 7, side - 6, 20, 12)
    assert np.array_equal(under[:6], under[6:][::-1])


def test_a_tile_is_a_region(random: BaseMap) -> None:
    tile = random.tile(Tile(7, 3, 9))
    assert np.array_equal(tile[10:20, 30:50], random.region(7, 3 * 256 + 30, 9 * 256 + 10, 20, 10))


def test_one_colour_stays_one_colour_to_the_poles(shallow: None) -> None:
    flat = BaseMap(np.full((64, 128, 3), (3, 130, 251), np.uint8))
    for tile in (Tile(7, 0, 0), Tile(7, 127, 127), Tile(6, 30, 12)):
        assert (flat.tile(tile) == (3, 130, 251)).all()


def test_zooms_up_to_5_stay_as_a_smaller_maps(
    random: BaseMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(basemap, "deepest_zoom", lambda width: 5)
    small = BaseMap(np.random.default_rng(0).integers(0, 256, (64, 128, 3), np.uint8))
    for tile in (Tile(5, 3, 3), Tile(2, 1, 1)):
        assert np.array_equal(small.tile(tile), random.tile(tile))
    assert small.digest != random.digest


def test_stages_begin_below_the_base_map(random: BaseMap) -> None:
    weights = Checkpoint(tiny_network(), SamplerConfig(), {}, "")
    cascade = Cascade(random, weights, weights.sampler, torch.device("cpu"), torch.float32)
    six, seven, nine = Tile(6, 30, 20), Tile(7, 61, 41), Tile(9, 247, 166)
    store: dict[Tile, Pixels] = {}
    made = cascade.render(1, nine, store)
    assert np.array_equal(store[seven], random.tile(seven))
    assert np.array_equal(store[six], random.tile(six))
    assert all(tile.z >= 6 for tile in store)
    assert cascade.needs(Block(six)) == ()
    assert all(need.z == 7 for need in cascade.needs(Block.of(nine)))
    assert np.array_equal(cascade.render(2, seven), store[seven])
    assert not np.array_equal(cascade.render(2, nine), made)
    assert cascade.describe()["base_zoom"] == 7


def test_the_next_zoom_is_refused(random: BaseMap) -> None:
    with pytest.raises(BaseMapError, match="zoom is 8, the base map has 0 to 7"):
        random.tile(Tile(8, 0, 0))


def test_equal_pictures_have_equal_digests_and_others_do_not(shallow: None) -> None:
    one, other = np.zeros((64, 128, 3), np.uint8), np.zeros((64, 128, 3), np.uint8)
    other[16, 9, 2] = 40
    assert DeepMap(one).digest == DeepMap(one.copy()).digest
    assert DeepMap(one).digest != DeepMap(other).digest
