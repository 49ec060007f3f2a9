"""The command `seed` with the fake renderer: python -m tests.fake_seeder DELAY LOG FLAG ...

Each block that was computed becomes a line of LOG.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from generator import stopping
from generator.grid.block import Block
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tileserver.cli import main
from tileserver.commands import basics as commands


class Noting(FakeRenderer):
    """Writes down what it has computed, in lines that come whole."""

    def __init__(self, delay: float, log: Path) -> None:
        super().__init__(delay)
        self._log = log.open("ab", buffering=0)

    def compute(
        self, seed: int, block: Block, read: Callable[[Tile], Pixels]
    ) -> dict[Tile, Pixels]:
        pixels = super().compute(seed, block, read)
        self._log.write(f"{block}\n".encode())
        return pixels


if __name__ == "__main__":
    renderer = Noting(float(sys.argv[1]), Path(sys.argv[2]))
    commands.load_world = lambda settings: renderer  # type: ignore[assignment,return-value]
    sys.exit(stopping.command(lambda: main(["seed", *sys.argv[3:]])))
