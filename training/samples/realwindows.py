"""Windows of real imagery that look like a drawn one: in colour and in contrast.

What is drawn is compared with them. Were only the colour alike, it would fade or grow loud.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels
from generator.grid.tile import COMMON_STAGE_ZOOMS, STAGE_ZOOMS
from training.imagery.pyramid import Pyramid
from training.progress import track
from training.samples import keyedfile
from training.samples.windows import Samples

_ALIKE = 12
"""Nearest windows of which one is taken."""
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

    zooms: of the stages that are served; window: w; count: windows of a zoom. Window n of a zoom is
    always the same, so that only looks are kept: `looks`, float32 [count, 4] by zoom, in the file
    `path`. Raises TrainingError for a zoom without imagery.
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
        shares = [float(zoom in zooms) for zoom in STAGE_ZOOMS]
        self.samples, self.seed = Samples(pyramid, "train", window, seed, shares), seed
        key = f"{pyramid.digest} {','.join(map(str, zooms))} {window} {count} {seed}"
        held = keyedfile.load(path, key)
        if held is None:
            held = {str(zoom): self._looks(zoom, count) for zoom in zooms}
            keyedfile.save(path, key, held)
        self.looks: dict[int, Looks] = {zoom: held[str(zoom)] for zoom in zooms}

    def like(self, zoom: int, look: Looks, random: np.random.Generator) -> Pixels:
        """Draw one of the windows that are most like a look, uint8 [4w, 4w, 3]."""
        distances = ((self.looks[zoom] - look) ** 2).sum(1)
        nearest = np.argsort(distances, kind="stable")[:_ALIKE]
        return self.window(zoom, int(random.choice(nearest)))

    def window(self, zoom: int, number: int) -> Pixels:
        """Draw window `number` of a zoom, uint8 [4w, 4w, 3]."""
        band = STAGE_ZOOMS.index(zoom)
        # Windows of 17 may share random numbers with others of 7: addresses stay as they were.
        address = number * len(COMMON_STAGE_ZOOMS) + band
        random = np.random.Generator(np.random.Philox(key=[self.seed, address]))
        pixels, _ = self.samples.child(band, random)
        return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)

    def _looks(self, zoom: int, count: int) -> Looks:
        numbers = track(range(count), f"zoom {zoom}: real windows")
        return np.stack([look_of(self.window(zoom, number)) for number in numbers])
