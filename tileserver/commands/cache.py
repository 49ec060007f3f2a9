"""What `elsewhere cache stats | verify | clear | compact` do once their arguments are read."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys

from tileserver.batch.progress import progress
from tileserver.cache import compaction
from tileserver.cache import stats as cachestats
from tileserver.cache.datafile import DATA
from tileserver.cache.tilecache import TileCache
from tileserver.cache.verification import check_all, repair
from tileserver.cache.worlds import namespaces
from tileserver.commands.configtext import read_settings
from tileserver.errors import CacheError
from tileserver.regions.idranges import id_ranges
from tileserver.settings import Settings

LISTED = 20
"""Damaged tiles that are printed; the number of the others follows."""


def stats(args: argparse.Namespace) -> int:
    """Show what is stored. Raises CacheError."""
    with _opened(args) as cache:
        found = cachestats.stats(cache)
    print(json.dumps(found, indent=2) if args.json else cachestats.stats_text(found))
    return 0


def verify(args: argparse.Namespace) -> int:
    """Read everything; 0 when all is sound, 1 when damage was found, repaired or not."""
    with _opened(args) as cache:
        return _verify(cache, args.repair)


def clear(args: argparse.Namespace) -> int:
    """Remove tiles; 0 when done, 2 when not confirmed. Raises CacheError, TileError."""
    with _opened(args) as cache:
        return _clear(cache, args)


def compact(args: argparse.Namespace) -> int:
    """Make the file smaller. Raises CacheError when others use the cache."""
    settings = _settings(args)
    with progress() as report:
        before, after = compaction.compact(
            settings.cache,
            settings.cache_limit,
            lambda done, total: report("Copying", done >> 20, total >> 20, done >> 20),
        )
    sizes = cachestats.size_text(before), cachestats.size_text(after)
    print(f"The file of the cache had {sizes[0]} and has {sizes[1]} now.")
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    settings = read_settings(args)
    if not (settings.cache / DATA).exists():
        raise CacheError(
            f"there is no cache in {settings.cache}, expected one; give its folder with --cache"
        )
    return settings


def _opened(args: argparse.Namespace) -> contextlib.closing[TileCache]:
    settings = _settings(args)
    return contextlib.closing(TileCache.open(settings.cache, settings.cache_limit))


def _verify(cache: TileCache, repairing: bool) -> int:
    total = cache.rows
    with progress() as report:
        found = check_all(cache.store, lambda done: report("Reading", done, total, done))
    for world, tile in found.tiles[:LISTED]:
        print(f"damaged {tile}  of world {_name(cache, world)}")
    if len(found.tiles) > LISTED:
        print(f"and {len(found.tiles) - LISTED:,} more")
    print(
        f"{found.checked:,} read, {len(found.tiles):,} damaged tiles, "
        f"{len(found.keys) - len(found.tiles):,} other damaged rows, "
        f"{found.orphans:,} payloads kept or counted wrongly."
    )
    if found and repairing:
        repair(cache.store, found)
        print("The damage was removed; tiles are made again when they are asked for.")
    elif found:
        print("Damaged tiles are not served; --repair removes them.")
    return 1 if found else 0


def _clear(cache: TileCache, args: argparse.Namespace) -> int:
    worlds = chosen_worlds(cache, args.world)
    ranges = id_ranges(args.bbox, args.zooms)
    total = sum(
        sum(1 for _ in cache.scan(world, first, end - 1))
        for world in worlds
        for first, end in ranges.ranges
    )
    what = f"{total:,} tiles of {'every world' if args.world == 'all' else 'world ' + args.world}"
    if not args.yes and not _confirmed(f"Remove {what} from {cache.path}? [y/N] "):
        print("Nothing was removed.")
        return 2
    removed = 0
    with progress() as report:
        for world in worlds:
            before = removed
            removed += cache.remove(
                world,
                args.bbox,
                args.zooms,
                lambda gone, before=before: report(  # type: ignore[misc]
                    "Removing", before + gone, total, before + gone
                ),
            )
            if args.bbox is None and args.zooms is None:
                cache.worlds.forget(world)
                cache.pins.remove(world)
    print(f"{removed:,} tiles removed; `elsewhere cache compact` makes the file smaller.")
    return 0


def chosen_worlds(cache: TileCache, name: str) -> list[bytes]:
    """Return the worlds of a seed (with any weights), of a fingerprint in hexadecimal, or all.

    Raises CacheError if the cache has none of them.
    """
    recorded = cache.worlds.about()
    known = sorted({*recorded, *namespaces(cache.store)})
    if name == "all":
        return known
    chosen = [
        world
        for world in known
        if world.hex() == name.lower() or recorded.get(world, {}).get("seed") == name
    ]
    if not chosen:
        seeds = sorted({str(about.get("seed")) for about in recorded.values()})
        raise CacheError(
            f"the cache in {cache.path} has no world {name!r}, expected all or one of: "
            f"{', '.join(seeds[:LISTED]) or 'none, it is empty'}"
        )
    return chosen


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise CacheError(
            "removing tiles needs an answer and there is no terminal to ask, expected --yes"
        )
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _name(cache: TileCache, world: bytes) -> str:
    return str(cache.worlds.about().get(world, {}).get("seed", world.hex()))
