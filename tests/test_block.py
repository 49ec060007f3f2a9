import pytest

from generator.grid.block import Block
from generator.grid.errors import TileError
from generator.grid.tile import BASE_ZOOM, MAX_ZOOM, Tile


@pytest.mark.parametrize("zoom", range(MAX_ZOOM + 1))
def test_every_tile_is_in_exactly_its_own_block(zoom):
    tile = Tile(zoom, (1 << zoom) * 2 // 3, (1 << zoom) // 3)
    block = Block.of(tile)
    assert block.tiles.count(tile) == 1
    assert {Block.of(other) for other in block.tiles} == {block}


def test_a_block_of_the_base_map_is_one_tile():
    block = Block.of(Tile(5, 3, 4))
    assert block.stage is None
    assert block.tiles == (Tile(5, 3, 4),)


def test_a_stage_s_block_is_an_average_and_its_children_from_north_west_on():
    block = Block.of(Tile(9, 11, 6))
    assert block.stage == 9
    assert block.tiles == (
        Tile(8, 5, 3), Tile(9, 10, 6), Tile(9, 11, 6), Tile(9, 10, 7), Tile(9, 11, 7)
    )  # fmt: skip
    assert str(block) == "8/5/3"


def test_a_stage_s_tile_is_no_top():
    with pytest.raises(TileError, match="7/3/3 is not the top of a block"):
        Block(Tile(7, 3, 3))


def test_blocks_sort_parents_first():
    tops = [Tile(8, 0, 0), Tile(BASE_ZOOM, 31, 31), Tile(6, 63, 0)]
    assert [b.top.z for b in sorted(map(Block, tops))] == [5, 6, 8]
