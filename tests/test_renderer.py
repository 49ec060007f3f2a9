"""The order of blocks, and pixels kept: the oldest go first, and nobody changes them."""

import numpy as np
import pytest

from generator.cascade.renderer import PixelCache, missing_blocks, missing_inputs
from generator.grid.block import Block
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer

TILE = Tile(9, 37, 100)


def pixel() -> np.ndarray:
    return np.zeros((1, 1, 3), np.uint8)


def test_inputs_come_before_users_and_only_what_is_missing() -> None:
    renderer = FakeRenderer()
    listed = missing_blocks(renderer, TILE, lambda tile: tile.z == 5)
    assert listed[-1] == Block.of(TILE)
    position = {block: number for number, block in enumerate(listed)}
    assert len(position) == len(listed)
    for block in listed:
        for need in renderer.needs(block):
            assert need.z == 5 or position[Block.of(need)] < position[block]
    assert missing_blocks(renderer, TILE, lambda tile: True) == []


def test_a_missing_input_is_named_once_however_many_of_its_tiles_are_needed() -> None:
    renderer, block = FakeRenderer(), Block.of(TILE)
    inputs = missing_inputs(renderer, block, lambda tile: False)
    assert set(inputs) == {Block.of(tile) for tile in renderer.needs(block)}
    assert len(inputs) == len(set(inputs)) < len(renderer.needs(block))
    assert missing_inputs(renderer, block, lambda tile: True) == []


def test_the_longest_unused_is_forgotten_first() -> None:
    kept, keys = PixelCache(2), [(0, Tile(2, n, 0)) for n in range(3)]
    for key in keys[:2]:
        kept.put(key, pixel())
    assert kept.get(keys[0]) is not None
    kept.put(keys[2], pixel())
    assert [key in kept for key in keys] == [True, False, True]
    assert kept.get(keys[1]) is None
    with pytest.raises(KeyError):
        kept[keys[1]]
    kept.trim(0)
    assert len(kept) == 0


def test_without_a_limit_all_is_kept() -> None:
    kept = PixelCache()
    for number in range(1000):
        kept.put(number, pixel())
    assert len(kept) == 1000


def test_kept_pixels_cannot_be_changed() -> None:
    kept, pixels = PixelCache(1), pixel()
    kept.put((0, Tile(0, 0, 0)), pixels)
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 1
