"""Joins shards of one world to one file, in which no tile is twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.tile import Tile
from tileserver.batch.archive import ArchiveMetadata
from tileserver.batch.export import ExportResult, create_archive, write_archive
from tileserver.batch.progress import Report, silent
from tileserver.cluster.shards import TileShard
from tileserver.errors import ExportError
from tileserver.regions.tileid import tile_of

SUFFIXES = (".pmtiles", ".mbtiles")

READ_BYTES = 8 << 20
"""Bytes of a shard that are read at a time: neighbours lie together in it."""


def merge(shards: Sequence[TileShard], path: Path, report: Report = silent) -> ExportResult:
    """Write all tiles of shards to a file and verify it. Raises ExportError."""
    about = joined_metadata(shards)
    index = _index(shards)
    create = partial(create_archive, suffix=path.suffix.lower(), about=about)
    written = write_archive(path, create, _tiles(shards, index), len(index), report)
    return ExportResult(written, 0, path.stat().st_size)


def joined_metadata(shards: Sequence[TileShard]) -> ArchiveMetadata:
    """Return what the joined file says of itself. Raises ExportError for shards of two worlds."""
    first = shards[0].about
    for shard in shards:
        about = shard.about
        for name, one, other in (
            ("world", first.world.hex(), about.world.hex()),
            ("format", first.format, about.format),
        ):
            if one != other:
                raise ExportError(
                    f"{shards[0].name} is of {name} {one} and {shard.name} of {other}, expected "
                    f"shards of one {name}"
                )
    every = [shard.about for shard in shards]
    zooms = tuple(sorted({zoom for about in every for zoom in about.zooms}))
    if all(about.bbox == first.bbox for about in every):
        return dataclasses.replace(first, zooms=zooms)
    wests, souths, easts, norths = zip(*(about.bounds for about in every), strict=True)
    bbox = (min(wests), min(souths), max(easts), max(norths))
    return dataclasses.replace(first, bbox=bbox, zooms=zooms)


def _index(shards: Sequence[TileShard]) -> NDArray[np.int64]:
    """Return each tile once, rising: its number, shard, place and length, int64 [N, 4].

    Raises ExportError where two shards differ about a tile.
    """
    rows = [
        np.array([(number, at, *where) for number, *where in shard.archive.entries()], np.int64)
        for at, shard in enumerate(shards)
    ]
    every = np.concatenate(rows)
    every = every[np.argsort(every[:, 0], kind="stable")]
    again = np.flatnonzero(np.diff(every[:, 0]) == 0)
    different = again[every[again, 3] != every[again + 1, 3]]
    if len(different):
        one, other = every[different[0]], every[different[0] + 1]
        raise ExportError(
            f"tile {tile_of(int(one[0]))} is not the same in {shards[one[1]].name} and "
            f"{shards[other[1]].name}, expected shards of one world"
        )
    return np.delete(every, again + 1, axis=0)


def _tiles(shards: Sequence[TileShard], index: NDArray[np.int64]) -> Iterator[tuple[Tile, bytes]]:
    """Yield the tiles of an index with their bytes, reading neighbours at once."""
    for run in np.split(index, np.flatnonzero(np.diff(index[:, 1])) + 1):
        at = int(run[0, 1])
        for part in _near(run.tolist()):
            low = min(offset for _, _, offset, _ in part)
            high = max(offset + length for _, _, offset, length in part)
            data = shards[at].read(low, high - low)
            for number, _, offset, length in part:
                yield tile_of(number), data[offset - low : offset - low + length]


def _near(rows: list[list[int]]) -> Iterator[list[list[int]]]:
    """Cut a shard's tiles into parts that lie within READ_BYTES."""
    part: list[list[int]] = []
    low = high = 0
    for row in rows:
        start, end = row[2], row[2] + row[3]
        if part and max(high, end) - min(low, start) > READ_BYTES:
            yield part
            part = []
        low, high = (min(low, start), max(high, end)) if part else (start, end)
        part.append(row)
    if part:
        yield part
