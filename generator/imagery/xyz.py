"""Trees of XYZ tiles, z/x/y.png: neighbours joined into images that windows fit into."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image as Pillow

from generator.grid.errors import GeneratorError, ImageryError
from generator.grid.tile import EQUATOR_RESOLUTION
from generator.imagery.pieces import mostly_valid
from generator.imagery.sources import MAX_GSD, MIN_GSD, Decoded, Imagery, Source
from generator.imagery.split import Splitter
from generator.rasters import read_whole

TILE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
JOINED = 4
"""Tiles on a side of a joined image."""
MAX_ZOOM = 24


@dataclass(frozen=True, slots=True, order=True)
class TileTemplate:
    """A tile in a tree of Web Mercator tiles, y counted from the north."""

    z: int
    x: int
    y: int


def address(path: Path) -> TileTemplate | None:
    """Return the tile that a path names by its last three parts, or None."""
    parts = (*path.parts[-3:-1], path.stem)
    if len(parts) < 3 or path.suffix.lower() not in TILE_SUFFIXES:
        return None
    if not all(part.isascii() and part.isdigit() for part in parts):
        return None
    z, x, y = map(int, parts)
    return TileTemplate(z, x, y) if z <= MAX_ZOOM and max(x, y) < 1 << z else None


def join(root: Path, name: str, tiles: Iterable[Path], source: str, splitter: Splitter) -> Imagery:
    """Return the joined images of a tree; `name` is what messages call its root.

    Blocks of JOINED x JOINED tiles are cut to the tiles that are there; missing ones between them
    are masked. A zoom whose tiles cannot be read is named and left out.
    """
    found = Imagery()
    blocks: dict[TileTemplate, dict[TileTemplate, Path]] = defaultdict(dict)
    for path in tiles:
        tile = address(path)
        assert tile is not None, path
        blocks[TileTemplate(tile.z, tile.x // JOINED, tile.y // JOINED)][tile] = path
    sides: dict[int, int | None] = {}
    for block, members in sorted(blocks.items()):
        if block.z not in sides:
            every = (path for b, m in blocks.items() if b.z == block.z for path in m.values())
            sides[block.z] = _tile_side(every)
        side = sides[block.z]
        label = f"{Path(name) / str(block.z)}, tiles {JOINED * block.x}+ {JOINED * block.y}+"
        if side is None:
            found.failed += [
                f"{_called(root, name, path)} cannot be read" for path in members.values()
            ]
            continue
        made = _source(label, members, side, source, splitter)
        if MIN_GSD <= made.gsd <= MAX_GSD:
            found.sources.append(made)
        else:
            found.notes.append(f"{label}: {made.gsd:.3g} m per pixel is of no use, left out")
    return found


def _source(
    label: str, members: dict[TileTemplate, Path], side: int, source: str, splitter: Splitter
) -> Source:
    xs, ys = ({getattr(tile, axis) for tile in members} for axis in ("x", "y"))
    z, left, top = next(iter(members)).z, min(xs), min(ys)
    columns, rows = max(xs) - left + 1, max(ys) - top + 1
    tiles = tuple((tile.x - left, tile.y - top, path) for tile, path in sorted(members.items()))
    lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (top + rows / 2) / (1 << z)))))
    lon = (left + columns / 2) / (1 << z) * 360 - 180
    gsd = EQUATOR_RESOLUTION * math.cos(math.radians(lat)) / (1 << z) * 256 / side
    return Source(
        name=label,
        files=tuple(path for _, _, path in tiles),
        gsd=gsd,
        lat=lat,
        lon=lon,
        source=source,
        split=splitter.split(lat, lon, label),
        read=partial(_read, tiles, columns, rows, side),
    )


def _read(
    tiles: tuple[tuple[int, int, Path], ...], columns: int, rows: int, side: int
) -> Decoded | None:
    """Join tiles; one that cannot be read is masked and named."""
    pixels = np.zeros((rows * side, columns * side, 3), np.uint8)
    mask = np.zeros(pixels.shape[:2], np.uint8)
    failed: list[str] = []
    for column, row, path in tiles:
        box = (slice(row * side, (row + 1) * side), slice(column * side, (column + 1) * side))
        try:
            tile = read_whole(path, name=str(path))
            colours = tile.pixels
            if tile.grey:
                raise ImageryError(f"{path} is grey, expected red, green and blue")
            if colours.shape[:2] != (side, side):
                height, width = colours.shape[:2]
                raise ImageryError(
                    f"{path} has {width} x {height} pixels, expected {side} x {side}"
                )
        except (OSError, GeneratorError) as error:
            reason = str(error)
            failed.append(reason if str(path) in reason else f"{path}: {reason}")
            continue
        pixels[box] = colours
        mask[box] = 255 if tile.mask is None else np.where(tile.mask == 255, 255, 0)
    usable = mostly_valid(Decoded(pixels, mask, tuple(failed)))
    if usable is None and failed:
        raise ImageryError("; ".join(failed))
    return usable


def _tile_side(tiles: Iterable[Path]) -> int | None:
    """Return the width of the first tile that can be opened."""
    for path in tiles:
        try:
            with Pillow.open(path) as image:
                return image.width
        except OSError:
            continue
    return None


def _called(root: Path, name: str, path: Path) -> Path:
    return Path(name) / path.relative_to(root)
