"""Opening pictures by what they hold: PNG, JPEG and WebP by Pillow, all else by GDAL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from generator.grid.errors import ImageError
from generator.rasters.content import Content, content_of
from generator.rasters.files import Files
from generator.rasters.gdal import opened_by_gdal
from generator.rasters.georeference import find_rasterio
from generator.rasters.picture import OpenedPicture, WholePicture
from generator.rasters.plain import NEEDS_RASTERIO, opened_by_pillow, refuse_bomb
from generator.rasters.samples import Reading

_BY_PILLOW = (Content.PNG, Content.JPEG, Content.WEBP)
_AS_READ = Reading()


def open_picture(
    path: Path, reading: Reading = _AS_READ, name: str | None = None
) -> AbstractContextManager[OpenedPicture]:
    """Open a picture; raises ImageError with one sentence, also as pixels are read.

    name: what messages call it.
    """
    name = name or f"image {path}"
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "does not exist"
        raise ImageError(f"{name} {what}, expected a file with a picture")
    try:
        content = content_of(path)
    except PermissionError as error:
        raise ImageError(f"{name} may not be read: permission denied") from error
    except OSError as error:
        raise ImageError(f"{name} cannot be read ({error.strerror})") from error
    rasterio = find_rasterio()
    if content not in _BY_PILLOW and rasterio is not None:
        return opened_by_gdal(rasterio, Files(name, (str(path),)), reading)
    if content in (Content.DEEP_PNG, Content.JPEG_2000, Content.VRT):
        raise ImageError(f"{name} is {content.value}, which {NEEDS_RASTERIO}")
    return opened_by_pillow(path, name, reading)


@contextmanager
def open_files(files: Files, reading: Reading) -> Iterator[OpenedPicture]:
    """Open a picture whose colours may lie in several files, or on a server. Raises ImageError."""
    rasterio = find_rasterio()
    if rasterio is None:
        raise ImageError(f"{files.name} {NEEDS_RASTERIO}")
    with opened_by_gdal(rasterio, files, reading) as picture:
        yield picture


def read_whole(path: Path, reading: Reading = _AS_READ, name: str | None = None) -> WholePicture:
    """Return a whole picture with its mask, holes as the file has them. Raises ImageError."""
    with open_picture(path, reading, name) as picture:
        return whole_of(name or f"image {path}", picture)


def whole_of(name: str, picture: OpenedPicture) -> WholePicture:
    """Read all of an opened picture; name: what messages call it. Raises ImageError."""
    refuse_bomb(name, picture.width, picture.height)
    box = (0, 0, picture.width, picture.height)
    pixels, mask = picture.read(*box), picture.mask(*box)
    if mask is not None and mask.min() == 255:
        mask = None
    return WholePicture(pixels, mask, picture.place, picture.notes, picture.grey, picture.bands)
