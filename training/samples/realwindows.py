"""Windows of real imagery that look like a drawn one: in colour and in contrast.

What is drawn is compared with them. Were only the colour alike, it would fade or grow loud.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.grid.pixels import Pixels
from generator.grid.tile import COMMON_STAGE_ZOOMS, STAGE_ZOOMS
from training.imagery.pyramid import Pyramid
from training.progress import track
from training.samples import keyedfile
from training.samples.windows import Samples

_ALIKE = 12
"""Nearest windows of which one is taken."""
AVERAGED = 1.4
"""Pixels of imagery along each side that a pixel is averaged from at least: its own are soft."""
_CONTRAST = 4.0
"""How much an e-fold of contrast counts beside a unit of the square root of a colour."""

Looks = NDArray[np.float32]


def look_of(pixels: Pixels) -> Looks:
    """Describe an image, uint8 [h, w, 3]: roots of its mean colour, and its contrast; [4]."""
    values = pixels.astype(np.float32)
    contrast = _CONTRAST * np.log(values.mean(-1).std() + 1)
    return np.append(np.sqrt(values.mean((0, 1))), contrast).astype(np.float32)


class RealWindows:
    """Windows of training imagery, 4w pixels along each side, known by number and look.

    zooms: of the stages that are served; window: w; count: windows of a zoom. They are drawn once,
    averaged by AVERAGED where imagery is fine enough, and kept in the file `path` without loss, so
    that it can travel without imagery. looks: float32 [count, 4] by zoom.
    Raises TrainingError for a zoom without imagery.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        zooms: Sequence[int],
        path: Path,
        *,
        window: int,
        count: int,
        seed: int,
    ) -> None:
        key = f"kept {pyramid.digest} {','.join(map(str, zooms))} {window} {count} {seed}"
        held = keyedfile.load(path, key)
        if held is None:
            shares = [float(zoom in zooms) for zoom in STAGE_ZOOMS]
            samples = Samples(pyramid, "train", window, seed, shares, AVERAGED)
            held = {}
            for zoom in zooms:
                held |= _drawn(samples, zoom, count, seed)
            keyedfile.save(path, key, held)
        self.looks: dict[int, Looks] = {zoom: held[f"{zoom} looks"] for zoom in zooms}
        self._files = {zoom: (held[f"{zoom} ends"], held[f"{zoom} files"]) for zoom in zooms}

    def like(self, zoom: int, look: Looks, random: np.random.Generator) -> Pixels:
        """Draw one of the windows that are most like a look, uint8 [4w, 4w, 3]."""
        distances = ((self.looks[zoom] - look) ** 2).sum(1)
        nearest = np.argsort(distances, kind="stable")[:_ALIKE]
        return self.window(zoom, int(random.choice(nearest)))

    def window(self, zoom: int, number: int) -> Pixels:
        """Read window `number` of a zoom, uint8 [4w, 4w, 3]."""
        ends, files = self._files[zoom]
        begin = ends[number - 1] if number else 0
        with Pillow.open(io.BytesIO(files[begin : ends[number]].tobytes())) as image:
            return np.asarray(image)


def _drawn(samples: Samples, zoom: int, count: int, seed: int) -> dict[str, NDArray[Any]]:
    """Draw `count` windows of a zoom: their looks, and their files one behind the other."""
    band, looks, files = STAGE_ZOOMS.index(zoom), [], []
    for number in track(range(count), f"zoom {zoom}: real windows"):
        # Windows of 17 may share random numbers with others of 7.
        address = number * len(COMMON_STAGE_ZOOMS) + band
        random = np.random.Generator(np.random.Philox(key=[seed, address]))
        drawn, _ = samples.child(band, random, lowered=False)
        pixels = np.clip(np.rint(drawn), 0, 255).astype(np.uint8)
        looks.append(look_of(pixels))
        file = io.BytesIO()
        Pillow.fromarray(pixels).save(file, "WEBP", lossless=True, quality=60)
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    ends = np.cumsum([len(file) for file in files])
    return {
        f"{zoom} looks": np.stack(looks), f"{zoom} ends": ends,
        f"{zoom} files": np.concatenate(files),
    }  # fmt: skip
