"""Damages a cache's file in many ways and reads all of it in a process of its own.

Usage: python -m tests.damage DIRECTORY SEED TIMES. The directory holds a closed cache that `make`
made. Each time its file is damaged as the number says, then the cache is opened, read, verified,
written and opened again, as a server would after a crash. Prints how many openings kept the file;
ends with a traceback on wrong bytes, and by a signal if LMDB can be brought to that.
"""

from __future__ import annotations

import random
import shutil
import sys
from pathlib import Path

from tests.caches import WORLD, fill, payload, row, tiles_of
from tileserver.cache.tilecache import TileCache
from tileserver.cache.verification import check_all, repair
from tileserver.errors import CacheError

LIMIT = 8 << 20
TILES = [*row(5, 12), *row(9, 60)]
SMALL = row(12, 150)
PAGE = 4096


def make(directory: Path) -> None:
    """Make a cache with free pages, small and large payloads, variants and pins."""
    cache = TileCache.open(directory, LIMIT)
    fill(cache, row(10, 30))
    fill(cache, TILES)
    fill(cache, SMALL, size=200)
    cache.put_variants([(WORLD, tile, 1, payload(tile, 300)) for tile in TILES])
    cache.pins.add(WORLD, None, [5])
    cache.worlds.record(WORLD, {"seed": "7"})
    cache.remove(WORLD, None, [10])
    cache.close()


def spoil(content: bytearray, choice: random.Random) -> None:
    """Damage the file's bytes in place, in one of the ways that disks and people do."""
    pages = len(content) // PAGE
    match choice.randrange(8):
        case 0:
            del content[choice.randrange(len(content)) :]
        case 1:
            del content[choice.randrange(1, pages) * PAGE :]
        case 2:
            for _ in range(choice.choice((1, 1, 3, 50))):
                place = choice.randrange(len(content))
                content[place] ^= 1 << choice.randrange(8)
        case 3:  # a bit in the head of some page, where damage is worst
            place = choice.randrange(pages) * PAGE + choice.randrange(64)
            content[place] ^= 1 << choice.randrange(8)
        case 4:
            start = choice.randrange(pages) * PAGE
            length = PAGE * choice.choice((1, 1, 4, pages))
            content[start : start + length] = bytes(len(content[start : start + length]))
        case 5:
            start = choice.randrange(pages) * PAGE
            content[start : start + PAGE] = choice.randbytes(PAGE)
        case 6:  # two pages swapped, as a lost write would leave them
            one, two = (choice.randrange(pages) * PAGE for _ in "12")
            first = content[one : one + PAGE]
            content[one : one + PAGE] = content[two : two + PAGE]
            content[two : two + PAGE] = first
        case 7:
            place = choice.randrange(2) * PAGE + choice.randrange(16, 160)
            content[place : place + 8] = choice.randbytes(8)


def survive(directory: Path) -> bool:
    """Use the damaged cache as a server would; say whether its file was kept."""
    cache = TileCache.open(directory, LIMIT)
    sizes = dict.fromkeys(TILES, 20_000) | dict.fromkeys(SMALL, 200)
    for tile, size in sizes.items():
        found = cache.entry(WORLD, tile)
        assert found is None or found.payload == payload(tile, size), f"wrong bytes of {tile}"
        made = cache.entry(WORLD, tile, 1)
        assert made is None or made.payload == payload(tile, 300), f"wrong bytes of {tile} @1"
    list(tiles_of(cache, WORLD)), cache.worlds.about(), cache.pins.all()
    repair(cache.store, check_all(cache.store))
    fill(cache, TILES)
    cache.evictor.make_room(0.01)
    fill(cache, TILES)
    assert all(cache.get(WORLD, tile) == payload(tile) for tile in TILES)
    cache.close()
    cache = TileCache.open(directory, LIMIT)
    assert all(cache.get(WORLD, tile) == payload(tile) for tile in TILES)
    cache.close()
    return not list(directory.glob("data.mdb.*"))


def main(directory: Path, seed: int, times: int) -> None:
    """Damage and survive."""
    sound = (directory / "data.mdb").read_bytes()
    kept = refused = 0
    for number in range(seed, seed + times):
        place = directory.parent / "damaged"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        content = bytearray(sound)
        spoil(content, random.Random(number))
        (place / "data.mdb").write_bytes(content)
        print(number, end=" ", file=sys.stderr, flush=True)
        try:
            kept += survive(place)
        except CacheError as error:
            print(number, error, file=sys.stderr)
            refused += 1
    print(f"{times} damaged, {kept} kept, {refused} refused")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
