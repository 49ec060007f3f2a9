"""Numbers of tiles along a Hilbert curve, zoom after zoom, so that neighbours lie together."""

from generator.tile import Tile


def tile_id(tile: Tile) -> int:
    """Return the tile's number: all tiles of lower zooms count first, then the Hilbert curve."""
    number = ((1 << 2 * tile.z) - 1) // 3
    x, y = tile.x, tile.y
    for bit in range(tile.z - 1, -1, -1):
        right, down = x >> bit & 1, y >> bit & 1
        number += (3 * right ^ down) << 2 * bit
        x, y = _turned(x, y, right, down, (1 << bit) - 1)
    return number


def tile_of(number: int) -> Tile:
    """Return the tile that `tile_id` gave `number`. Raises TileError beyond the last zoom."""
    zoom = ((3 * number + 1).bit_length() - 1) // 2
    rest = number - ((1 << 2 * zoom) - 1) // 3
    x = y = 0
    for bit in range(zoom):
        quarter = rest >> 2 * bit & 3
        right = quarter >> 1
        down = (quarter ^ right) & 1
        x, y = _turned(x, y, right, down, (1 << bit) - 1)
        x, y = x | right << bit, y | down << bit
    return Tile(zoom, x, y)


def _turned(x: int, y: int, right: int, down: int, mask: int) -> tuple[int, int]:
    """Return the place inside a quarter as its own, turned curve sees it."""
    x, y = x & mask, y & mask
    if down:
        return x, y
    if right:
        x, y = mask - x, mask - y
    return y, x
