"""What one worker does: makes groups of tiles of the world that the command means."""

from __future__ import annotations

import dataclasses
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from generator.cascade.identityinputs import SHIPPED
from generator.geography.choice import NONE
from generator.grid.errors import GeneratorError
from generator.grid.tile import Tile
from tileserver.batch.archive import ArchiveMetadata
from tileserver.cluster.group import TileGroup
from tileserver.cluster.maker import GroupMaker
from tileserver.cluster.shards import ShardFolder
from tileserver.encoding import Encoding
from tileserver.errors import ClusterError
from tileserver.processes.cpupriority import lower_priority
from tileserver.regions.tileid import tile_id, tile_of
from tileserver.rendering.models import describe
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

TERMS = ("device", "precision", "weights", "steps", "base")
"""What renderers tell of themselves that decides a world."""


@dataclass(frozen=True, slots=True)
class GroupTask:
    """What every worker of a command has to know.

    world, terms: of what the command means, and what decides it. load: how a worker gets its
    renderer. out: the folder or URL where shards go, each saying `about` of itself; None for tiles
    that come back.
    """

    settings: Settings
    world: bytes
    load: Callable[[Settings], Renderer]
    encoding: Encoding = Encoding.PNG
    terms: dict[str, object] = field(default_factory=dict)
    out: str | None = None
    about: ArchiveMetadata | None = None


@dataclass(slots=True)
class GroupResult:
    """What became of a group: its tiles, or a shard that holds them, and what could not be made.

    ids: numbers of the tiles; sizes: bytes of each; data: these bytes, one after the other, uint8;
    empty where they are in a shard. blocks: how many were computed. reasons: of missing tiles.
    """

    blocks: int = 0
    ids: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    sizes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    data: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    reasons: dict[Tile, str] = field(default_factory=dict)

    @classmethod
    def of(cls, payloads: dict[Tile, bytes]) -> GroupResult:
        """Return the result that holds tiles."""
        ids = np.array([tile_id(tile) for tile in payloads], np.int64)
        sizes = np.array([len(payload) for payload in payloads.values()], np.int64)
        data = np.frombuffer(b"".join(payloads.values()), np.uint8)
        return cls(0, ids, sizes, data)

    def tiles(self) -> list[tuple[Tile, bytes]]:
        """Return the tiles with their bytes."""
        ends = np.cumsum(self.sizes).tolist()
        starts = [0, *ends[:-1]]
        return [
            (tile_of(number), self.data[start:end].tobytes())
            for number, start, end in zip(self.ids.tolist(), starts, ends, strict=True)
        ]


def run(task: GroupTask, group: TileGroup) -> GroupResult:
    """Make a group. Raises ClusterError where this machine makes another world, or none."""
    maker = _maker(task.settings, task.load)
    if maker.world != task.world:
        raise ClusterError(
            f"the worker on {platform.node()} makes another world than the one meant "
            f"({difference(task.terms, terms(maker.renderer))}), expected workers that have the "
            "same files and compute as this machine does"
        )
    before = maker.blocks
    payloads: dict[Tile, bytes] = {}
    reasons: dict[Tile, str] = {}

    def fail(tile: Tile, error: Exception) -> None:
        reasons[tile] = f"{type(error).__name__}: {error}"

    maker.make(list(group.tiles()), task.encoding, payloads.__setitem__, fail)
    if task.out is None:
        result = GroupResult.of(payloads)
    else:
        result = _write_shard(task, group, payloads, reasons)
    result.blocks, result.reasons = maker.blocks - before, reasons
    return result


def _write_shard(
    task: GroupTask, group: TileGroup, payloads: dict[Tile, bytes], reasons: dict[Tile, str]
) -> GroupResult:
    """Write a group's shard if it is whole, for it is not made again once it is there."""
    assert task.out is not None
    assert task.about is not None
    if reasons:
        for tile in payloads:
            reasons[tile] = "others of its shard could not be made"
        return GroupResult()
    ShardFolder(task.out).write(group.number, payloads, task.about)
    return GroupResult(ids=np.array([tile_id(tile) for tile in payloads], np.int64))


@lru_cache(maxsize=1)
def _maker(settings: Settings, load: Callable[[Settings], Renderer]) -> GroupMaker:
    """Load the renderer, once for all groups of this process."""
    try:
        renderer = load(settings)
    except GeneratorError as error:
        raise ClusterError(f"the worker on {platform.node()} cannot begin: {error}") from None
    lower_priority(settings.nice)
    return GroupMaker(renderer, settings.seed)


def terms(renderer: Renderer) -> dict[str, object]:
    """Return what decides a world besides the seed, as far as a renderer tells."""
    from generator.cascade.cascade import torch_terms  # torch takes seconds

    about = describe(renderer)
    return {name: about[name] for name in TERMS if name in about} | torch_terms()


def difference(meant: dict[str, object], found: dict[str, object]) -> str:
    """Return in words where two worlds' terms differ."""
    words = [
        f"its {name} is {found.get(name)}, not {meant[name]}"
        for name in meant
        if found.get(name) != meant[name]
    ]
    return ", ".join(words) or "another memory or geography, or another version of this program"


def portable(settings: Settings) -> Settings:
    """Return settings that mean the same in another folder: with absolute paths."""

    def absolute(name: str) -> str:
        return str(Path(name).absolute()) if Path(name).exists() else name

    base, weights, geography = settings.base, settings.weights, settings.geography
    return dataclasses.replace(
        settings,
        base=None if base is None else Path(absolute(str(base))),
        weights=None if weights is None else weights.absolute(),
        geography=geography if geography in (None, NONE) else absolute(str(geography)),
        memory=settings.memory
        and tuple(name if name == SHIPPED else absolute(name) for name in settings.memory),
        threads=settings.threads or 1,
    )
