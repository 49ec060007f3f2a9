"""What stands in for the process that makes tiles where an archive has all there are."""

from __future__ import annotations

from typing import Any

from generator.grid.tile import Tile
from tileserver.archives.tilearchive import TileArchive
from tileserver.cache.tilecache import CachedTile
from tileserver.errors import UnmadeError
from tileserver.rendering.request import RequestOptions


class ArchiveClient:
    """Knows one world, the archive's, and makes nothing; in place of a `RenderClient`."""

    def __init__(self, archive: TileArchive) -> None:
        self._archive = archive

    def start(self) -> None:
        """Nothing needs to begin."""

    async def known(self) -> None:
        """Return: the world is known from the start."""

    async def greeted(self) -> None:
        """Return: no other process is needed."""

    async def render(self, seed: int, tile: Tile, options: RequestOptions) -> CachedTile:
        """Raise UnmadeError: what was not found is not there."""
        archive = self._archive
        raise UnmadeError(
            f"this tile is not in the archive, which holds {archive.encoding.format} tiles of "
            f"zooms {archive.zooms[0]} to {archive.zooms[1]}, and this server makes none"
        )

    def world(self, seed: int) -> bytes:
        """Return the archive's world. Raises UnmadeError for other seeds."""
        if seed != self._archive.seed:
            raise UnmadeError(
                f"this server has the tiles of world {self._archive.seed} only, and makes none"
            )
        return self._archive.world

    def model(self) -> dict[str, Any]:
        """Return nothing: there is no model here."""
        return {}

    def problem(self) -> str | None:
        """Return None: there is no process that may be unwell."""
        return None

    def refuse(self) -> None:
        """Nothing waits to be made."""

    def close(self) -> None:
        """Nothing is open."""
