"""Digests of some 170 tiles of the shipped weights: python -m tests.tiledigests FILE [--compare].

Written before a change of the code and compared after it, on the same machine: other processors
may round otherwise. Ten places, land and sea, at twelve zooms, in two worlds without geography,
and seven coasts, rivers and towns at eleven zooms with the Earth's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import generator
from generator.grid.tile import Tile, tiles_in_bbox

PLACES = (
    (46.5, 7.6), (51.5, -0.1), (35.7, 139.7), (41.9, -93.1), (30.0, 31.2), (-3.1, -60.0),
    (69.0, 88.2),
)  # fmt: skip
"""Latitude and longitude of the places whose tiles are made in world 0; the others in world 7."""

SECOND = ((-25.3, 131.0), (0.0, -140.0), (71.0, -42.0))
WITH_GEOGRAPHY = (
    (60.39, 5.3), (38.69, -9.2), (29.95, -90.05), (35.62, 139.8), (-3.1, -60.0), (30.04, 31.24),
    (-17.85, 179.99),
)  # fmt: skip
"""Fjords, an estuary, a delta, a bay, two rivers with their towns, islands at the dateline."""

ZOOMS = (5, 6, 7, 8, 9, 10, 11, 12, 13, 14)
"""And at 15 every second place, at 17 the first."""


def environment() -> str:
    """Return what else than the code decides the bytes of tiles."""
    import torch

    try:
        rows = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        rows = []
    names = ("model name", "flags", "CPU part", "Features")
    about = sorted({row for row in rows if row.startswith(names)})
    processor = hashlib.sha256("\n".join(about).encode()).hexdigest()[:16]
    return f"{torch.__version__} {platform.machine()} {processor}"


def tiles() -> Iterator[tuple[int, Tile]]:
    """Yield the worlds and tiles without geography, coarse ones first."""
    steps = {15: 2, 17: len(PLACES)}
    for zoom in (*ZOOMS, *steps):
        for seed, places in ((0, PLACES), (7, SECOND)):
            for latitude, longitude in places[:: steps.get(zoom, 1)]:
                yield seed, _at(latitude, longitude, zoom)


def earthly() -> Iterator[tuple[int, Tile]]:
    """Yield the tiles with geography, as `tiles` does those without."""
    for zoom in range(7, 18):
        for latitude, longitude in WITH_GEOGRAPHY[:: 3 if zoom > 15 else 1]:
            yield 0, _at(latitude, longitude, zoom)


def _at(latitude: float, longitude: float, zoom: int) -> Tile:
    return next(iter(tiles_in_bbox(longitude, latitude, longitude, latitude, zoom)))


def digests(show: bool = False) -> dict[str, str]:
    """Make every tile with the shipped weights and return the digests of their pixels by name."""
    found = {}
    for geography, wanted, prefix in (("none", tiles(), ""), (None, earthly(), "earth/")):
        cascade = generator.load(geography=geography)
        kept: dict[int, dict[Tile, Any]] = {}
        for seed, tile in wanted:
            pixels = cascade.render(seed, tile, kept.setdefault(seed, {}))
            name = f"{prefix}{seed}/{tile.z}/{tile.x}/{tile.y}"
            found[name] = hashlib.sha256(pixels.tobytes()).hexdigest()[:16]
            if show:
                print(f"\r{len(found)} tiles, {name}", end=" ", file=sys.stderr)
    return found


def main() -> int:
    """Write the digests, or compare them with those of a file; returns 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--compare", action="store_true")
    args = parser.parse_args()
    found = {"environment": environment(), "tiles": digests(show=True)}
    if not args.compare:
        args.file.write_text(json.dumps(found, indent=0) + "\n")
        return 0
    before = json.loads(args.file.read_text())
    if before["environment"] != found["environment"]:
        print(f"made elsewhere: {before['environment']}, here {found['environment']}")
    other = [name for name, digest in found["tiles"].items() if before["tiles"].get(name) != digest]
    print(f"\n{len(found['tiles'])} tiles, {len(other)} differ: {other[:5]}")
    return 1 if other else 0


if __name__ == "__main__":
    sys.exit(main())
