"""Puts tiles into a small cache without end while another program holds a read transaction.

Usage: python -m tests.churn DIRECTORY PUTS SECONDS. Goes on until both are reached; prints what
happened as JSON. A client of a server would get each tile whether it could be stored or not, so
CacheFullError is counted and anything else is an error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from generator.grid.tile import Tile
from tests.caches import WORLD, damaged
from tileserver.cache.tilecache import TileCache
from tileserver.errors import CacheFullError

LIMIT = 16 << 20
BATCH = 16
ZOOM = 15

READER = """
import sys
from pathlib import Path
from tests.churn import LIMIT
from tileserver.cache.tilecache import TileCache
cache = TileCache.open(Path(sys.argv[1]), LIMIT)
with cache.store.reading() as txn:
    before = dict(txn.cursor(db=cache.store.blobs))
    print(len(before), flush=True)
    sys.stdin.readline()
    assert dict(txn.cursor(db=cache.store.blobs)) == before
"""


def tile_number(number: int) -> Tile:
    """Return a tile far from the one before, as visitors from everywhere would ask for."""
    place = number * 2_654_435_761 % (1 << 2 * ZOOM)
    return Tile(ZOOM, place >> ZOOM, place & (1 << ZOOM) - 1)


def content(number: int) -> bytes:
    """Return the bytes of a tile, 1 to 5 kB."""
    return number.to_bytes(8, "big") * (128 + number % 512)


def put(cache: TileCache, first: int) -> bool:
    """Store a batch; say whether the cache took it."""
    numbers = range(first, first + BATCH)
    try:
        cache.put_many(WORLD, [(tile_number(n), content(n)) for n in numbers])
    except CacheFullError:
        return False
    return True


def main(directory: Path, puts: int, seconds: float) -> None:
    """Churn with a reader, then without."""
    cache = TileCache.open(directory, LIMIT)
    done = 0
    for _ in range(20):
        assert put(cache, done)
        done += BATCH
    command = [sys.executable, "-c", READER, str(directory)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as reader:
        assert reader.stdout is not None
        assert int(reader.stdout.readline()) > 100
        started, refused, largest = time.monotonic(), 0, 0
        while done < puts or time.monotonic() - started < seconds:
            refused += not put(cache, done)
            done += BATCH
            largest = max(largest, cache.size)
            for number in range(max(0, done - 300), done, 37):
                assert cache.get(WORLD, tile_number(number)) in (None, content(number))
        reader.communicate(b"\n")
        assert reader.returncode == 0
    recovered = [put(cache, done + BATCH * step) for step in range(50)]
    held = cache.count()
    print(
        json.dumps(
            {
                "puts": done,
                "refused": refused * BATCH,
                "largest": max(largest, cache.size),
                "recovered": sum(recovered),
                "tiles": held,
                "damaged": len(damaged(cache)),
                "seconds": round(time.monotonic() - started, 1),
            }
        )
    )
    cache.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
