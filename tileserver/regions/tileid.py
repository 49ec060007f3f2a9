"""Numbers of tiles along a Hilbert curve, zoom after zoom, so that neighbours lie together."""

from generator.grid.errors import TileError
from generator.grid.tile import MAX_ZOOM, Tile

_SWAP, _INVERT = 1, 2
"""How a quarter's own curve is turned: x and y change places, both count from the far side."""


def first_id(zoom: int) -> int:
    """Return the number of the first tile of a zoom's curve: how many tiles lower zooms have."""
    return ((1 << 2 * zoom) - 1) // 3


def tile_id(tile: Tile) -> int:
    """Return the tile's number: all tiles of lower zooms count first, then the Hilbert curve."""
    zoom, x, y = tile.z, tile.x, tile.y
    turn = zoom & 1  # each of the 8, 16 or 20 levels that stand above the first one swaps once
    number = 0
    for shift in (4, 0) if zoom <= 8 else (12, 8, 4, 0) if zoom <= 16 else (16, 12, 8, 4, 0):
        step = _STEPS[turn << 8 | (x >> shift & 15) << 4 | y >> shift & 15]
        number = number << 8 | step >> 2
        turn = step & 3
    return first_id(zoom) + number


def tile_of(number: int) -> Tile:
    """Return the tile that `tile_id` gave `number`. Raises TileError beyond the last zoom."""
    zoom = ((3 * number + 1).bit_length() - 1) // 2
    if zoom > MAX_ZOOM:
        raise TileError(f"tile number is {number}, expected one of zooms 0 to {MAX_ZOOM}")
    rest = number - first_id(zoom)
    turn = zoom & 1
    x = y = 0
    for shift in (8, 0) if zoom <= 8 else (24, 16, 8, 0) if zoom <= 16 else (32, 24, 16, 8, 0):
        back = _BACK[turn << 8 | (rest >> shift & 255)]
        x, y = x << 4 | back >> 6, y << 4 | (back >> 2 & 15)
        turn = back & 3
    return Tile(zoom, x, y)


def _tables() -> tuple[list[int], list[int]]:
    """Return four levels of the curve at once, forth and back, for each of the four turns.

    Forth: turn, x, y (2, 4 and 4 bits) to number and turn inside (8 and 2). Back: the reverse.
    """
    forth, back = [0] * 1024, [0] * 1024
    for turn in range(4):
        for x in range(16):
            for y in range(16):
                number, inside = 0, turn
                for bit in (3, 2, 1, 0):
                    right, down = x >> bit & 1, y >> bit & 1
                    if inside & _INVERT:
                        right, down = 1 - right, 1 - down
                    if inside & _SWAP:
                        right, down = down, right
                    number = number << 2 | (3 * right ^ down)
                    if not down:
                        inside ^= _SWAP | (_INVERT if right else 0)
                forth[turn << 8 | x << 4 | y] = number << 2 | inside
                back[turn << 8 | number] = x << 6 | y << 2 | inside
    return forth, back


_STEPS, _BACK = _tables()
