"""Makes groups of tiles without a cache on disk: what they are made from stays in memory."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from generator.cascade.renderer import PixelCache, Renderer, missing_blocks
from generator.grid.tile import Tile, kind_at
from tileserver.encode import encode
from tileserver.encoding import Encoding

if TYPE_CHECKING:
    from generator.grid.pixels import Pixels

KEPT_TILES = 1024
"""Decoded inputs that are kept, of earlier groups too: 192 MiB. A group of zoom 15 has 600."""


class GroupMaker:
    """Makes tiles of one world in one thread, group after group. blocks: computed so far."""

    def __init__(self, renderer: Renderer, seed: int) -> None:
        self.renderer, self.seed = renderer, seed
        self.world = renderer.fingerprint(seed)
        self.blocks = 0
        self._inputs = PixelCache(KEPT_TILES)

    def make(
        self,
        tiles: Collection[Tile],
        encoding: Encoding,
        take: Callable[[Tile, bytes], object],
        fail: Callable[[Tile, Exception], object],
    ) -> None:
        """Make tiles, given by subtree, and hand each over once.

        take: gets each with its payload, the bytes that a server would send; fail: gets each that
        cannot be made.
        """
        left = dict.fromkeys(tiles)
        deepest = max(tile.z for tile in tiles)

        def hand_over(tile: Tile, pixels: Pixels) -> None:
            if tile in left:
                take(tile, encode(pixels, encoding))
                del left[tile]

        for tile in tiles:
            if tile not in left:
                continue
            try:
                for block in missing_blocks(self.renderer, tile, self._inputs.__contains__):
                    made = self.renderer.compute(self.seed, block, self._inputs.__getitem__)
                    self.blocks += 1
                    for each, pixels in made.items():
                        hand_over(each, pixels)
                        if each.z < deepest and kind_at(each.z) != "average":
                            self._inputs.put(each, pixels)
                if tile in left:
                    hand_over(tile, self._inputs[tile])
            except Exception as error:  # one tile's failure, whatever it is, is not the others'
                fail(tile, error)
                del left[tile]
