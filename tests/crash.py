"""Starts a service that makes tiles without end, kills it, and starts it again, many times.

Usage: python -m tests.crash CACHE TIMES. Each life is a forked process that opens the cache as a
server does; a short while after its first tiles it gets SIGKILL. Prints per life how many tiles it
found stored.
"""

import asyncio
import os
import random
import signal
import sys
import time
from pathlib import Path

from generator.grid.tile import Tile
from tests.fakes import FakeRenderer
from tests.local import local_service
from tileserver.settings import Settings

ZOOM = 9


async def live(directory: Path, life: int, working: int) -> None:
    """Make random tiles for ever; closes the descriptor `working` after the first ones."""
    service = local_service(Settings(cache=directory), FakeRenderer())
    print(service.cache.count(), flush=True)
    choice = random.Random(life)
    while True:
        wanted = [Tile(ZOOM, choice.randrange(2**ZOOM), choice.randrange(2**ZOOM)) for _ in "12345"]
        await asyncio.gather(*(service.get(0, tile) for tile in wanted))
        if working >= 0:
            os.close(working)
            working = -1


def main(directory: Path, times: int) -> None:
    """Live and die."""
    for life in range(times):
        reading, working = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            asyncio.run(live(directory, life, working))
            os._exit(1)
        os.close(working)
        os.read(reading, 1)
        os.close(reading)
        time.sleep(0.1 + 0.02 * (life % 7))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            sys.exit(f"life {life} ended by itself with status {status}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
