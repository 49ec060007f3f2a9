"""Pairs of a generated world: a parent, and the child that one stage makes of it.

A pair is a block: the four tiles that the network makes together, 512 x 512 pixels, and the
128 x 128 pixels of the zoom two above that cover the same ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from generator.cascade.renderer import PixelCache, Renderer, missing_blocks
from generator.datasets.dataset import DatasetFolder, Row
from generator.datasets.samplesheet import enlarged, strips
from generator.datasets.sites import LandMask, PairRequest, SampledPair, sample_pairs
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import TILE_SIZE, Tile

CHILD, PARENT = 2 * TILE_SIZE, TILE_SIZE // 2
SOURCE = "elsewhere"
KEPT_TILES = 1200
"""Tiles of all worlds kept for the next pair: 225 MiB."""
_SHARD = 500
"""Pairs of one folder."""

Progress = Callable[[int, int, int], None]


class Pairs:
    """The pairs of a request, in the order in which they are made."""

    def __init__(self, renderer: Renderer, request: PairRequest) -> None:
        self.renderer, self.request = renderer, request
        self._kept = PixelCache()
        self.drawn = sample_pairs(request, LandMask(self._ground))
        self.blocks = 0

    def settings(self) -> Row:
        """Return what decides the pixels, as a JSON object; the count may grow later."""
        request = self.request
        return {
            "kind": "pairs", "world": self.renderer.fingerprint(0).hex(), "zooms": request.zooms,
            "seeds": request.seeds, "bbox": request.box, "land": request.land,
            "places": request.key,
        }  # fmt: skip

    def make(self, drawn: SampledPair) -> tuple[Pixels, Pixels]:
        """Make one pair: parent uint8 [128, 128, 3] and child uint8 [512, 512, 3]."""
        # The tiles of the pair, each with all that it needs made before it.
        parent, children = drawn.block.top.parent(), drawn.block.top.children()
        whole, *tiles = (self._tile(drawn.seed, tile) for tile in (parent, *children))
        # The quarter of the parent tile, and the four tiles of the child.
        y, x = (PARENT * (value % 2) for value in (drawn.block.top.y, drawn.block.top.x))
        rows = [np.concatenate(tiles[:2], 1), np.concatenate(tiles[2:], 1)]
        self._kept.trim(KEPT_TILES)
        return whole[y : y + PARENT, x : x + PARENT].copy(), np.concatenate(rows)

    def write(self, folder: DatasetFolder, progress: Progress) -> list[str]:
        """Write the pairs that are not there; what is there is listed whatever ends the work.

        Returns what failed: nothing, as any failure here ends the work.
        progress: called with pairs (done, in all, made now). Raises DatasetError.
        """
        folder.open()
        made = 0
        try:
            for done, drawn in enumerate(self.drawn):
                progress(done, len(self.drawn), made)
                if not self.is_in(folder, drawn):
                    names = files(drawn, folder.format)
                    for name, pixels in zip(names, self.make(drawn), strict=True):
                        folder.save(name, pixels)
                    made += 1
            progress(len(self.drawn), len(self.drawn), made)
            return []
        finally:
            there = [pair for pair in self.drawn if self.is_in(folder, pair)]
            folder.finish(
                [row(d, folder.format) for d in there],
                _images(there, folder.format),
                strips(there, lambda drawn: _strip(folder, drawn)),
            )

    def is_in(self, folder: DatasetFolder, drawn: SampledPair) -> bool:
        """Say whether a pair is in the folder, whole."""
        return all(map(folder.has, files(drawn, folder.format)))

    def count_blocks(self, drawn: Sequence[SampledPair]) -> int:
        """Return how many blocks the pairs need, each being made once."""
        seen: dict[int, set[Tile]] = {}
        total = 0
        for pair in drawn:
            tiles = seen.setdefault(pair.seed, set())
            for tile in (pair.block.top.parent(), pair.block.top.children()[0]):
                for block in missing_blocks(self.renderer, tile, tiles.__contains__):
                    tiles.update(block.tiles)
                    total += block.stage is not None
        return total

    def _tile(self, seed: int, tile: Tile) -> Pixels:
        """Return a tile; it and what it needs are made where they are not kept."""
        for block in missing_blocks(self.renderer, tile, lambda need: (seed, need) in self._kept):
            made = self.renderer.compute(seed, block, lambda need: self._kept[seed, need])
            for part, pixels in made.items():
                self._kept.put((seed, part), pixels)
            self.blocks += block.stage is not None
        return self._kept[seed, tile]

    def _ground(self, tile: Tile) -> Pixels:
        def nothing(needed: Tile) -> Pixels:
            raise AssertionError(f"the base map needs {needed}")

        return self.renderer.compute(0, Block.of(tile), nothing)[tile]


def files(drawn: SampledPair, format: str) -> tuple[str, str]:
    """Return the names of a pair's parent and child in the folder."""
    stem = f"z{drawn.zoom:02d}/{drawn.number // _SHARD:04d}/{drawn.number:07d}"
    return f"{stem}-parent.{format}", f"{stem}-child.{format}"


def row(drawn: SampledPair, format: str) -> Row:
    """Return a pair's line of manifest.jsonl."""
    parent, child = files(drawn, format)
    return {
        "parent": parent, "child": child, "zoom": drawn.zoom, "seed": drawn.seed,
        "block": str(drawn.block), "resolution_m": round(drawn.resolution, 4),
        "parent_resolution_m": round(4 * drawn.resolution, 4),
        "latitude": round(drawn.latitude, 6), "longitude": round(drawn.longitude, 6),
    }  # fmt: skip


def _strip(folder: DatasetFolder, drawn: SampledPair) -> list[Pixels]:
    """A pair's parent as large as its child, and the child."""
    parent, child = (folder.read(name) for name in files(drawn, folder.format))
    return [enlarged(parent, CHILD // PARENT), child]


def _images(drawn: Sequence[SampledPair], format: str) -> list[Row]:
    return [
        {
            "file": files(pair, format)[1], "gsd_m": round(pair.resolution, 4), "source": SOURCE,
            "lat": round(pair.latitude, 6), "lon": round(pair.longitude, 6),
        }
        for pair in drawn
    ]  # fmt: skip
