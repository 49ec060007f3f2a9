"""All levels of a world: base map, stages and averages, as pure functions of the address."""

from __future__ import annotations

import hashlib
import json
import threading
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from generator.base.basemap import BaseMap
from generator.cascade.blocksampler import BlockInputs
from generator.cascade.checkpoint import Checkpoint, describe_config
from generator.cascade.layoutstage import LayoutStage
from generator.cascade.multistep import MultiStepSampler
from generator.cascade.parents import StageParents
from generator.cascade.renderer import missing_blocks
from generator.cascade.sharedcores import SharedCores
from generator.cascade.stages import AnyStage, stages_of
from generator.geography.geography import Geography, ParentGround
from generator.geography.overlay import Overlay
from generator.grid.averaging import averaged
from generator.grid.block import Block
from generator.grid.errors import unserved
from generator.grid.pixels import Pixels, Read, ReadArea
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, STAGE_ZOOMS, TILE_SIZE, Tile
from generator.grid.window import child_resolutions, gather, tiles_of
from generator.grid.world import fingerprint
from generator.memory.field import Memory
from generator.nets.blocks import channels_last
from generator.nets.config import SamplerConfig, to_json
from generator.nets.decoder import LayoutDecoder

PIXEL_VERSION = 5
"""Raised whenever the same weights would give other pixels."""

_CORE = TILE_SIZE // SCALE
"""Parent pixels along a tile of a stage."""
_SIDE = 2
"""Tiles of a block's stage on each side."""


def torch_terms() -> dict[str, str]:
    """Return torch's version and what it uses of this processor: both are in the identity."""
    return {"torch": torch.__version__, "capability": torch.backends.cpu.get_cpu_capability()}


class Cascade:
    """The renderer of the real product: one network for every stage that has none of its own.

    Every stage tile is computed in its block, a window of the same shape, alone in its batch, so
    that a tile never depends on what else is made, in float32 as in bfloat16. More steps than
    have their margins in half a block go by way of `multistep`, which is None otherwise.
    memory: where a layout decoder's codes come from; None: it draws without. stages: by zoom;
    margin: parent pixels read round a block's window on each side. draws_parts: whether windows of
    any shape have the same pixels, as loading finds out.
    """

    def __init__(
        self,
        basemap: BaseMap,
        checkpoint: Checkpoint,
        sampler: SamplerConfig,
        device: torch.device,
        precision: torch.dtype,
        memory: Memory | None = None,
        geography: Geography | None = None,
    ) -> None:
        self.basemap, self.checkpoint, self.sampler = basemap, checkpoint, sampler
        self.memory, self.geography = memory, geography
        self.device, self.precision = device, precision
        for network in (checkpoint.network, *checkpoint.specialists.values()):
            channels_last(network.to(device, precision))
        self.stages = stages_of(checkpoint, sampler, memory)
        self.multistep = MultiStepSampler.of(checkpoint, sampler.steps)
        sampled = self.stages[STAGE_ZOOMS[0]] if self.multistep is None else self.multistep
        self.margin = sampled.margin
        self.draws_parts = False
        self._lock, self._cores = threading.Lock(), SharedCores()

    def stage_at(self, zoom: int) -> AnyStage:
        """Return the stage of a zoom. Raises TileError for one that the weights do not serve."""
        if zoom not in self.stages:
            raise unserved(zoom, self.max_zoom)
        return self.stages[zoom]

    @property
    def max_zoom(self) -> int:
        """Return the finest zoom of the world, which is that of the weights' last stage."""
        return self.sampler.max_zoom

    @property
    def workers(self) -> int:
        """Return how many threads are best to compute blocks at a time.

        The choice of layouts has one thread; two blocks share the processor better than one.
        """
        layouts = isinstance(self.checkpoint.network, LayoutDecoder) and not self.multistep
        return min(2, self._cores.count) if layouts and self.device.type == "cpu" else 1

    @property
    def base_zoom(self) -> int:
        """Return the finest zoom that the base map serves."""
        return self.basemap.zoom

    @property
    def identity(self) -> bytes:
        """Digest of base map, weights, sampler, precision, machine and pixel code."""
        parts = [
            PIXEL_VERSION, self.basemap.digest, self.checkpoint.digest, to_json(self.sampler),
            str(self.precision), self.device.type, *torch_terms().values(),
        ]  # fmt: skip
        if self.multistep is not None:
            # In float32 windows of other shapes may differ in the last bit.
            parts.append("states")
        if isinstance(self.checkpoint.network, LayoutDecoder):
            parts.append("" if self.memory is None else self.memory.digest)
        if self.geography is not None:
            parts.append(self.geography.digest)
        return hashlib.sha256(json.dumps(parts).encode()).digest()

    def fingerprint(self, seed: int) -> bytes:
        """16 bytes that name the world of a seed."""
        return fingerprint(self.identity, seed)

    def needs(self, block: Block) -> tuple[Tile, ...]:
        """Return () for what the base map serves, else the tiles that its stage's window reads.

        Raises TileError beyond `max_zoom`.
        """
        if block.stage is None or block.stage <= self.basemap.zoom:
            return ()
        self.stage_at(block.stage)  # refuses what the weights do not serve
        read = self.reads(block.stage, self._sampled_with(block))
        return tuple(tile for zoom, areas in read.items() for tile in tiles_of(areas, zoom))

    def reads(self, zoom: int, core: Rectangle) -> dict[int, Rectangle]:
        """Return what a stage reads to draw the child of a core, parent pixels of its own.

        Rectangles of world pixels by their zoom: that of the parent, and where the choice of
        layouts looks, which sees further, at 13 two zooms above the parent.
        """
        area = core.grown(self._margin(zoom)).grown(self._sight)
        if self.memory is None:
            return {zoom - 2: area}
        level, drawn = self.memory.chosen_at(zoom) - 2, core.grown(self._latent_margin(zoom))
        seen = self.memory.reads(zoom, drawn).grown(self._sight)
        return {zoom - 2: area.joined(seen)} if level == zoom - 2 else {zoom - 2: area, level: seen}

    def compute(self, seed: int, block: Block, read: Read) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, each uint8 [256, 256, 3], from the tiles that it needs."""
        return self.compute_from(seed, block, _areas(read))

    def compute_from(self, seed: int, block: Block, read: ReadArea) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, as `compute`, from what `reads` says."""
        if block.stage is None:
            return {block.top: self.basemap.tile(block.top)}
        # The stage's 2 x 2 tiles as one picture: of the base map, or sampled in one of two ways.
        if block.stage <= self.basemap.zoom:
            x, y = (2 * TILE_SIZE * place for place in (block.top.x, block.top.y))
            whole = self.basemap.region(block.stage, x, y, 2 * TILE_SIZE, 2 * TILE_SIZE)
        elif self.multistep is None:
            whole = self.draw(seed, block.stage, self._sampled_with(block), read)
        else:
            whole = self._in_steps(self.multistep, seed, block, read)
        return self.divided(block, whole)

    def divided(self, block: Block, whole: Pixels) -> dict[Tile, Pixels]:
        """Pixels of a block's tiles, from those of its stage, uint8 [512, 512, 3]."""
        # The tile above the four is their average.
        halves = (slice(0, TILE_SIZE), slice(TILE_SIZE, None))
        parts = [np.ascontiguousarray(whole[y, x]) for y in halves for x in halves]
        return dict(zip(block.tiles, [averaged(whole, 2), *parts], strict=True))

    def window(self, seed: int, tile: Tile, read: Read, tiles: int = 1) -> Pixels:
        """Generate `tiles` x `tiles` stage tiles from `tile` on, as one window of a stage.

        Returns uint8 [256*tiles, 256*tiles, 3]: the same pixels as the single tiles. All steps
        are in one window, without intermediate latents.
        """
        return self.draw(seed, tile.z, _core(tile, tiles), _areas(read))

    def draw(self, seed: int, zoom: int, core: Rectangle, read: ReadArea) -> Pixels:
        """Draw the child of a core, parent pixels of a stage, in one window: uint8 [4h, 4w, 3].

        core: with even origin and sides; read: pixels of what `reads` says.
        """
        stage = self.stage_at(zoom)
        area, parents = core.grown(stage.margin), self._parents(seed, zoom - 2, read)
        # The choice of layouts, which sees further, looks at the parents first.
        latent = self._latent(seed, zoom, core.grown(_latent_margin(stage)), parents)
        ground = parents(area)
        resolutions = child_resolutions(area, zoom - 2)
        level, overlay = self._augmentation(zoom), parents.overlay(core)
        # Fields and blocks show a part of the layouts' detail.
        detail = None if overlay is None else overlay.detail
        if isinstance(stage, LayoutStage):
            with self._cores.share():
                child = stage(ground.dry, latent, resolutions, level, detail)
        else:
            with self._lock:
                child = stage(ground.dry, latent, resolutions, level)
        return parents.completed(core, child, ground, overlay)

    def overlay(self, seed: int, zoom: int, core: Rectangle) -> Overlay | None:
        """Return what is drawn by rule over the child of a core, parent pixels of a stage."""
        geography = self._geography_of(seed)
        return None if geography is None else geography.overlay(zoom, core.finer(SCALE))

    def _geography_of(self, seed: int) -> Geography | None:
        """Return the geography of the world of a seed."""
        return None if self.geography is None else self.geography.of_world(seed)

    def _parents(self, seed: int, zoom: int, read: ReadArea) -> StageParents:
        """Return what looks at the ground of parents of a zoom."""
        return StageParents(self._geography_of(seed), zoom, zoom <= self.basemap.zoom, read)

    def ground(self, seed: int, area: Rectangle, zoom: int, read: Read) -> ParentGround:
        """Put a rectangle of world pixels together, its land and its water apart.

        Stages draw from its `dry`. read: pixels of tiles of `zoom`.
        """
        return self._parents(seed, zoom, _areas(read))(area)

    @property
    def _sight(self) -> int:
        """Return how many parent pixels the ground of a rectangle depends on, on each side."""
        return 0 if self.geography is None else self.geography.reach

    def latent(self, seed: int, zoom: int, area: Rectangle, read: Read) -> NDArray[Any]:
        """Noise or layout codes of a rectangle of parent pixels of a stage: what it draws from.

        Noise: float32 [3, 4h, 4w]; codes: int8 [D, h, w], all 0 without a memory.
        """
        return self._latent(seed, zoom, area, self._parents(seed, zoom - 2, _areas(read)))

    def _latent(self, seed: int, zoom: int, area: Rectangle, parents: StageParents) -> NDArray[Any]:
        if self.memory is None:
            return self.stage_at(zoom).latent(seed, zoom, area)
        level = self.memory.chosen_at(zoom) - 2
        if level != parents.zoom:
            parents = self._parents(seed, level, parents.read)
        return self.memory.field(
            seed,
            zoom,
            area,
            lambda part: parents(part).dry,
            filled=lambda part: parents(part).filled,
        )

    def layouts(
        self, seed: int, zoom: int, area: Rectangle, store: dict[Tile, Pixels]
    ) -> NDArray[np.int64]:
        """Say which layouts a rectangle of parent pixels of a stage shows, as `Memory.layouts`.

        store: tiles that are made already; those that the choice needs are made and added.
        Raises ValueError without a memory.
        """
        if self.memory is None:
            raise ValueError("the world has no memory, expected one that chooses layouts")
        level = self.memory.chosen_at(zoom) - 2
        read = self.memory.reads(zoom, area).grown(self._sight)
        for tile in sorted(tiles_of(read, level)):
            self.render(seed, tile, store)
        parents = self._parents(seed, level, _areas(store.__getitem__))
        return self.memory.layouts(
            seed, zoom, area, lambda part: parents(part).dry, lambda part: parents(part).filled
        )

    def drawn_from(self, block: Block) -> Rectangle:
        """Return the parent pixels whose noise or codes a block is drawn from."""
        return self._sampled_with(block).grown(self._latent_margin(block.top.z + 1))

    def chosen(self, seed: int, block: Block, read: Read) -> NDArray[Any]:
        """Noise or layout codes that a stage's block is drawn from, from the tiles it needs."""
        return self.latent(seed, block.top.z + 1, self.drawn_from(block), read)

    def _margin(self, zoom: int) -> int:
        """Return how many parent pixels are read round what is sampled, on each side."""
        return self.stages[zoom].margin if self.multistep is None else self.multistep.margin

    def _latent_margin(self, zoom: int) -> int:
        """Return how many parent pixels round what is sampled noise or codes are needed of."""
        whole = self.multistep is not None
        return self._margin(zoom) if whole else _latent_margin(self.stages[zoom])

    def _sampled_with(self, block: Block) -> Rectangle:
        """Return the parent pixels of what is sampled with a block, without margin."""
        core = _core(block.top.children()[0], _SIDE)
        return core if self.multistep is None else self.multistep.window_over(core)

    def _in_steps(
        self, sampler: MultiStepSampler, seed: int, block: Block, read: ReadArea
    ) -> Pixels:
        """Generate a block by way of intermediate latents: uint8 [512, 512, 3]."""
        first = block.top.children()[0]
        window = self._sampled_with(block)
        with self._lock:
            made = sampler.finished(seed, first.z, window)
        zoom = first.z - 2
        parents = self._parents(seed, zoom, read)
        if made is None:
            area = window.grown(sampler.margin)
            inputs = BlockInputs(
                seed, first.z, window.x0, window.y0, TILE_SIZE << zoom, parents(area).dry,
                child_resolutions(area, zoom), self._augmentation(first.z),
            )  # fmt: skip
            with self._lock:
                made = sampler(inputs)
        core = _core(first, _SIDE)
        x, y = SCALE * (core.x0 - window.x0), SCALE * (core.y0 - window.y0)
        child = made[y : y + SCALE * core.height, x : x + SCALE * core.width]
        return parents.completed(core, child, parents(core.grown(1)), parents.overlay(core))

    def _augmentation(self, zoom: int) -> float:
        """Return the conditioning-augmentation level of a stage."""
        return self.sampler.augmentation[self.sampler.zooms.index(zoom)]

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
            "max_zoom": self.max_zoom,
            "augmentation": list(self.sampler.augmentation),
            "memory": self._describe_memory(),
            "base": self.basemap.digest[:16],
            "base_zoom": self.basemap.zoom,
            "device": self.device.type,
            "precision": str(self.precision).removeprefix("torch."),
            "training": held.record,
        }

    def _describe_memory(self) -> dict[str, Any] | None:
        """Describe the memory: digest, scenes by the zoom they serve, zooms where towns decide."""
        if self.memory is None:
            return None
        scenes = {str(zoom): count for zoom, count in self.memory.scenes.items()}
        about = {"digest": self.memory.digest[:16], "scenes": scenes}
        return about | {"towns_at": self.memory.towns_at}


def _latent_margin(stage: AnyStage) -> int:
    """Return how many parent pixels round a core a stage needs noise or codes of."""
    return stage.code_margin if isinstance(stage, LayoutStage) else stage.margin


def _areas(read: Read) -> ReadArea:
    """Return what reads rectangles of any zoom from tiles."""
    return partial(gather, read=read)


def _core(tile: Tile, tiles: int) -> Rectangle:
    """Parent pixels of `tiles` x `tiles` tiles of a stage from `tile` on."""
    return Rectangle(tile.x * _CORE, tile.y * _CORE, tiles * _CORE, tiles * _CORE)
