"""MBTiles 1.3: all tiles in one SQLite file, rows counted from the south, equal tiles once."""

from __future__ import annotations

import hashlib
from pathlib import Path

from generator.grid.tile import Tile
from tileserver.batch.archive import ArchiveMetadata, SqliteArchive

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA application_id = 1297105496;
CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE images (tile_id TEXT PRIMARY KEY, tile_data BLOB NOT NULL);
CREATE TABLE map (
    zoom_level INTEGER NOT NULL, tile_column INTEGER NOT NULL, tile_row INTEGER NOT NULL,
    tile_id TEXT NOT NULL
);
CREATE VIEW tiles AS
    SELECT zoom_level, tile_column, tile_row, tile_data FROM map JOIN images USING (tile_id);
"""
"""1297105496 is 'MPBX', MBTiles' number. Without a journal: the file is no one's until renamed."""


class MbtilesFile(SqliteArchive):
    """An MBTiles archive at `path`."""

    SELECT = (
        "SELECT zoom_level, tile_column, (1 << zoom_level) - 1 - tile_row, tile_data FROM tiles"
    )

    def __init__(self, path: Path, about: ArchiveMetadata) -> None:
        path.unlink(missing_ok=True)
        super().__init__(path)
        self._about = about
        self._base.executescript(_SCHEMA)

    def add(self, tile: Tile, payload: bytes) -> bytes:
        """Take the next tile; return its bytes."""
        name = hashlib.blake2b(payload, digest_size=16).hexdigest()
        row = (1 << tile.z) - 1 - tile.y
        self._base.execute("INSERT OR IGNORE INTO images VALUES (?, ?)", (name, payload))
        self._base.execute("INSERT INTO map VALUES (?, ?, ?, ?)", (tile.z, tile.x, row, name))
        return payload

    def finish(self) -> None:
        """Write the metadata and the index."""
        about = self._about
        texts = {
            "name": about.title,
            "description": about.description,
            "attribution": about.attribution,
            "format": about.format,
            "bounds": ",".join(f"{edge:.7f}" for edge in about.bounds),
            "center": "{:.7f},{:.7f},{}".format(*about.view),
            "minzoom": str(about.zooms[0]),
            "maxzoom": str(about.zooms[-1]),
            "type": "baselayer",
            "version": "1.0.0",
        }
        self._base.executemany("INSERT INTO metadata VALUES (?, ?)", texts.items())
        self._base.execute(
            "CREATE UNIQUE INDEX map_index ON map (zoom_level, tile_column, tile_row)"
        )
        super().finish()
