"""GDAL's OGC API driver, in a process of its own: python -m tests.ogcapi URL COLUMN ROW SIZE.

Rasterio's GDAL lacks the driver; pyogrio brings one that has it, without Python's raster functions.
So the C functions are called, and the pixels written to standard output: uint8 [4, SIZE, SIZE].
"""

from __future__ import annotations

import ctypes
import importlib.util
import sys
from pathlib import Path

OPEN_RASTER, VERBOSE, READ, BYTE = 0x02, 0x40, 0, 1


def find_gdal() -> Path | None:
    """Return the library that pyogrio's wheel brings along, or None."""
    spec = importlib.util.find_spec("pyogrio")
    if spec is None or spec.origin is None:
        return None
    package = Path(spec.origin).parent
    places = (package.parent / "pyogrio.libs", package / ".dylibs")
    return next((path for place in places for path in place.glob("libgdal*")), None)


def read(url: str, column: int, row: int, size: int) -> bytes:
    """Return the pixels of a window at the finest zoom, band after band."""
    library = find_gdal()
    assert library is not None
    gdal = ctypes.CDLL(str(library))
    projections = library.parent.parent / "pyogrio" / "proj_data"
    gdal.OSRSetPROJSearchPaths((ctypes.c_char_p * 2)(str(projections).encode(), None))
    gdal.GDALAllRegister()
    gdal.GDALOpenEx.restype = ctypes.c_void_p
    options = (ctypes.c_char_p * 2)(b"CACHE=NO", None)
    flags = OPEN_RASTER | VERBOSE
    opened = gdal.GDALOpenEx(f"OGCAPI:{url}".encode(), flags, None, options, None)
    assert opened, "GDAL cannot open it"
    source = ctypes.c_void_p(opened)
    pixels = ctypes.create_string_buffer(4 * size * size)
    window, shape = (column, row, size, size), (size, size)
    failed = gdal.GDALDatasetRasterIO(source, READ, *window, pixels, *shape, BYTE, 4, None, 0, 0, 0)
    assert not failed, "GDAL cannot read it"
    return pixels.raw


if __name__ == "__main__":
    sys.stdout.buffer.write(read(sys.argv[1], *map(int, sys.argv[2:])))
