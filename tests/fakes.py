"""A renderer for tests: instant, deterministic, with the real one's dependencies between tiles."""

from __future__ import annotations

import hashlib
import io
import threading
import time
from collections.abc import Callable

import numpy as np

from generator.cascade.identityinputs import WEIGHTS
from generator.cascade.weightsheader import finest_zoom
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import MAX_ZOOM, TILE_SIZE, Tile
from generator.grid.world import fingerprint

FINEST = finest_zoom() if WEIGHTS.exists() else MAX_ZOOM
"""The finest zoom of a server whose renderer tells none: that of the shipped weights."""


class FakeRenderer:
    """Draws each tile from a pattern of (seed, tile) and a trace of the tiles its block needs.

    delay: seconds that a block takes. broken: tiles whose block's computation raises. calls: blocks
    computed so far, in order. gate: cleared to hold every computation back. name: part of the
    fingerprint. max_zoom: the finest zoom that it tells of, None for nothing told.
    """

    def __init__(self, delay: float = 0.0, name: str = "fake", max_zoom: int | None = None) -> None:
        self.delay = delay
        self.name = name
        self.max_zoom = max_zoom
        self.broken: set[Tile] = set()
        self.calls: list[tuple[int, Block]] = []
        self.gate = threading.Event()
        self.gate.set()

    @property
    def identity(self) -> bytes:
        """Return bytes that stand for the model."""
        return hashlib.sha256(self.name.encode()).digest()

    def fingerprint(self, seed: int) -> bytes:
        """Return 16 bytes that stand for the world."""
        return fingerprint(self.identity, seed)

    def describe(self) -> dict[str, object]:
        """Return what the API shows as the model."""
        told = {} if self.max_zoom is None else {"max_zoom": self.max_zoom}
        return {"name": self.name, "steps": 1, **told}

    def needs(self, block: Block) -> tuple[Tile, ...]:
        """Return the block's inputs: none for the base map, 1 to 9 tiles of z - 2 for a stage."""
        if block.stage is None:
            return ()
        zoom, (x, y) = block.stage - 2, (block.top.x, block.top.y)
        size = 1 << zoom
        columns = {(x + step) // 2 % size for step in (-1, 0, 1)}
        rows = {(y + step) // 2 for step in (-1, 0, 1)} & set(range(size))
        return tuple(Tile(zoom, x, y) for y in sorted(rows) for x in sorted(columns))

    def compute(
        self, seed: int, block: Block, read: Callable[[Tile], Pixels]
    ) -> dict[Tile, Pixels]:
        """Return each tile, uint8 [256, 256, 3]. Raises RuntimeError if one is in `broken`."""
        self.calls.append((seed, block))
        self.gate.wait(20)
        if self.delay:
            time.sleep(self.delay)
        for tile in block.tiles:
            if tile in self.broken:
                raise RuntimeError(f"{tile} is broken")
        trace = [hashlib.sha256(read(need).tobytes()).digest() for need in self.needs(block)]
        return {tile: draw(seed, tile, b"".join(trace)) for tile in block.tiles}


def draw(seed: int, tile: Tile, trace: bytes = b"") -> Pixels:
    """Return a pattern that depends on every bit of its arguments, uint8 [256, 256, 3]."""
    key = f"{seed} {tile} ".encode() + trace
    patch = np.frombuffer(hashlib.shake_128(key).digest(32 * 32 * 3), np.uint8)
    scale = TILE_SIZE // 32
    return patch.reshape(32, 32, 3).repeat(scale, 0).repeat(scale, 1)


class FakeTerminal(io.StringIO):
    """Standard input from a person who types a text."""

    def isatty(self) -> bool:
        """Say that somebody can be asked."""
        return True
