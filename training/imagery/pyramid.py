"""Imagery decoded once into a folder of raw arrays with their coarser levels.

Layout: `index.json` (a digest, a list of Image rows and of shards) and shards `pixels-NNNNN.bin`
(uint8 RGB arrays and quarter-size masks, one after the other), read through memory maps. A folder
without shards in its index has one file, `pixels.bin`. `training.imagery.prepare` writes
such a folder.
"""

from __future__ import annotations

import copy
import json
from bisect import bisect_right
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.imagery.split import SPLITS
from training.errors import TrainingError
from training.imagery.shards import Shard

INDEX = "index.json"
PIXELS = "pixels.bin"
MASK_STEP = 4
"""Pixels along a cell of a mask."""


@dataclass(frozen=True, slots=True)
class Image:
    """One level of one image in the pyramid; offsets are bytes into all shards, end to end.

    base: mean colour of the base map at the place, RGB in [0, 255], or None.
    """

    offset: int
    mask_offset: int | None
    height: int
    width: int
    gsd: float
    level: int
    lat: float | None
    lon: float | None
    source: str
    split: str
    base: list[float] | None


class Pyramid:
    """The decoded imagery: `images`, and read-only views of their pixels.

    `shards` are its files. A shard holds whole images: those whose offset lies in it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            index = json.loads((folder / INDEX).read_text())
            single = [{"file": PIXELS, "start": 0, "size": -1}]
            rows = [Shard(**row) for row in index.get("shards", single)]
            self.shards = [
                Shard(row.file, row.start, (folder / row.file).stat().st_size)
                if row.size < 0
                else row
                for row in rows
            ]
            self._starts = [shard.start for shard in self.shards]
            self._folder = folder
            self._maps: dict[int, NDArray[np.uint8]] = {}
            short = [s.file for s in self.shards if (folder / s.file).stat().st_size < s.size]
        except (OSError, ValueError) as error:
            raise TrainingError(
                f"{folder} holds no prepared imagery; make it with "
                "`python -m training prepare IMAGERY --out FOLDER`"
            ) from error
        if short:
            raise TrainingError(f"{folder / short[0]} is cut short; prepare the imagery again")
        self.digest: str = index["digest"]
        self.images = [Image(**row) for row in index["images"]]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the maps out: another process opens its own instead of getting the bytes."""
        return self.__dict__ | {"_maps": {}}

    def restricted(self, keep: Callable[[Image], bool]) -> Pyramid:
        """Return a view of the pyramid that lists only the images that `keep` accepts."""
        view = copy.copy(self)
        view.images = [image for image in self.images if keep(image)]
        return view

    def of_sources(self, names: Collection[str] | None) -> Pyramid:
        """Return a view of some sources, of all for None; raises TrainingError for unknown ones."""
        if not names:
            return self
        known = {image.source for image in self.images}
        if unknown := sorted(set(names) - known):
            raise TrainingError(
                f"there is no source {unknown[0]!r}; the imagery has {', '.join(sorted(known))}"
            )
        return self.restricted(lambda image: image.source in names)

    def shard(self, number: int) -> NDArray[np.uint8]:
        """All bytes of a shard, uint8 [size]: `np.array` of it loads the file whole."""
        if number not in self._maps:
            file = self._folder / self.shards[number].file
            self._maps[number] = np.memmap(file, np.uint8, "r")
        return self._maps[number]

    def locate(self, offset: int) -> tuple[int, int]:
        """Return the number of the shard that an offset lies in, and the byte there."""
        number = bisect_right(self._starts, offset) - 1
        return number, offset - self._starts[number]

    def pixels(self, image: Image) -> NDArray[np.uint8]:
        """RGB, uint8 [height, width, 3]."""
        flat = self._bytes(image.offset, image.height * image.width * 3)
        return flat.reshape(image.height, image.width, 3)

    def mask(self, image: Image) -> NDArray[np.uint8] | None:
        """Validity (1 or 0) at a quarter of the size, uint8 [ceil(H/4), ceil(W/4)], or None."""
        if image.mask_offset is None:
            return None
        rows, columns = mask_shape(image.height, image.width)
        return self._bytes(image.mask_offset, rows * columns).reshape(rows, columns)

    def _bytes(self, offset: int, size: int) -> NDArray[np.uint8]:
        number, start = self.locate(offset)
        return self.shard(number)[start : start + size]


def describe(pyramid: Pyramid) -> str:
    """Return what a pyramid holds, a line for each split and each source."""
    finest = [image for image in pyramid.images if image.level == 1]
    size = sum(shard.size for shard in pyramid.shards) / 1e9
    lines = [f"{len(finest)} images, {size:.2f} GB in {len(pyramid.shards)} file(s)"]
    for split in SPLITS:
        lines.append(_line(split, [image for image in finest if image.split == split]))
    for source in sorted({image.source for image in finest}):
        lines.append(_line(source, [image for image in finest if image.source == source]))
    return "\n".join(lines)


def _line(name: str, images: list[Image]) -> str:
    if not images:
        return f"  {name}: none"
    area = sum(image.height * image.width for image in images) / 1e6
    low, high = (pick(image.gsd for image in images) for pick in (min, max))
    return f"  {name}: {len(images)} images, {area:.1f} Mpx, {low:.3g} to {high:.3g} m per pixel"


def mask_shape(height: int, width: int) -> tuple[int, int]:
    """Return the size of the mask of an image."""
    return -(-height // MASK_STEP), -(-width // MASK_STEP)
