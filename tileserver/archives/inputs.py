"""The tiles of an archive as inputs of those that are made: PNG, from a file of this machine."""

from __future__ import annotations

import logging

from generator.grid.tile import Tile
from tileserver.archives.tilearchive import TileArchive, archive_of
from tileserver.cache.tilecache import CachedTile, digest_of
from tileserver.encoding import Encoding
from tileserver.errors import ArchiveError
from tileserver.settings import ARCHIVE_URL, Settings

log = logging.getLogger("elsewhere")


class ArchivedInputs:
    """The tiles of an archive, of which damaged ones count as absent from their first read on."""

    def __init__(self, archive: TileArchive) -> None:
        self._archive = archive
        self._bad: set[Tile] = set()

    @classmethod
    def of(cls, settings: Settings) -> ArchivedInputs | None:
        """Open what the settings name, if that is PNG on this machine and can be read."""
        if settings.archive is None or ARCHIVE_URL.fullmatch(settings.archive):
            return None
        try:
            archive = archive_of(settings)
        except ArchiveError as error:
            log.warning("%s; tiles are made without it", error)
            return None
        if archive is None or archive.encoding is not Encoding.PNG:
            return None
        return cls(archive)

    def has(self, world: bytes, tile: Tile) -> bool:
        """Say whether a tile is there, without reading it."""
        if world != self._archive.world or tile in self._bad:
            return False
        try:
            return self._archive.has(tile)
        except ArchiveError:
            return False

    def entry(self, world: bytes, tile: Tile) -> CachedTile | None:
        """Return a tile, or None if it is absent or damaged."""
        if not self.has(world, tile):
            return None
        try:
            payload = self._archive.payload(tile)
        except ArchiveError as error:
            log.warning("%s; it is made", error)
            payload = None
        if payload is None:
            self._bad.add(tile)
            return None
        return CachedTile(payload, digest_of(payload), self._archive.modified)

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._archive.close()
