"""The base map: an equirectangular picture of a planet as Web Mercator tiles of zooms 0 to 5.

Zoom 5 is the cubic interpolation of the picture, linear in x and Mercator in y; zooms 4 to 0 are
exact 2 x 2 averages of the zoom below, halves rounded up. All of it is integer arithmetic on 8-bit
samples, so equal pictures give equal tiles on every machine. A picture from 16,384 pixels on serves
zooms 6 and 7 too, at its own resolution (`generator.base.deepmap`): 7 is its interpolation, 6 the
exact average of 7.

Measured on one core of an x86-64 machine, Blue Marble: opened in 2.1 s, 0.6 s of them for its
tone, zooms 0 to 4 made in 0.5 s more when first asked for, a tile of zoom 5 in 1 ms; 242 MB at the
peak of the whole process.
"""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.base import planetfile
from generator.base import tone as curves
from generator.base.bluemarble import blue_marble
from generator.base.deepmap import DeepMap, deepest_zoom
from generator.grid import mercator
from generator.grid.averaging import averaged
from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import BASE_ZOOM, TILE_SIZE, Tile
from generator.grid.window import rows_of
from generator.planets.planet import Planet

_SIDE = TILE_SIZE << BASE_ZOOM
_STRIP = 64
_PAD = 8
"""Columns repeated on both sides of the picture, so that the cubic kernel sees no dateline."""


class BaseMap:
    """A planet at zooms 0 to `zoom`, which is 5, or a stage's that the picture replaces.

    digest: hexadecimal digest of all that decides its pixels.
    """

    def __init__(self, planet: Pixels) -> None:
        """Prepare an equirectangular picture, uint8 [h, 2h, 3], west edge at 180 degrees W."""
        self._wide = _widen(planet)
        self._taps, self._weights = mercator.rows(len(self._wide), _SIDE)
        self.zoom = deepest_zoom(planet.shape[1])
        self._deep = DeepMap(planet) if self.zoom > BASE_ZOOM else None
        digest = hashlib.sha256(b"base map 1")
        for part in (self._wide, self._taps.astype("<i4"), self._weights.astype("<i4")):
            digest.update(np.ascontiguousarray(part).data)
        if self._deep is not None:
            digest.update(self._deep.digest)
        self.digest = digest.hexdigest()
        self._levels: list[Pixels] = []
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path | None = None, tone: str | None = None) -> BaseMap:
        """Open a user's picture (`generator.base.planetfile`), or the Blue Marble for None.

        A path such as planet:3 or planet:3:ice is no file but a made-up planet
        (`generator.planets.planet`), drawn here; a file of that name opens by its absolute path.
        tone: natural, none, or None for the base map's own default (`generator.base.tone`).
        Raises BaseMapError with one sentence when the file is missing, damaged, no whole planet,
        not twice as wide as high, too narrow or larger than 400 million pixels, or for another
        tone.
        """
        natural = curves.is_natural(tone, path)
        if path is None:
            picture = blue_marble()
        elif (planet := Planet.named(path)) is not None:
            picture = planet.picture()
        else:
            picture = planetfile.read(path)
        return cls(curves.apply(picture) if natural else picture)

    @staticmethod
    def check(path: Path | None) -> None:
        """Raise BaseMapError where a file's header shows that `open` will refuse it."""
        if path is not None and Planet.named(path) is None:
            planetfile.check(path)

    def tile(self, tile: Tile) -> Pixels:
        """Return the pixels of a tile up to `zoom`, uint8 [256, 256, 3]. Raises BaseMapError."""
        return self.region(tile.z, tile.x * TILE_SIZE, tile.y * TILE_SIZE, TILE_SIZE, TILE_SIZE)

    def region(self, zoom: int, x0: int, y0: int, width: int, height: int) -> Pixels:
        """Return any rectangle of world pixels of a zoom up to `zoom`, uint8 [height, width, 3].

        x wraps at the dateline, y is mirrored at the map's edges. Raises BaseMapError.
        """
        if not 0 <= zoom <= self.zoom:
            raise BaseMapError(f"zoom is {zoom}, the base map has 0 to {self.zoom}")
        if self._deep is not None and BASE_ZOOM < zoom < self.zoom:
            return averaged(self.region(zoom + 1, 2 * x0, 2 * y0, 2 * width, 2 * height), 2)
        side = TILE_SIZE << zoom
        rows = rows_of(Rectangle(x0, y0, width, height), zoom)
        start = x0 % side
        if self._deep is not None and zoom > BASE_ZOOM:
            return self._deep.pixels(rows, np.arange(start, start + width) % side)
        columns = (
            slice(start, start + width)
            if start + width <= side
            else np.arange(start, start + width) % side
        )
        if zoom == BASE_ZOOM:
            return self._finest(rows, columns)
        return np.ascontiguousarray(self._coarser()[zoom][rows][:, columns])

    def _finest(self, rows: NDArray[np.int64], columns: slice | NDArray[np.int64]) -> Pixels:
        """Return rows and columns of zoom 5: four weighted rows of the widened picture each."""
        # Four rows with weights in 2**-14, rounded half up.
        total = np.full((len(rows), 1, 1), 1 << (mercator.BITS - 1), np.int32)
        for tap in range(4):
            source = self._wide[self._taps[rows, tap]][:, columns]
            total = total + source * self._weights[rows, tap, None, None]
        pixels: Pixels = np.clip(total >> mercator.BITS, 0, 255).astype(np.uint8)
        return pixels

    def _coarser(self) -> list[Pixels]:
        """Return zooms 0 to 4 whole, made when first asked for."""
        with self._lock:
            if not self._levels:
                self._levels = self._pyramid()
            return self._levels

    def _pyramid(self) -> list[Pixels]:
        """Average zooms 4 to 0, the finest of them strip by strip."""
        finest = np.empty((_SIDE // 2, _SIDE // 2, 3), np.uint8)
        for y in range(0, _SIDE, _STRIP):
            strip = self._finest(np.arange(y, y + _STRIP), slice(0, _SIDE))
            finest[y // 2 : (y + _STRIP) // 2] = averaged(strip, 2)
        # Each coarser zoom is the average of the one before.
        levels = [finest]
        while len(levels) < BASE_ZOOM:
            levels.insert(0, averaged(levels[0], 2))
        return levels


def _widen(planet: Pixels) -> Pixels:
    """Return the picture interpolated to the columns of zoom 5, uint8 [h, 8192, 3].

    A picture higher than 4096 pixels is filtered down to these first.
    """
    wide = np.empty((len(planet), _SIDE, 3), np.uint8)
    for y in range(0, len(planet), _STRIP):
        wide[y : y + _STRIP] = _stretch(planet[y : y + _STRIP])
    if len(wide) > _SIDE // 2:
        image = Image.fromarray(wide)
        return np.asarray(image.resize((_SIDE, _SIDE // 2), Image.Resampling.BICUBIC))
    return wide


def _stretch(pixels: Pixels) -> Pixels:
    """Return whole rows of the planet filtered to 8192 columns."""
    padded = np.concatenate([pixels[:, -_PAD:], pixels, pixels[:, :_PAD]], axis=1)
    box = (_PAD, 0, _PAD + pixels.shape[1], len(pixels))
    image = Image.fromarray(padded)
    return np.asarray(image.resize((_SIDE, len(pixels)), Image.Resampling.BICUBIC, box=box))
