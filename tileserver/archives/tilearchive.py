"""A PMTiles archive of one world, read tile by tile: what `elsewhere export` writes.

Nothing is believed that can be checked: directories have gzip's checksum, PNG tiles their own; of
WebP and JPEG the frame is looked at. What does not fit is an ArchiveDamagedError, never a tile.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from pmtiles.tile import (
    Compression,
    Entry,
    HeaderDict,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
    find_tile,
)

from generator.grid.tile import MAX_ZOOM, Tile
from tileserver.archives.ranges import ByteRanges, open_ranges
from tileserver.archives.wholeness import is_whole
from tileserver.encoding import Encoding
from tileserver.errors import ArchiveDamagedError, ArchiveError
from tileserver.regions.region import Box
from tileserver.regions.tileid import tile_id
from tileserver.settings import Settings

OWN = "elsewhere"
"""Key of the metadata under which a file says what no other program needs: its world's seed and
fingerprint, its box and its zooms."""

HEADER_BYTES = 127
PART_BYTES = 8 << 20
"""Most bytes of a tile, of a directory or the metadata, packed and unpacked."""

DIRECTORIES = 64
"""Directories kept in memory, unpacked; one of 4,096 tiles takes 0.7 MB."""

LEVELS = 4
"""Directories on the way to a tile, at most."""

_ENCODINGS = {
    TileType.PNG: Encoding.PNG,
    TileType.WEBP: Encoding.WEBP,
    TileType.JPEG: Encoding.JPEG,
}
_LONG = re.compile(rb"[\x80-\xff]{10}")
"""Ten bytes of one number: more than 64 bits."""


class TileArchive:
    """An open archive, which several threads may read; `close` ends that.

    world: fingerprint of what decided its pixels. seed: that world's number. encoding: of all its
    tiles. zooms: the least and the greatest. bounds: the box in degrees that it covers. center:
    longitude, latitude and zoom to begin with. metadata: what it says of itself. modified:
    Unix second of its last change. Opening raises ArchiveError unless it is whole as far as can be
    told without reading all of it.
    """

    def __init__(self, ranges: ByteRanges) -> None:
        self._ranges = ranges
        self.name, self.remote, self.modified = ranges.name, ranges.remote, ranges.modified
        self._head = head = self._read_header()
        self.encoding = _ENCODINGS[head["tile_type"]]
        self.zooms = least, greatest = (head["min_zoom"], head["max_zoom"])
        if not least <= greatest <= MAX_ZOOM:
            raise self._damaged(f"its zooms are {least} to {greatest}, of 0 to {MAX_ZOOM}")
        west, south, east, north = (
            head[edge] / 1e7 for edge in ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
        )
        self.bounds: Box = (west, south, east, north)
        self.center = (
            head["center_lon_e7"] / 1e7,
            head["center_lat_e7"] / 1e7,
            head["center_zoom"],
        )
        self.metadata, self.seed, self.world = self._read_metadata()
        self._read_directory(head["root_offset"], head["root_length"])
        self._directory = lru_cache(DIRECTORIES)(self._read_directory)

    @classmethod
    def open(cls, place: str) -> TileArchive:
        """Open the archive at a path or URL. Raises ArchiveError."""
        ranges = open_ranges(place)
        try:
            return cls(ranges)
        except BaseException:
            ranges.close()
            raise

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._ranges.close()

    def has(self, tile: Tile) -> bool:
        """Say whether the archive has a tile, without reading it. Raises ArchiveError."""
        return self._find(tile) is not None

    def payload(self, tile: Tile) -> bytes | None:
        """Return a tile's bytes, or None if the archive does not have it. Raises ArchiveError."""
        entry = self._find(tile)
        return None if entry is None else self._read_tile(tile, entry)

    def entries(self) -> Iterator[tuple[int, int, int]]:
        """Yield each tile's number, rising, with the place and the length of its bytes.

        No directory is kept. Raises ArchiveError.
        """
        head = self._head
        pending = [(head["root_offset"], head["root_length"])]
        while pending:
            leaves = []
            for entry in self._read_directory(*pending.pop()):
                if not entry.run_length:
                    leaves.append((head["leaf_directory_offset"] + entry.offset, entry.length))
                for number in range(entry.tile_id, entry.tile_id + entry.run_length):
                    yield number, head["tile_data_offset"] + entry.offset, entry.length
            pending += reversed(leaves)

    # Reading.

    def _find(self, tile: Tile) -> Entry | None:
        """Return where a tile lies, going down the directories."""
        head, number = self._head, tile_id(tile)
        offset, length = head["root_offset"], head["root_length"]
        for _ in range(LEVELS):
            entry = find_tile(self._directory(offset, length), number)
            if entry is None or entry.run_length:
                return entry
            offset, length = head["leaf_directory_offset"] + entry.offset, entry.length
        raise self._damaged(f"its directories are deeper than {LEVELS}")

    def _read_tile(self, tile: Tile, entry: Entry) -> bytes:
        payload = self._part(self._head["tile_data_offset"] + entry.offset, entry.length)
        if not is_whole(payload, self.encoding.format):
            raise self._damaged(f"its tile {tile} is no whole {self.encoding.media_type}")
        return payload

    def _read_directory(self, offset: int, length: int) -> list[Entry]:
        packed = self._part(offset, length)
        if _LONG.search(self._unpacked(packed)):
            raise self._damaged("a directory has a number of more than 64 bits")
        try:
            return deserialize_directory(packed)
        except (EOFError, OSError, ValueError, IndexError, zlib.error):
            raise self._damaged("a directory is no list of tiles") from None

    def _read_header(self) -> HeaderDict:
        """Return the header of an archive that this server can read."""
        try:
            head = deserialize_header(self._ranges.read(0, HEADER_BYTES))
        except (MagicNumberNotFound, SpecVersionUnsupported, ValueError):
            raise ArchiveError(
                f"the archive {self.name} is not PMTiles of version 3, expected a file that "
                "`elsewhere export` wrote"
            ) from None
        kinds = ("root", "metadata", "leaf_directory", "tile_data")
        end = max(head[f"{kind}_offset"] + head[f"{kind}_length"] for kind in kinds)  # type: ignore[literal-required]
        if end > self._ranges.size:
            raise ArchiveDamagedError(
                f"the archive {self.name} is cut off: it has {self._ranges.size:,} bytes, expected "
                f"{end:,}"
            )
        packing = (head["internal_compression"], head["tile_compression"])
        if head["tile_type"] not in _ENCODINGS or packing != (Compression.GZIP, Compression.NONE):
            raise ArchiveError(
                f"the archive {self.name} holds tiles of the type {head['tile_type'].name}, packed "
                f"with {packing[1].name}, expected PNG, WEBP or JPEG as they are"
            )
        return head

    def _read_metadata(self) -> tuple[dict[str, Any], int, bytes]:
        """Return the metadata, with the seed and the fingerprint that they name."""
        head = self._head
        text = self._unpacked(self._part(head["metadata_offset"], head["metadata_length"]))
        try:
            said: dict[str, Any] = json.loads(text)
            seed, world = int(said[OWN]["seed"]), bytes.fromhex(said[OWN]["world"])
        except (ValueError, LookupError, TypeError):
            raise ArchiveError(
                f"the archive {self.name} does not say which world it holds, expected one that "
                "this version of `elsewhere export` wrote"
            ) from None
        return said, seed, world

    def _part(self, offset: int, length: int) -> bytes:
        if not 0 < length <= PART_BYTES:
            raise self._damaged(f"a part of it has {length} bytes")
        return self._ranges.read(offset, length)

    def _unpacked(self, packed: bytes) -> bytes:
        """Return what gzip packed, one member of at most PART_BYTES with a right checksum."""
        unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
        try:
            data = unpacker.decompress(packed, PART_BYTES)
        except zlib.error:
            data = b""
        if not unpacker.eof or unpacker.unused_data:
            raise self._damaged("a directory or the metadata cannot be unpacked")
        return data

    def _damaged(self, reason: str) -> ArchiveDamagedError:
        return ArchiveDamagedError(f"the archive {self.name} is damaged: {reason}")


def archive_of(settings: Settings) -> TileArchive | None:
    """Open the archive that the settings name, if any. Raises ArchiveError, also for other seeds.

    Whether it is the world of that seed is for `expect_world` to say.
    """
    if settings.archive is None:
        if settings.archive_only:
            raise ArchiveError("archive_only is set without an archive, expected --archive FILE")
        return None
    archive = TileArchive.open(settings.archive)
    if archive.seed != settings.seed:
        archive.close()
        raise ArchiveError(
            f"the archive {archive.name} holds world {archive.seed} and this server's is "
            f"{settings.seed}, expected the same: --seed {archive.seed}"
        )
    return archive


def any_world(world: bytes) -> None:
    """Check nothing: there is no archive."""


def expect_world(name: str, seed: int, held: bytes, world: bytes) -> None:
    """Raise ArchiveError unless `world` is the one that the archive `name` holds."""
    if world != held:
        raise ArchiveError(
            f"the archive {name} holds another world of seed {seed} than this server makes, "
            "expected one exported with the same weights, base map, tone, memory, geography and "
            "version"
        )
