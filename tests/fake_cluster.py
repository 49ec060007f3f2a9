"""Commands whose tiles are made by a cluster of fakes: python -m tests.fake_cluster DELAY FLAG ...

Workers of a cluster load the same fake: they need the project's folder in PYTHONPATH.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from functools import partial

from generator import stopping
from generator.cascade.renderer import Renderer
from tests.fakes import FakeRenderer
from tileserver.cli import main
from tileserver.cluster.group import TileGroup
from tileserver.cluster.worker import GroupResult, GroupTask, run
from tileserver.commands import basics, cluster
from tileserver.encode import encode
from tileserver.encoding import Encoding
from tileserver.regions.region import Region
from tileserver.regions.tileid import tile_id
from tileserver.rendering.batch import BatchRenderer
from tileserver.settings import Settings

ALPS = ["--bbox", "6,44,14,48", "--zooms", "0-9"]
REGION = Region((6.0, 44.0, 14.0, 48.0), range(10))
CLUSTER = ["--cluster", "auto"]


class LocalWorkers:
    """Makes groups here, one after the other. lost: groups that a worker never gives back."""

    count = 2

    def __init__(self) -> None:
        self.groups: list[TileGroup] = []
        self.lost: set[int] = set()

    def results(
        self, task: GroupTask, groups: Iterator[TileGroup]
    ) -> Generator[tuple[TileGroup, GroupResult | str]]:
        for group in groups:
            self.groups.append(group)
            lost = group.number in self.lost
            yield group, "WorkerCrashedError: gone" if lost else run(task, group)

    def close(self) -> None:
        pass


def load_fake(settings: Settings, delay: float = 0.0, name: str = "fake") -> Renderer:
    return FakeRenderer(delay, name)


def expected(region: Region = REGION, encoding: Encoding = Encoding.PNG) -> dict[int, bytes]:
    """Return the payloads of a region's tiles by number, as one machine makes them."""
    batch, found = BatchRenderer(FakeRenderer(), 0), {}
    for tile in region.walk():
        batch.make(tile)
        found[tile_id(tile)] = encode(batch.pixels(tile), encoding)
    return found


if __name__ == "__main__":
    cluster.load = partial(load_fake, delay=float(sys.argv[1]))  # type: ignore[assignment]
    basics.load_world = load_fake  # type: ignore[assignment]
    sys.exit(stopping.command(lambda: main(sys.argv[2:])))
