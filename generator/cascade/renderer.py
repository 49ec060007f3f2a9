"""What a tile server needs of a world generator, and the order in which it makes blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from generator.grid.block import Block
from generator.grid.pixels import Pixels, Read
from generator.grid.tile import Tile


class Renderer(Protocol):
    """What a tile server needs of a world generator."""

    @property
    def identity(self) -> bytes:
        """Bytes that change with anything but the seed that decides pixels."""
        ...

    def fingerprint(self, seed: int) -> bytes:
        """16 bytes that name a world: `generator.grid.world.fingerprint` of identity and seed."""
        ...

    def needs(self, block: Block) -> tuple[Tile, ...]:
        """Return the tiles whose pixels `compute` reads."""
        ...

    def compute(self, seed: int, block: Block, read: Read) -> dict[Tile, Pixels]:
        """Pixels of all tiles of a block, each uint8 [256, 256, 3]; pure."""
        ...


def order(renderer: Renderer, tile: Tile, has: Callable[[Tile], bool]) -> list[Block]:
    """Missing blocks that `tile` depends on, inputs before users, the tile's own last."""
    found: dict[Block, None] = {}
    stack: list[tuple[Block, bool]] = []

    def want(wanted: Tile) -> None:
        block = Block.of(wanted)
        if block not in found and not has(wanted):
            stack.append((block, False))

    want(tile)
    while stack:
        block, ready = stack.pop()
        if ready:
            found[block] = None
        elif block not in found:
            stack.append((block, True))
            for need in reversed(renderer.needs(block)):
                want(need)
    return list(found)
