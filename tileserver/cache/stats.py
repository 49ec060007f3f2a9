"""What a cache holds: tiles per world and zoom, bytes, what is shared, pinned and free."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tileserver.cache.datafile import DATA
from tileserver.cache.store import BLOB, DIGEST_BYTES, HEAD, UNIFORM, WORLD_BYTES
from tileserver.cache.tilecache import TileCache
from tileserver.encode import png_of


@dataclass(slots=True)
class WorldStats:
    """What is stored of a world. size: bytes of its tiles and variants as they are served."""

    about: dict[str, Any] = field(default_factory=dict)
    made: int = 0
    zooms: Counter[int] = field(default_factory=Counter)
    uniform: int = 0
    variants: int = 0
    size: int = 0


def stats(cache: TileCache) -> dict[str, Any]:
    """Return what the cache holds, as a JSON object; a second per million tiles. Raises CacheError.

    Sizes are bytes. payloads: distinct ones that are stored; shared: rows that need none of their
    own since another has the same.
    """
    worlds = {world: WorldStats(about, made) for world, (about, made) in cache.worlds.all().items()}
    rows = _count(cache, worlds)
    store = cache.store
    with store.reading() as txn:
        payloads = int(txn.stat(store.blobs)["entries"])
        pages = store.pages(txn)
    return {
        "path": str(cache.path),
        "limit": cache.limit,
        "file": cache.size,
        "used": pages.used_bytes,
        "free": max(0, pages.file - pages.used) * pages.size,
        "tiles": sum(sum(world.zooms.values()) for world in worlds.values()),
        "variants": sum(world.variants for world in worlds.values()),
        "uniform": sum(world.uniform for world in worlds.values()),
        "payloads": payloads,
        "shared": max(0, rows - payloads),
        "worlds": [_world(key, world) for key, world in sorted(worlds.items())],
        "pins": [
            {
                "world": pin.world.hex(),
                "bbox": pin.bbox and list(pin.bbox),
                "zooms": list(pin.zooms),
            }
            for pin in cache.pins.all()
        ],
        "set_aside": sorted(path.name for path in cache.path.glob(f"{DATA}.*-*")),
    }


def _count(cache: TileCache, worlds: dict[bytes, WorldStats]) -> int:
    """Count all rows into their worlds; return how many have a payload in the database."""
    store, with_payload = cache.store, 0
    for table in (store.tiles, store.variants):
        # Buffers, so that the length of a payload is known without reading it.
        with store.reading(buffers=True) as txn:
            for key, row in txn.cursor(db=table):
                world = worlds.setdefault(bytes(key[:WORLD_BYTES]), WorldStats())
                if table is store.tiles:
                    number = int.from_bytes(key[WORLD_BYTES:], "big")
                    world.zooms[(3 * number + 1).bit_length() - 1 >> 1] += 1
                else:
                    world.variants += 1
                if len(row) < HEAD.size:
                    continue
                if row[0] == BLOB:
                    with_payload += 1
                    digest = row[HEAD.size - DIGEST_BYTES : HEAD.size]
                    world.size += len(txn.get(digest, b"", store.blobs))
                elif row[0] == UNIFORM and len(row) == HEAD.size + 3:
                    world.uniform += 1
                    world.size += len(png_of(bytes(row[HEAD.size :])))
    return with_payload


def _world(key: bytes, world: WorldStats) -> dict[str, Any]:
    made = datetime.fromtimestamp(world.made, UTC).isoformat() if world.made else None
    return {
        "world": key.hex(),
        "about": world.about,
        "made": made,
        "tiles": sum(world.zooms.values()),
        "zooms": {str(zoom): tiles for zoom, tiles in sorted(world.zooms.items())},
        "uniform": world.uniform,
        "variants": world.variants,
        "bytes": world.size,
    }


def stats_text(found: dict[str, Any]) -> str:
    """Return the statistics as lines for people."""
    lines = [
        f"Cache {found['path']}",
        f"  {found['tiles']:,} tiles and {found['variants']:,} variants of them; "
        f"{found['uniform']:,} of one colour, {found['shared']:,} stored with another's bytes",
        f"  {size_text(found['used'])} in use, {size_text(found['free'])} free for new tiles in a "
        f"file of {size_text(found['file'])}; limit {size_text(found['limit'])}",
    ]
    for world in found["worlds"]:
        about = world["about"]
        made = f", first written {world['made']}" if world["made"] else ""
        lines.append(f"World {about.get('seed', 'not recorded')}  {world['world']}{made}")
        if "weights" in about:
            lines.append(f"  weights {about['weights']}")
        if "memory" in about:
            lines.append(f"  memory {(about['memory'] or {}).get('digest', 'none')}")
        lines.append(
            f"  {world['tiles']:,} tiles ({world['uniform']:,} of one colour), "
            f"{world['variants']:,} variants, {size_text(world['bytes'])} as served"
        )
        lines += [f"  zoom {zoom:>2}  {tiles:>13,}" for zoom, tiles in world["zooms"].items()]
    for pin in found["pins"]:
        box = ",".join(f"{edge:g}" for edge in pin["bbox"]) if pin["bbox"] else "the whole map"
        zooms = ",".join(map(str, pin["zooms"]))
        lines.append(f"Pinned  world {pin['world']}, {box}, zooms {zooms}")
    lines += [f"Set aside  {name}" for name in found["set_aside"]]
    return "\n".join(lines)


def size_text(size: float) -> str:
    """Return a number of bytes as people say it: '512 B', '20.5 MB', '1.2 GB'."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
