"""What every kind of exported file has in common: what it says of itself, how it is checked."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from generator.grid.tile import MAX_LATITUDE, Tile, latitude_of, row_of
from tileserver.regions.region import Box

VIEW_TILES = (4, 3)
"""Columns and rows of tiles that a client's window has room for, 1024 x 768 pixels."""


@dataclass(frozen=True, slots=True)
class ArchiveMetadata:
    """What a file says of itself: texts for people, the tiles' format, what part of the map it is.

    format: png, webp or jpg. bbox: west > east where it crosses the dateline. world: in
    hexadecimal, '' where nobody needs to know it.
    """

    title: str
    description: str
    attribution: str
    format: str
    bbox: Box
    zooms: tuple[int, ...]
    world: str = ""

    @property
    def bounds(self) -> Box:
        """Return the box on the map with west < east: all longitudes where it crosses 180."""
        west, south, east, north = self.bbox
        if west > east:
            west, east = -180.0, 180.0
        return west, max(south, -MAX_LATITUDE), east, min(north, MAX_LATITUDE)

    @property
    def view(self) -> tuple[float, float, int]:
        """Return longitude and latitude of the middle, and the zoom at which all is in view.

        The middle is the map's, across the dateline too; the zoom is the deepest of `zooms` that
        has the region on VIEW_TILES.
        """
        west, south, east, north = self.bbox
        width = (east if east >= west else east + 360) - west
        top, bottom = row_of(north, 1), row_of(south, 1)
        sides = width / 360, bottom - top
        fitting = [
            zoom
            for zoom in self.zooms
            if all(side * 2**zoom <= most for side, most in zip(sides, VIEW_TILES, strict=True))
        ]
        longitude = (west + width / 2 + 180) % 360 - 180
        latitude = latitude_of((top + bottom) / 2, 1)
        return longitude, latitude, fitting[-1] if fitting else self.zooms[0]


class Archive(Protocol):
    """A file of tiles being written."""

    def add(self, tile: Tile, payload: bytes) -> bytes:
        """Take the next tile, by rising tile number; return what `read` has to give for it."""

    def finish(self) -> None:
        """Write what is left, so that the file is whole."""

    def read(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield every tile of the finished file, read anew."""

    def close(self) -> None:
        """Let go of the files; a second call does nothing."""


class SqliteArchive:
    """What archives in one SQLite file share: a database that is written, then read anew.

    SELECT: the statement that yields z, x, row and payload of every tile.
    """

    SELECT: ClassVar[str]

    def __init__(self, path: Path) -> None:
        self._path = path
        self._base = sqlite3.connect(path)

    def finish(self) -> None:
        """Write what is left."""
        self._base.commit()
        self.close()

    def read(self) -> Iterator[tuple[Tile, bytes]]:
        """Yield every tile of the finished file, read anew."""
        uri = f"{self._path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as base:
            for z, x, row, payload in base.execute(self.SELECT):
                yield Tile(z, x, row), payload

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        self._base.close()


class Checksum:
    """The sum of the digests of tiles, whatever their order: what was written, what is read."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0

    def __eq__(self, other: object) -> bool:
        """Say whether both have seen the same tiles, each as often."""
        return isinstance(other, Checksum) and vars(self) == vars(other)

    def add(self, tile: Tile, payload: bytes) -> None:
        """Take a tile into the sum."""
        digest = hashlib.blake2b(f"{tile} ".encode() + payload, digest_size=16).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) % (1 << 128)
        self.count += 1
