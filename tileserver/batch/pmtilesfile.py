"""PMTiles version 3: all tiles in one file that a static web server can hand out by ranges."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pmtiles import reader, writer
from pmtiles.tile import Compression, TileType

from generator.grid.tile import Tile
from tileserver.archives.tilearchive import OWN, TileArchive
from tileserver.batch.archive import ArchiveMetadata
from tileserver.regions.tileid import tile_id

_reader: Any = reader  # the library says that it is typed, but these two modules are not
_writer: Any = writer

_TYPES = {"png": TileType.PNG, "webp": TileType.WEBP, "jpg": TileType.JPEG}


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


def metadata_of(archive: TileArchive) -> ArchiveMetadata:
    """Return what a file that `PmtilesFile` wrote says of itself. Raises LookupError, TypeError."""
    said = archive.metadata
    own, format = said[OWN], archive.encoding.format.replace("jpeg", "jpg")
    texts = (said["name"], said["description"], said["attribution"])
    bbox, zooms = tuple(own["bbox"]), tuple(own["zooms"])
    return ArchiveMetadata(*texts, format, bbox, zooms, archive.seed, archive.world)
