"""A render engine with a fake renderer, a store in memory and a gate, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tests.waiting import wait_until
from tileserver.cache.claims import Claim, Claims
from tileserver.cache.tilecache import CachedTile
from tileserver.rendering.engine.engine import RenderEngine
from tileserver.rendering.engine.results import Encoded, Stored
from tileserver.rendering.metrics import Metrics
from tileserver.rendering.request import RequestOptions

DEEP = Tile(15, 9000, 9001)


class MemoryStore:
    """Stores pixels as they are. lossy: forgets each of these tiles once when it is read."""

    def __init__(self, claims: Claims) -> None:
        self.claims = claims
        self.tiles: dict[tuple[int, Tile], Pixels] = {}
        self.lossy: list[Tile] = []
        self.failing = False

    def find(self, seed: int, tile: Tile) -> CachedTile | None:
        pixels = self.tiles.get((seed, tile))
        return None if pixels is None else CachedTile(pixels.tobytes(), b"")

    def has(self, seed: int, tile: Tile) -> bool:
        return (seed, tile) in self.tiles

    def pixels(self, seed: int, tile: Tile) -> Pixels | None:
        if tile in self.lossy:
            self.lossy.remove(tile)
            del self.tiles[seed, tile]
        return self.tiles.get((seed, tile))

    def claim(self, seed: int, block: Block) -> Claim | None:
        return self.claims.take(seed.to_bytes(16, "big"), block)

    def put(
        self, seed: int, tiles: Mapping[Tile, Pixels], encoded: Encoded, stored: Stored
    ) -> None:
        if self.failing:
            raise OSError("no room")
        for tile, pixels in tiles.items():
            self.tiles[seed, tile] = pixels
            encoded(tile, CachedTile(pixels.tobytes(), b""))
        stored(None)

    def close(self) -> None:
        """Nothing waits to be stored."""


class Setup:
    """An engine over a fake renderer and a store in memory."""

    def __init__(self, directory: Path, max_queue: int = 100, budget: int | None = None) -> None:
        self.renderer, self.metrics = FakeRenderer(), Metrics()
        self.store = MemoryStore(Claims(directory))
        self.engine = RenderEngine(self.renderer, self.store, self.metrics, max_queue, budget)  # type: ignore[arg-type]

    def ask(
        self, tile: Tile, seed: int = 0, options: RequestOptions | None = None
    ) -> Future[CachedTile]:
        return self.engine.request((seed, tile), options or RequestOptions())

    def close(self) -> None:
        self.renderer.gate.set()
        self.engine.close()
        self.store.claims.close()

    def keep_no_pixels(self) -> None:
        """Let every input be read from the store."""
        self.engine._recent.limit = 0
        self.engine._recent.trim(0)

    def busy(self) -> None:
        """Keep the generator at one tile until the gate is opened."""
        self.renderer.gate.clear()
        self.ask(Tile(0, 0, 0), 99)
        wait_until(lambda: len(self.renderer.calls) == 1)

    def order(self) -> list[Tile]:
        """Return the tops of the blocks that were computed, without the one of `busy`."""
        return [block.top for seed, block in self.renderer.calls if seed != 99]


def needs(setup: Setup, tile: Tile) -> tuple[Tile, ...]:
    return setup.renderer.needs(Block.of(tile))


def expected(seed: int, tile: Tile) -> Pixels:
    """Make a tile in the plainest way."""
    fresh = FakeRenderer()
    block = Block.of(tile)
    return fresh.compute(seed, block, lambda need: expected(seed, need))[tile]
