"""Real tiles with a known place: imagery cut at the resolution that a zoom has there."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from generator.grid.pixels import Pixels
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE
from training.imagery.pyramid import MASK_STEP, Image, Pyramid
from training.measure.sites import Site
from training.samples.windows import BANDS, VALID, Band

_METRES_PER_DEGREE = 111_320.0
_TRIES = 8
_COARSER = 1.05
"""Imagery may be this much coarser than the zoom; a band's coarsest at zoom 9, where little is."""
_CELL = 0.5
"""Degrees: one tile for each cell of this size."""
_MOST_SHRUNK = 2.2
"""Image pixels for one of the tile, at most."""
_BRIGHTEST = 200.0


@dataclass(frozen=True, slots=True)
class LocalTile:
    """A real window, uint8 [256, 256, 3], and the site of its centre."""

    site: Site
    pixels: Pixels


def local_tiles(pyramid: Pyramid, band: int, count: int, seed: int = 0) -> list[LocalTile]:
    """Cut up to `count` real tiles of BANDS[band].zoom, from as many places and sources as can be.

    Held-out places come first. Places closer than half a degree count as one. Windows that are
    masked, mostly water, ice or overexposed are left out.
    """
    random = np.random.default_rng([seed, band])
    waiting = _by_source(pyramid, BANDS[band], random)
    # Sources take turns until each is used up or there are enough tiles.
    found: list[LocalTile] = []
    cells: set[tuple[int, int]] = set()
    while waiting and len(found) < count:
        for source in list(waiting):
            tile = _next(pyramid, BANDS[band], waiting[source], cells, random)
            if tile is None:
                del waiting[source]
            elif len(found) < count:
                found.append(tile)
    return found


def is_land(pixels: Pixels) -> bool:
    """Whether a tile is neither mostly water nor ice.

    Water: over half of it, by `water_share`. Ice: a mean above 200.
    Rollouts and imagery hold different shares of sea and ice; both are sorted by this.
    """
    return bool(water_share(pixels) <= 0.5 and pixels.mean() <= _BRIGHTEST)


def water_share(pixels: Pixels) -> float:
    """Return the share of pixels, from 0 to 1, that are bluer by 10 levels than red and green."""
    red, green, blue = (pixels[..., k].astype(np.int16) for k in range(3))
    return float((blue > np.maximum(red, green) + 10).mean())


def _by_source(pyramid: Pyramid, band: Band, random: np.random.Generator) -> dict[str, list[Image]]:
    """Usable images by source in random order, held-out ones last (they are popped first)."""
    usable = [image for image in pyramid.images if _usable(image, band)]
    order = random.permutation(len(usable))
    sources: dict[str, list[Image]] = {}
    for image in sorted((usable[i] for i in order), key=lambda image: image.split != "train"):
        sources.setdefault(image.source, []).append(image)
    return sources


def _target(image: Image, band: Band) -> float:
    """Metres per pixel of the tile that the image can give: the zoom's, or its own if coarser."""
    return max(image.gsd, _resolution(image, band))


def _resolution(image: Image, band: Band) -> float:
    assert image.lat is not None
    return EQUATOR_RESOLUTION * math.cos(math.radians(image.lat)) / (1 << band.zoom)


def _usable(image: Image, band: Band) -> bool:
    if image.lat is None or image.lon is None or image.gsd > band.coarsest:
        return False
    coarser = image.gsd / _resolution(image, band)
    limit = 2 * _COARSER if band.zoom == 9 else _COARSER
    # A level beyond the first of the same image is taken where the finer one is too fine.
    side = TILE_SIZE * _target(image, band) / image.gsd
    return coarser <= limit and side <= min(image.height, image.width, _MOST_SHRUNK * TILE_SIZE)


def _next(
    pyramid: Pyramid,
    band: Band,
    images: list[Image],
    cells: set[tuple[int, int]],
    random: np.random.Generator,
) -> LocalTile | None:
    """Cut a tile from the first image of a new place; uses the list up."""
    while images:
        image = images.pop()
        side = round(TILE_SIZE * _target(image, band) / image.gsd)
        # Try places of the image until one is new, valid and land.
        for _ in range(_TRIES):
            y = int(random.integers(image.height - side + 1))
            x = int(random.integers(image.width - side + 1))
            site = _centre(image, y + side / 2, x + side / 2)
            cell = (math.floor(site.lat / _CELL), math.floor(site.lon / _CELL))
            if cell in cells or not _valid(pyramid, image, y, x, side):
                continue
            pixels = pyramid.pixels(image)[y : y + side, x : x + side]
            if not is_land(pixels):
                continue
            # Shrink it to the resolution of the zoom.
            cells.add(cell)
            size = (TILE_SIZE, TILE_SIZE)
            resized = Pillow.fromarray(pixels).resize(size, Pillow.Resampling.HAMMING)
            return LocalTile(site, np.asarray(resized))
    return None


def _valid(pyramid: Pyramid, image: Image, y: int, x: int, side: int) -> bool:
    mask = pyramid.mask(image)
    if mask is None:
        return True
    rows, columns = (slice(v // MASK_STEP, -(-(v + side) // MASK_STEP)) for v in (y, x))
    return bool(mask[rows, columns].mean() > VALID)


def _centre(image: Image, row: float, column: float) -> Site:
    """Spot of a pixel of an image whose middle and resolution are known."""
    assert image.lat is not None
    assert image.lon is not None
    lat = image.lat - (row - image.height / 2) * image.gsd / _METRES_PER_DEGREE
    east = (column - image.width / 2) * image.gsd / _METRES_PER_DEGREE
    lon = image.lon + east / math.cos(math.radians(image.lat))
    return Site(max(-85.0, min(85.0, lat)), (lon + 180) % 360 - 180)
