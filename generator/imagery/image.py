"""Images of files and servers as scenes: their place, how they are read, and windows of them.

A file may lie on a web server: GDAL then fetches the parts that a window needs, and of a Cloud
Optimized GeoTIFF the coarse levels where those suffice.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np

from generator.grid.errors import ImageError, ImageryError
from generator.imagery.pieces import LargeImage, PieceWindow
from generator.imagery.place import Locator, Projected
from generator.imagery.sidecar import read_sidecar
from generator.imagery.sources import Decoded
from generator.rasters import Files, OpenedPicture, Reading, is_url, open_files, open_picture


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels, place where the file says it, how its pixels are read, and remarks on it.

    beside: whether only a world file says the place.
    """

    width: int
    height: int
    place: Locator | None
    beside: bool
    reading: Reading
    notes: tuple[str, ...]


def open_scene(
    path: Path, name: str, source: str, fallback: Locator | None, reading: Reading
) -> tuple[LargeImage | None, tuple[str, ...]]:
    """Return the scene of a file, or None where nothing tells its resolution, and remarks on it.

    Its place is what the file says, else its sidecar, else a world file, else `fallback`. Raises
    ImageryError.
    """
    given = read_sidecar(path, name)
    files = Files(name, (str(path),))
    header = inspect(files, reading)
    beside = given.place(header.width, header.height)
    own = (beside, header.place) if header.beside else (header.place, beside)
    place = next((one for one in (*own, fallback) if one is not None), None)
    if place is None:
        return None, header.notes
    scene = LargeImage(
        name=name,
        files=(path,),
        width=header.width,
        height=header.height,
        place=place,
        source=given.source or source,
        read=partial(read, files, header.reading),
        split=given.split,
        terms=given.terms,
        reading=said(header.reading),
    )
    return scene, header.notes


def inspect(files: Files, reading: Reading) -> Header:
    """Read what a scene is made from; of pixels only a coarse level, where they have 16 bits.

    Raises ImageryError, also where rasterio is needed and not installed.
    """
    with _opened(files, reading) as picture:
        if picture.grey:
            shown = f"{picture.bands} band{'s' if picture.bands != 1 else ''}"
            raise ImageryError(f"{files.name} has {shown} of grey, expected red, green and blue")
        place = None if picture.place is None else Projected(files.name, picture.place)
        if picture.stretch is not None:
            reading = dataclasses.replace(reading, stretch=picture.stretch)
        size = picture.width, picture.height
        return Header(*size, place, picture.beside, reading, picture.notes)


def read(files: Files, reading: Reading, window: PieceWindow) -> Decoded:
    """Read a window of an image at the window's size; raises ImageryError."""
    box = (window.x, window.y, window.width, window.height)
    path = Path(files.addresses[0])
    held = None if is_url(files.addresses[0]) else _held(files, reading, path.stat().st_mtime_ns)
    if held is not None:
        return _decoded(held, box, window.size)
    with _opened(files, reading) as picture:
        return _decoded(picture, box, window.size)


def said(reading: Reading) -> str:
    """Return how pixels are read as text that tells one way from another; empty for the usual."""
    return "" if reading == Reading() else repr(reading)


def _decoded(
    picture: OpenedPicture, box: tuple[int, int, int, int], size: tuple[int, int]
) -> Decoded:
    try:
        pixels, mask = picture.read(*box, size), picture.mask(*box, size)
    except ImageError as error:
        raise ImageryError(str(error)) from error
    return Decoded(pixels, None if mask is None else np.where(mask == 255, 255, 0).astype(np.uint8))


@lru_cache(maxsize=1)
def _held(files: Files, reading: Reading, changed: int) -> OpenedPicture | None:
    """Decode once for all pieces of a picture, which follow each other; None for one of GDAL."""
    with _opened(files, reading) as picture:
        return picture if picture.held() else None


@contextmanager
def _opened(files: Files, reading: Reading) -> Iterator[OpenedPicture]:
    """Open a picture; raises ImageryError."""
    try:
        if len(files.addresses) == 1 and not files.remote:
            opened = open_picture(Path(files.addresses[0]), reading, files.name)
        else:
            opened = open_files(files, reading)
        with opened as picture:
            yield picture
    except ImageError as error:
        raise ImageryError(str(error)) from error
