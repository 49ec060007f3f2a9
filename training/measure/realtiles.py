"""Real tiles of a zoom's resolution, of held-out places first: what chains are compared with."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pillow

from generator.grid.pixels import Pixels
from generator.grid.tile import TILE_SIZE
from generator.memory.bank import Bank
from training.errors import TrainingError
from training.imagery.pyramid import MASK_STEP, Image, Pyramid
from training.measure.origins import may_be
from training.samples.windows import BANDS, BLUE_MARBLE, BRIGHT, Band

MOST = 40
"""Tiles of one source: no place is to rule the rest."""
FEW = 60
"""Fewer held-out tiles than this are joined by tiles of training places."""
_VALID = 0.99
_FLAT = 8.0
_BRIGHTEST = 200.0


@dataclass(frozen=True, slots=True)
class RealTile:
    """A real tile, uint8 [256, 256, 3], with its source; held_out: of a test or val place."""

    pixels: Pixels
    source: str
    held_out: bool


def real_tiles(pyramid: Pyramid, zoom: int, bank: Bank | None, seed: int) -> list[RealTile]:
    """Cut land tiles of a zoom's resolution, at most 40 of a source, in random order.

    Images are averaged by the least whole number that brings them into the zoom's band, and cut
    into tiles without overlap. Held-out places alone, unless they give fewer than FEW tiles: then
    training places too, but no picture that a scene of the bank was taken from. The Blue Marble is
    left out: chains begin with it. Raises TrainingError where less than two tiles are found.
    """
    band = next(band for band in BANDS if band.zoom == zoom)
    images = [i for i in pyramid.images if i.level == 1 and i.source != BLUE_MARBLE]
    random = np.random.default_rng([seed, zoom])
    found = _some(pyramid, [i for i in images if i.split != "train"], band, random)
    if len(found) < FEW:
        scenes = [] if bank is None else bank.scenes
        known = [i for i in images if not any(may_be(i, scene) for scene in scenes)]
        found = _some(pyramid, known, band, random)
    if len(found) < 2:
        raise TrainingError(f"the imagery has no two land tiles of the resolution of zoom {zoom}")
    return found


def is_land(pixels: Pixels) -> bool:
    """Whether a tile is neither mostly water nor ice.

    Water: over half of it, by `water_share`. Ice: a mean above 200.
    """
    return bool(water_share(pixels) <= 0.5 and pixels.mean() <= _BRIGHTEST)


def water_share(pixels: Pixels) -> float:
    """Return the share of pixels, from 0 to 1, that are bluer by 10 levels than red and green."""
    red, green, blue = (pixels[..., k].astype(np.int16) for k in range(3))
    return float((blue > np.maximum(red, green) + 10).mean())


def _some(
    pyramid: Pyramid, images: list[Image], band: Band, random: np.random.Generator
) -> list[RealTile]:
    """Return tiles of images, held-out ones first, at most MOST of each source."""
    every = [tile for image in images for tile in _tiles(pyramid, image, band)]
    order = sorted(random.permutation(len(every)), key=lambda n: not every[n].held_out)
    taken: dict[str, int] = {}
    found = []
    for tile in (every[n] for n in order):
        taken[tile.source] = taken.get(tile.source, 0) + 1
        if taken[tile.source] <= MOST:
            found.append(tile)
    return found


def _tiles(pyramid: Pyramid, image: Image, band: Band) -> Iterator[RealTile]:
    """Yield an image's usable tiles at the band's resolution."""
    factor = max(1, math.ceil(band.finest / image.gsd))
    side = factor * TILE_SIZE
    if factor * image.gsd > band.coarsest or min(image.height, image.width) < side:
        return
    pixels, mask = pyramid.pixels(image), pyramid.mask(image)
    for y in range(0, image.height - side + 1, side):
        for x in range(0, image.width - side + 1, side):
            rows, columns = (slice(at // MASK_STEP, (at + side) // MASK_STEP) for at in (y, x))
            if mask is not None and mask[rows, columns].mean() < _VALID:
                continue
            part = np.ascontiguousarray(pixels[y : y + side, x : x + side])
            tile = np.asarray(Pillow.fromarray(part).reduce(factor))
            if tile.mean() <= BRIGHT and tile.mean(-1).std() >= _FLAT and is_land(tile):
                yield RealTile(tile, image.source, image.split != "train")
