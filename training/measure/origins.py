"""Where a bank's scenes came from, and other real windows: imagery as the builder saw it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from generator.banks.options import SCALES
from generator.banks.stageimage import StageImage, at_stage, resampling_for
from generator.banks.tonematch import BaseColours, matched
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.sources import Decoded, Source
from generator.memory.bank import Scene
from generator.memory.config import CHOSEN_AT, STEP, WINDOW
from generator.memory.descriptor import SIZE, DescribedPicture
from training.imagery.pyramid import Image, Pyramid

_SAME = 5e-4
"""Degrees within which two centres are of one picture."""
_APART = 0.1
"""Degrees of latitude or longitude by which places are others."""
_LAYOUT = (*range(3, 17), *range(23, 28))
"""Numbers of a descriptor that say layout and texture, whatever the tone."""
_LOOKED_AT = 24
"""Places of a scene that are looked for."""
_GOOD = 0.98
_FLAT = 5.0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a scene's upper left corner lies: child pixels of an image's view, mirrored or not.

    gap: mean squared difference of descriptors, about 0 where nothing was bent.
    """

    image: Image
    mirrored: bool
    y: int
    x: int
    gap: float


class Origins:
    """The train images of prepared imagery, each as the builder of a bank sees it."""

    def __init__(self, pyramid: Pyramid) -> None:
        self.pyramid, self._base = pyramid, BaseColours()
        self.images = [i for i in pyramid.images if i.level == 1 and i.split == "train"]
        self._at = {image.offset: image for image in self.images}
        self._views = lru_cache(maxsize=4)(self._view)
        self._descriptors = lru_cache(maxsize=8)(self._described)

    def at_stage(self, image: Image, zoom: int) -> StageImage:
        """Return an image at the resolution of scenes that are chosen at a zoom, in its tone."""
        return self._views(image.offset, zoom)

    def find(self, scene: Scene) -> Origin | None:
        """Return where a scene came from, None where no image can be its own."""
        found: Origin | None = None
        for image in self.images:
            if not may_be(image, scene) or resampling_for(image.gsd, scene.chosen_at) is None:
                continue
            for mirrored in (False, True):
                origin = self._matched(image, mirrored, scene)
                if origin is not None and (found is None or origin.gap < found.gap):
                    found = origin
        return found

    def serving(self, zoom: int) -> list[Image]:
        """Return the images that serve a stage."""
        return [
            image for image in self.images if resampling_for(image.gsd, CHOSEN_AT[zoom]) is not None
        ]

    def windows(
        self, image: Image, zoom: int, side: int, random: np.random.Generator
    ) -> Iterator[Pixels]:
        """Yield one random good window of each quarter of an image, uint8 [side, side, 3]."""
        seen = self.at_stage(image, CHOSEN_AT[zoom])
        height, width = seen.child.shape[:2]
        if min(height, width) < side:
            return
        for _ in range(4):
            y, x = (SCALE * int(random.integers((n - side) // SCALE + 1)) for n in (height, width))
            good = seen.good[y // SCALE : (y + side) // SCALE, x // SCALE : (x + side) // SCALE]
            child = seen.child[y : y + side, x : x + side]
            if good.mean() >= _GOOD and child.mean(2).std() >= _FLAT:
                yield child

    def _view(self, offset: int, zoom: int) -> StageImage:
        image = self._at[offset]
        how = resampling_for(image.gsd, zoom)
        assert how is not None
        pixels, mask = self.pyramid.pixels(image), self.pyramid.mask(image)
        valid = None if mask is None else (mask > 0).astype(np.uint8) * 255
        seen = at_stage(Decoded(pixels, valid), how)
        source = Source(
            "", (), image.gsd, image.lat, image.lon, image.source, image.split, lambda: None
        )
        return StageImage(zoom, matched(seen.child, seen.good, source, self._base), seen.good)

    def _described(self, offset: int, zoom: int, mirrored: bool) -> NDArray[np.int8]:
        """Return descriptors of the windows at every pixel of the choosing grid, [h, w, 19]."""
        pixels = self._views(offset, zoom).choosing
        picture = DescribedPicture(np.ascontiguousarray(pixels[:, ::-1] if mirrored else pixels))
        rows, columns = (side - WINDOW + 1 for side in pixels.shape[:2])
        ys, xs = (axis.ravel() for axis in np.mgrid[0:rows, 0:columns])
        descriptors = picture.describe(ys, xs, None)[0].reshape(rows, columns, SIZE)
        return descriptors[..., _LAYOUT]

    def _matched(self, image: Image, mirrored: bool, scene: Scene) -> Origin | None:
        """Return the corner at which an image is most like a scene."""
        unit = SCALES[scene.chosen_at].unit
        sides = self.at_stage(image, scene.chosen_at).child.shape
        rows, columns = (
            side // unit - own + 1 for side, own in zip(sides, scene.shape, strict=False)
        )
        if min(rows, columns) < 1:
            return None
        every = self._descriptors(image.offset, scene.chosen_at, mirrored)
        places = np.argwhere(scene.valid)
        places = places[:: max(1, len(places) // _LOOKED_AT)]
        gaps = np.zeros((rows, columns), np.float32)
        for i, j in places * STEP:
            wanted = scene.descriptors[i // STEP, j // STEP][list(_LAYOUT)].astype(np.float32)
            gaps += ((every[i : i + rows, j : j + columns] - wanted) ** 2).mean(-1)
        y, x = (int(v) for v in np.unravel_index(int(gaps.argmin()), gaps.shape))
        return Origin(image, mirrored, unit * y, unit * x, float(gaps[y, x]) / len(places))


def of_other_places(first: Image, second: Image) -> bool:
    """Say whether two images surely show other places."""
    ours, theirs = (first.lat, first.lon), (second.lat, second.lon)
    if None in ours or None in theirs:
        return first.source != second.source
    gaps = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]  # type: ignore[operator]  # not None
    return bool(max(gaps) > _APART)


def may_be(image: Image, scene: Scene) -> bool:
    """Say whether a scene may have been taken from an image, by source and centre."""
    if image.source != scene.source:
        return False
    pairs = ((image.lat, scene.latitude), (image.lon, scene.longitude))
    return all(a is None or b is None or abs(a - b) < _SAME for a, b in pairs)
