"""All levels of a world: base map, stages and averages, as pure functions of the address."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.base.basemap import BaseMap
from generator.cascade.checkpoint import Checkpoint, describe_config
from generator.cascade.latentcache import (
    LIMIT,
    BlockInputs,
    BlockSampler,
    evaluations_at_once,
    side_for,
)
from generator.cascade.layoutstage import LayoutStage
from generator.cascade.renderer import PixelCache, Read, missing_blocks
from generator.cascade.stages import AnyStage, stage_of
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, STAGE_ZOOMS, TILE_SIZE, Tile
from generator.grid.world import fingerprint
from generator.memory.field import Memory
from generator.nets.config import SamplerConfig, to_json
from generator.nets.decoder import LayoutDecoder
from generator.nets.unet import ExactUNet, channels_last

PIXEL_VERSION = 3
"""Raised whenever the same weights would give other pixels."""

_CORE = TILE_SIZE // SCALE
_SIDE = 2
"""Tiles of a block's stage on each side."""
_FINISHED = 8
"""Windows made by way of states whose pixels are kept for the other blocks in them."""
_EQUATOR = 156543.03392804097


class Cascade:
    """The renderer of the real product: one network for every stage that has none of its own.

    Every stage tile is computed in its block, a window of the same shape, alone in its batch, so
    that a tile never depends on what else is made, in float32 as in bfloat16. More steps than
    have their margins in half a block (two with the shipped network) go by way of
    `generator.cascade.latentcache`; `states` is None otherwise.
    memory: where a layout decoder's codes come from; None: it draws without.
    stage, states: the common network's; stages: by zoom;
    margin: parent pixels read round a block on each side.
    """

    def __init__(
        self,
        basemap: BaseMap,
        checkpoint: Checkpoint,
        sampler: SamplerConfig,
        device: torch.device,
        precision: torch.dtype,
        memory: Memory | None = None,
    ) -> None:
        self.basemap, self.checkpoint, self.sampler = basemap, checkpoint, sampler
        self.memory = memory
        self.device, self.precision = device, precision
        common, *others = (
            channels_last(network.to(device, precision))
            for network in (checkpoint.network, *checkpoint.specialists.values())
        )
        own = dict(zip(checkpoint.specialists, others, strict=True))
        self.stage = stage_of(common, sampler.steps)
        self.stages: dict[int, AnyStage] = {}
        for zoom, contrast in zip(STAGE_ZOOMS, sampler.contrast, strict=True):
            network = own.get(zoom, common)
            if isinstance(network, LayoutDecoder):
                fading = memory is not None and memory.reach(zoom) > 0
                self.stages[zoom] = LayoutStage(network, contrast, fading)
            else:
                self.stages[zoom] = stage_of(network, sampler.steps) if zoom in own else self.stage
        self.states: BlockSampler | None = None
        self._states: dict[int, BlockSampler] = {}
        if isinstance(common, ExactUNet) and sampler.steps > evaluations_at_once(common):
            side, limit = side_for(common, sampler.steps), LIMIT // (1 + len(own))
            self.states = BlockSampler(common, sampler.steps, limit, side)
            self._states = {
                zoom: BlockSampler(network, sampler.steps, limit, side)
                for zoom, network in own.items()
                if isinstance(network, ExactUNet)
            }
        self._finished = PixelCache(_FINISHED)
        self.margin = self.stage.margin if self.states is None else self.states.margin
        self._lock = threading.Lock()

    def stage_at(self, zoom: int) -> AnyStage:
        """Return the stage that makes the tiles of a zoom."""
        return self.stages[zoom]

    @property
    def identity(self) -> bytes:
        """Digest of base map, weights, sampler, precision, machine and pixel code."""
        parts = [
            PIXEL_VERSION, self.basemap.digest, self.checkpoint.digest, to_json(self.sampler),
            str(self.precision), self.device.type, torch.__version__,
            torch.backends.cpu.get_cpu_capability(),
        ]  # fmt: skip
        if self.states is not None:
            # In float32 windows of other shapes may differ in the last bit.
            parts.append("states")
        if isinstance(self.stage, LayoutStage):
            parts.append("" if self.memory is None else self.memory.digest)
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    def fingerprint(self, seed: int) -> bytes:
        """16 bytes that name the world of a seed."""
        return fingerprint(self.identity, seed)

    def needs(self, block: Block) -> tuple[Tile, ...]:
        """Return () for what the base map serves, else the tiles that its stage's window reads."""
        if block.stage is None or block.stage <= self.basemap.zoom:
            return ()
        first, tiles = self._window_of(block)
        area = _core(first, tiles).grown(self.margin)
        needed = _tiles(first.z - 2, area)
        if self.memory is not None:
            # The choice of layouts sees further, at 13 two zooms above the parent.
            read = self.memory.reads(first.z, area.x0, area.y0, area.width, area.height)
            needed |= _tiles(self.memory.chosen_at(first.z) - 2, read)
        return tuple(needed)

    def compute(self, seed: int, block: Block, read: Read) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, each uint8 [256, 256, 3], from the tiles that it needs."""
        if block.stage is None:
            return {block.top: self.basemap.tile(block.top)}
        if block.stage <= self.basemap.zoom:
            x, y = (2 * TILE_SIZE * place for place in (block.top.x, block.top.y))
            whole = self.basemap.region(block.stage, x, y, 2 * TILE_SIZE, 2 * TILE_SIZE)
        elif self.states is None:
            whole = self.window(seed, block.top.children()[0], read, _SIDE)
        else:
            states = self._states.get(block.stage, self.states)
            whole = self._by_states(states, seed, block, read)
        halves = (slice(0, TILE_SIZE), slice(TILE_SIZE, None))
        parts = [np.ascontiguousarray(whole[y, x]) for y in halves for x in halves]
        return dict(zip(block.tiles, [average(whole), *parts], strict=True))

    def window(self, seed: int, tile: Tile, read: Read, tiles: int = 1) -> Pixels:
        """Generate `tiles` x `tiles` stage tiles from `tile` on, as one window of a stage.

        Returns uint8 [256*tiles, 256*tiles, 3]: the same pixels as the single tiles. All steps
        are in one window, without states.
        """
        stage = self.stage_at(tile.z)
        margin = stage.margin
        columns, rows = _columns(tile, margin, tiles), _rows(tile, margin, tiles)
        parent = _gather(tile.z - 2, columns, rows, read)
        latent = self.latent(seed, tile.z, _core(tile, tiles).grown(margin), read)
        with self._lock:
            return stage(parent, latent, _resolutions(tile.z, rows), self._augmentation(tile.z))

    def latent(self, seed: int, zoom: int, area: Rectangle, read: Read) -> NDArray[Any]:
        """Noise or layout codes of a rectangle of parent pixels of a stage: what it draws from.

        Noise: float32 [3, 4h, 4w]; codes: int8 [D, h, w], all 0 without a memory.
        """
        if self.memory is None:
            return self.stage_at(zoom).latent(seed, zoom, area)
        level = self.memory.chosen_at(zoom) - 2

        def pixels(x: int, y: int, width: int, height: int) -> Pixels:
            columns = np.arange(x, x + width) % (TILE_SIZE << level)
            return _gather(level, columns, _mirrored(np.arange(y, y + height), level), read)

        return self.memory.field(seed, zoom, area.x0, area.y0, area.width, area.height, pixels)

    def chosen(self, seed: int, block: Block, read: Read) -> NDArray[Any]:
        """Noise or layout codes of a stage's block with its margin, from the tiles it needs."""
        first, tiles = self._window_of(block)
        return self.latent(seed, first.z, _core(first, tiles).grown(self.margin), read)

    def _window_of(self, block: Block) -> tuple[Tile, int]:
        """Return the first tile of what is sampled with a block, and its tiles on each side."""
        first = block.top.children()[0]
        tiles = _SIDE if self.states is None else self.states.side // _CORE
        return Tile(first.z, first.x // tiles * tiles, first.y // tiles * tiles), tiles

    def _by_states(self, states: BlockSampler, seed: int, block: Block, read: Read) -> Pixels:
        """Generate a block: uint8 [512, 512, 3]; those sampled with it are kept for a while."""
        first, tiles = self._window_of(block)
        with self._lock:
            made = self._finished.get((seed, first))
        if made is None:
            columns, rows = (axis(first, states.margin, tiles) for axis in (_columns, _rows))
            scene = BlockInputs(
                seed, first.z, first.x * _CORE, first.y * _CORE, TILE_SIZE << (first.z - 2),
                _gather(first.z - 2, columns, rows, read), _resolutions(first.z, rows),
                self._augmentation(first.z),
            )  # fmt: skip
            with self._lock:
                made = states(scene)
                self._finished.put((seed, first), made)
        corner = block.top.children()[0]
        x, y = TILE_SIZE * (corner.x - first.x), TILE_SIZE * (corner.y - first.y)
        return made[y : y + _SIDE * TILE_SIZE, x : x + _SIDE * TILE_SIZE]

    def _augmentation(self, zoom: int) -> float:
        return self.sampler.augmentation[STAGE_ZOOMS.index(zoom)]

    def render(self, seed: int, tile: Tile, store: dict[Tile, Pixels] | None = None) -> Pixels:
        """Pixels of a tile with all that it needs, kept in `store` while it is made."""
        kept = {} if store is None else store
        for block in missing_blocks(self, tile, kept.__contains__):
            kept |= self.compute(seed, block, kept.__getitem__)
        return kept[tile]

    def describe(self) -> dict[str, Any]:
        """What makes the pixels, as a JSON object."""
        held = self.checkpoint
        networks = [held.network, *held.specialists.values()]
        return {
            "weights": held.digest[:16],
            "network": describe_config(held.network.config),
            "parameters": sum(p.numel() for network in networks for p in network.parameters()),
            "specialists": list(held.specialists),
            "steps": self.sampler.steps,
            "margin": self.margin,
            "augmentation": list(self.sampler.augmentation),
            "memory": self._describe_memory(),
            "base": self.basemap.digest[:16],
            "base_zoom": self.basemap.zoom,
            "device": self.device.type,
            "precision": str(self.precision).removeprefix("torch."),
            "training": held.record,
        }

    def _describe_memory(self) -> dict[str, Any] | None:
        """Describe the memory: its digest, and its scenes by the zoom they serve."""
        if self.memory is None:
            return None
        scenes = {str(zoom): count for zoom, count in self.memory.scenes.items()}
        return {"digest": self.memory.digest[:16], "scenes": scenes}


def average(pixels: Pixels) -> Pixels:
    """Average uint8 [2h, 2w, 3] by 2 x 2 pixels, rounded half up."""
    whole = pixels.astype(np.uint16)
    total = whole[0::2, 0::2] + whole[1::2, 0::2] + whole[0::2, 1::2] + whole[1::2, 1::2]
    mean: Pixels = ((total + 2) // 4).astype(np.uint8)
    return mean


def _core(tile: Tile, tiles: int) -> Rectangle:
    """Parent pixels of `tiles` x `tiles` tiles of a stage from `tile` on."""
    return Rectangle(tile.x * _CORE, tile.y * _CORE, tiles * _CORE, tiles * _CORE)


def _columns(tile: Tile, margin: int, tiles: int = 1) -> NDArray[np.int64]:
    """Parent pixel columns of a window, wrapped round the dateline."""
    width = TILE_SIZE << (tile.z - 2)
    return np.arange(tile.x * _CORE - margin, (tile.x + tiles) * _CORE + margin) % width


def _rows(tile: Tile, margin: int, tiles: int = 1) -> NDArray[np.int64]:
    """Parent pixel rows of a window, mirrored at the map's upper and lower edge."""
    rows = np.arange(tile.y * _CORE - margin, (tile.y + tiles) * _CORE + margin)
    return _mirrored(rows, tile.z - 2)


def _mirrored(rows: NDArray[np.int64], zoom: int) -> NDArray[np.int64]:
    """Pixel rows of a zoom, those beyond the map's edge mirrored, however far they lie."""
    height = TILE_SIZE << zoom
    folded = rows % (2 * height)
    return np.minimum(folded, 2 * height - 1 - folded)


def _tiles(zoom: int, area: Rectangle) -> dict[Tile, None]:
    """Tiles that a rectangle of world pixels of a zoom lies on, in order, each once."""
    columns = np.arange(area.x0, area.x0 + area.width) % (TILE_SIZE << zoom) // TILE_SIZE
    rows = _mirrored(np.arange(area.y0, area.y0 + area.height), zoom) // TILE_SIZE
    across = dict.fromkeys(columns.tolist())
    return {Tile(zoom, x, y): None for y in dict.fromkeys(rows.tolist()) for x in across}


def _runs(pixels: NDArray[np.int64]) -> Iterator[tuple[int, slice, NDArray[np.int64]]]:
    """Split positions by tile: (tile index, slice of the window, pixels inside the tile)."""
    tiles = pixels // TILE_SIZE
    cuts = [0, *(np.flatnonzero(np.diff(tiles)) + 1).tolist(), len(pixels)]
    for first, last in zip(cuts[:-1], cuts[1:], strict=True):
        yield int(tiles[first]), slice(first, last), pixels[first:last] % TILE_SIZE


def _gather(z: int, columns: NDArray[np.int64], rows: NDArray[np.int64], read: Read) -> Pixels:
    window = np.empty((len(rows), len(columns), 3), np.uint8)
    for y, vertical, ys in _runs(rows):
        for x, horizontal, xs in _runs(columns):
            window[vertical, horizontal] = read(Tile(z, x, y))[np.ix_(ys, xs)]
    return window


def _resolutions(z: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """True metres per child pixel at zoom `z` of parent rows (Web Mercator: cos = sech)."""
    height = TILE_SIZE << (z - 2)
    mercator = np.pi * (1 - 2 * (rows + 0.5) / height)
    metres: NDArray[np.float64] = _EQUATOR / np.cosh(mercator) / 2**z
    return metres
