"""What a world generator offers, and the one order in which its blocks are made.

Nothing here needs torch. Whoever makes tiles, the server, a command or a data set, asks
`missing_inputs` what a block waits for and keeps pixels for the next blocks in a `PixelCache`.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Protocol

from generator.grid.block import Block
from generator.grid.pixels import Pixels, Read
from generator.grid.tile import Tile

Has = Callable[[Tile], bool]


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


def workers_of(renderer: Renderer) -> int:
    """Return how many threads are best to compute blocks at a time: one if it does not say."""
    return int(getattr(renderer, "workers", 1))


def missing_inputs(renderer: Renderer, block: Block, has: Has) -> list[Block]:
    """Return the blocks that must be made right before a block, each once, in the order of needs.

    has: says whether a tile is there already.
    """
    return list(dict.fromkeys(Block.of(tile) for tile in renderer.needs(block) if not has(tile)))


def missing_blocks(renderer: Renderer, tile: Tile, has: Has) -> list[Block]:
    """Return the blocks that a tile needs and that are not there, inputs before users.

    has: says whether a tile is there already.
    """
    return in_order(tile, has, lambda block: missing_inputs(renderer, block, has))


def in_order(tile: Tile, has: Has, inputs: Callable[[Block], list[Block]]) -> list[Block]:
    """Return the blocks that a tile needs and that are not there, as `inputs` of a block says."""
    found: dict[Block, None] = {}
    stack = [] if has(tile) else [(Block.of(tile), False)]
    # Depth first: a block is found when all of its inputs are.
    while stack:
        block, inputs_found = stack.pop()
        if inputs_found:
            found[block] = None
        elif block not in found:
            stack.append((block, True))
            stack += [(needed, False) for needed in reversed(inputs(block)) if needed not in found]
    return list(found)


class PixelCache:
    """Pixels kept for those that need them next: uint8 arrays, which become read-only.

    Keys are addresses, such as (seed, tile). limit: how many arrays are kept, None for any number;
    the least recently used are forgotten first.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._kept: OrderedDict[Hashable, Pixels] = OrderedDict()

    def __contains__(self, key: Hashable) -> bool:
        """Say whether the pixels are kept."""
        return key in self._kept

    def __getitem__(self, key: Hashable) -> Pixels:
        """Return what is kept and keep it for longer. Raises KeyError."""
        pixels = self._kept[key]
        self._kept.move_to_end(key)
        return pixels

    def __len__(self) -> int:
        """Return how many arrays are kept."""
        return len(self._kept)

    def get(self, key: Hashable) -> Pixels | None:
        """Return what is kept and keep it for longer, or return None."""
        return self[key] if key in self._kept else None

    def put(self, key: Hashable, pixels: Pixels) -> None:
        """Keep pixels, which nobody may change any more."""
        pixels.setflags(write=False)
        self._kept[key] = pixels
        self._kept.move_to_end(key)
        if self.limit is not None:
            self.trim(self.limit)

    def trim(self, limit: int) -> None:
        """Forget the least recently used arrays beyond `limit` of them."""
        while len(self._kept) > limit:
            self._kept.popitem(last=False)
