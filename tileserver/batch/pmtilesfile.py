"""PMTiles version 3: all tiles in one file that a static web server can hand out by ranges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pmtiles import reader, writer
from pmtiles.tile import (
    Compression,
    MagicNumberNotFound,
    SpecVersionUnsupported,
    TileType,
    deserialize_directory,
    deserialize_header,
)

from generator.grid.tile import Tile
from tileserver.archives.tilearchive import HEADER_BYTES, OWN
from tileserver.batch.archive import ArchiveMetadata
from tileserver.errors import ExportError
from tileserver.regions.tileid import tile_id

_reader: Any = reader  # the library says that it is typed, but these two modules are not
_writer: Any = writer

_TYPES = {"png": TileType.PNG, "webp": TileType.WEBP, "jpg": TileType.JPEG}

_FOREIGN = (
    EOFError, LookupError, OSError, StopIteration, TypeError, ValueError, MagicNumberNotFound,
    SpecVersionUnsupported,
)  # fmt: skip
"""What reading other programs' files as ours runs into."""

ReadRange = Callable[[int, int], bytes]
"""Returns so many bytes of a file from an offset on."""


class PmtilesFile:
    """A PMTiles archive at `path`: equal tiles stored once, neighbours beside each other.

    The library keeps 0.3 kB per tile in memory, and the tiles in a file beside `path` until the
    end: in its own place, the folder for temporary files, they would often fill the memory.
    """

    def __init__(self, path: Path, about: ArchiveMetadata) -> None:
        self._path, self._about = path, about
        self._data = path.with_name(path.name + ".data")
        self._file = path.open("wb")
        self._writer = _writer.Writer(self._file)
        self._writer.tile_f.close()
        self._writer.tile_f = self._data.open("w+b")

    def add(self, tile: Tile, payload: bytes) -> bytes:
        """Take the next tile, by rising tile number; return its bytes."""
        self._writer.write_tile(tile_id(tile), payload)
        return payload

    def finish(self) -> None:
        """Write directories, metadata and tiles."""
        about = self._about
        west, south, east, north = (round(edge * 1e7) for edge in about.bounds)
        longitude, latitude, zoom = about.view
        header = {
            "tile_compression": Compression.NONE,
            "tile_type": _TYPES[about.format],
            "min_lon_e7": west,
            "min_lat_e7": south,
            "max_lon_e7": east,
            "max_lat_e7": north,
            "center_zoom": zoom,
            "center_lon_e7": round(longitude * 1e7),
            "center_lat_e7": round(latitude * 1e7),
        }
        metadata = {
            "name": about.title,
            "description": about.description,
            "attribution": about.attribution,
            "type": "baselayer",
            "version": "1.0.0",
            "format": about.format,
            # A seed as text, since JSON rounds large numbers.
            OWN: {
                "seed": str(about.seed),
                "world": about.world.hex(),
                "bbox": about.bbox,
                "zooms": about.zooms,
            },
        }
        self._writer.finalize(header, metadata)
        self.close()

    def read(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield every tile of the finished file, read anew."""
        with self._path.open("rb") as file:
            for (z, x, y), payload in _reader.all_tiles(_reader.MmapSource(file)):
                yield Tile(z, x, y), payload

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""
        self._file.close()
        self._writer.tile_f.close()
        self._data.unlink(missing_ok=True)


class PmtilesIndex:
    """What a PMTiles file says of itself and where its tiles lie, by reading parts of it.

    name: what messages call it. Raises ExportError where this program did not write it.
    """

    def __init__(self, name: str, read: ReadRange) -> None:
        self._read = read
        try:
            self._header = deserialize_header(read(0, HEADER_BYTES))
            said = _reader.Reader(read).metadata()
            own, format = said[OWN], TileType(self._header["tile_type"])
            self.about = ArchiveMetadata(
                said["name"],
                said["description"],
                said["attribution"],
                next(word for word, kind in _TYPES.items() if kind == format),
                tuple(own["bbox"]),
                tuple(own["zooms"]),
                int(own["seed"]),
                bytes.fromhex(own["world"]),
            )
        except _FOREIGN:
            raise ExportError(
                f"{name} is no PMTiles file of a world, expected shards or exports of `elsewhere`"
            ) from None

    def entries(self) -> Iterator[tuple[int, int, int]]:
        """Yield each tile's number, rising, with the place and the length of its bytes."""
        pending = [(self._header["root_offset"], self._header["root_length"])]
        while pending:
            leaves = []
            for entry in deserialize_directory(self._read(*pending.pop())):
                if not entry.run_length:
                    leaf = self._header["leaf_directory_offset"] + entry.offset
                    leaves.append((leaf, entry.length))
                for number in range(entry.tile_id, entry.tile_id + entry.run_length):
                    yield number, self._header["tile_data_offset"] + entry.offset, entry.length
            pending += reversed(leaves)
