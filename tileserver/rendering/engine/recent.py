"""The pixels of tiles that were computed or decoded lately, for those that need them next."""

from __future__ import annotations

from collections import OrderedDict

from tileserver.rendering.engine.jobs import Key, Pixels

RECENT_TILES = 384
"""Tiles kept: 384 x 192 KiB = 72 MiB."""


class Recent:
    """Pixels by (seed, tile), uint8 [256, 256, 3], made read-only; the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, Pixels] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        """Say whether the tile is kept."""
        return key in self._kept

    def get(self, key: Key) -> Pixels | None:
        """Return a tile's pixels and keep them for longer."""
        pixels = self._kept.get(key)
        if pixels is not None:
            self._kept.move_to_end(key)
        return pixels

    def put(self, key: Key, pixels: Pixels) -> None:
        """Keep a tile's pixels, which nobody may change any more."""
        pixels.setflags(write=False)
        self._kept[key] = pixels
        while len(self._kept) > RECENT_TILES:
            self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
