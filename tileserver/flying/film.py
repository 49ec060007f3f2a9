"""Makes a film: every tile first, then every frame, then the file, which appears when it is whole.

Tiles stay in the cache and frames in a folder beside the film until it is there, so the same
command goes on wherever it was stopped, and ends in the same bytes.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from generator.atomicfile import atomic_replace
from generator.grid.pixels import Pixels
from generator.grid.tile import Tile
from tileserver.batch import seed as seeding
from tileserver.batch.progress import Report
from tileserver.errors import FlightError
from tileserver.flying.encoders import Encode, FilmMetadata, encoder
from tileserver.flying.flight import Flight
from tileserver.flying.framefolder import FRAME_BYTES, FrameFolder, key_of
from tileserver.flying.frames import FrameRenderer
from tileserver.regions.region import Region
from tileserver.rendering.batch import BatchRenderer


@dataclass(frozen=True, slots=True)
class FilmTarget:
    """Where a film goes. Raises FlightError, before any work, for what cannot be written.

    encode: writes the file; None for a folder of pictures.
    """

    path: Path
    encode: Encode | None

    @classmethod
    def of(cls, path: Path, flight: Flight, force: bool) -> FilmTarget:
        """Return the target of a name, checked."""
        encode = encoder(path, flight)
        folder = path.absolute().parent
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise FlightError(
                f"{path} cannot be written, expected {folder} to be a folder that may be"
            )
        if encode is None and path.exists():
            if not path.is_dir() or any(path.iterdir()):
                raise FlightError(f"{path} is there already, expected the name of a new folder")
        elif path.is_dir():
            raise FlightError(f"{path} is a folder, expected a file to write")
        elif path.exists() and not force:
            raise FlightError(
                f"{path} is there already, expected a new name, or --force to replace it"
            )
        return cls(path, encode)

    def check_room(self, flight: Flight) -> None:
        """Raise FlightError if the disk cannot hold the frames."""
        needed, free = frame_bytes(flight), shutil.disk_usage(self.path.absolute().parent).free
        if needed > free:
            raise FlightError(
                f"the frames need about {needed / 1e9:,.1f} GB beside {self.path} and the disk has "
                f"{free / 1e9:,.1f} GB, expected enough: give a smaller --size or fewer seconds"
            )


def frame_bytes(flight: Flight) -> float:
    """Return how many bytes all frames take until the film is made, about."""
    return flight.plan.size[0] * flight.plan.size[1] * flight.frames * FRAME_BYTES


def seed_tiles(maker: BatchRenderer, region: Region, report: Report) -> None:
    """Make every tile that a flight needs, parents first, each once. Raises FlightError."""
    tally = seeding.seed(maker, region, report)
    if tally.missing:
        tile, reason = next(iter(tally.reasons.items()), ("", "unknown"))
        raise FlightError(
            f"{tally.missing:,} tiles could not be made, tile {tile} first ({reason}); what was "
            "made is stored, the same command goes on from there"
        )


class Film:
    """The film of a flight over the world of a maker. fresh: frames of another film were removed.

    Raises FlightError; `close` it whatever happens.
    """

    def __init__(self, maker: BatchRenderer, flight: Flight, target: FilmTarget) -> None:
        self._flight, self._target = flight, target
        self._renderer = FrameRenderer(flight, reader(maker))
        self._work = FrameFolder(target.path, key_of(flight.plan, maker.world))
        self.fresh = self._work.fresh

    def make(self, texts: FilmMetadata, report: Report) -> int:
        """Draw the frames that are not there and write the film; return its bytes."""
        try:
            self._draw(report)
            size = self._write(texts, report)
        except OSError as error:
            raise FlightError(
                f"{self._target.path} cannot be written: {error.strerror or error}; what was made "
                "is kept, the same command goes on from there"
            ) from error
        self._work.remove()
        return size

    def close(self) -> None:
        """Let the frames' folder go."""
        self._work.close()

    def _draw(self, report: Report) -> None:
        drawn = 0
        for number in range(self._flight.frames):
            if not self._work.has(number):
                self._work.put(number, self._renderer.frame(number))
                drawn += 1
            report("Drawing", number + 1, self._flight.frames, drawn)

    def _write(self, texts: FilmMetadata, report: Report) -> int:
        path, encode = self._target.path, self._target.encode
        frames = self._frames(report)
        if encode is None:
            for _ in frames:  # each is looked at, and drawn again if it is damaged
                pass
            size = sum(file.stat().st_size for file in self._work.frames.iterdir())
            self._work.frames.replace(path)
            return size
        with atomic_replace(path, folder=self._work.folder, durable=True) as part:
            encode(part, frames, self._flight, texts)
        return path.stat().st_size

    def _frames(self, report: Report) -> Iterator[Pixels]:
        """Yield every frame as it is stored; one that is damaged is drawn again."""
        for number in range(self._flight.frames):
            pixels = self._work.get(number)
            if pixels is None:
                pixels = self._renderer.frame(number)
                self._work.put(number, pixels)
            yield pixels
            report("Writing", number + 1, self._flight.frames, number + 1)


def reader(maker: BatchRenderer) -> Callable[[Tile], Pixels]:
    """Return what reads tiles of a maker's world, and makes those that are gone."""

    def read(tile: Tile) -> Pixels:
        with seeding.failing_as(FlightError, tile):
            maker.make(tile)
            return maker.pixels(tile)

    return read
