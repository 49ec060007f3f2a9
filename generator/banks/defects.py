"""What makes ground of no use to a bank: clouds, the edges of swaths, masks full of holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from generator.banks.boxes import Box
from generator.banks.clouds import broken_clouds
from generator.banks.options import SCALES
from generator.banks.stageimage import SPECKS, Mask, StageImage
from generator.banks.tonematch import BaseColours, is_base_map
from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.sources import Decoded, Source
from generator.memory.config import WINDOW

BRIGHT = 225.0
"""Mean in grey levels above which ground counts as cloud; the base map's is ice."""
_PALE, _EVEN = 190.0, 12.0
FLAT = 5.0
"""Standard deviation in grey levels under which a picture shows nothing."""
MASKED = 0.5
"""Share of valid pixels under which ground is left."""
_EDGE = 0.002
"""Share of a block that lies outside of a swath or on a join, above which it is left."""
_WHOLE = 0.8
"""Share of valid pixels that some described window shows, under which a mask is full of holes."""

CLOUD, BROKEN, SWATH, HOLES = "cloud", "broken cloud", "edge of a swath", "mask full of holes"
CLOUDY = frozenset({CLOUD, BROKEN})


@dataclass(frozen=True, slots=True, eq=False)
class Defects:
    """Where a view is of no use: bool [H / 4, W / 4] each, None where there is none of it.

    pale: whether bright ground may be cloud, which the base map's is not. broken: broken cloud;
    whole: valid pixels that lie in some described window.
    """

    view: StageImage
    pale: bool
    broken: Mask | None
    whole: Mask | None

    def reason(self, box: Box) -> str | None:
        """Return why a block is left, None where it may be taken."""
        seen = self.view
        good = box.cut(seen.good, SCALE)
        if seen.swath is not None and box.cut(seen.swath, SCALE).mean() > _EDGE:
            return SWATH
        if good.mean() < MASKED:
            return "masked"
        if self.pale and _is_overcast(box.cut(seen.child)):
            return CLOUD
        if self.broken is not None and box.cut(self.broken, SCALE).mean() >= 0.5:
            return BROKEN
        if self.whole is not None and box.cut(self.whole, SCALE).sum() < _WHOLE * good.sum():
            return HOLES
        return None


def find_defects(seen: StageImage, pale: bool) -> Defects:
    """Look for what is of no use in a view; pale: whether bright ground may be cloud."""
    broken = broken_clouds(seen) if pale else None
    whole = None if seen.good.all() else _shown(seen)
    return Defects(seen, pale, broken, whole)


def shows_nothing(decoded: Decoded, source: Source, base: BaseColours) -> str | None:
    """Return why a whole picture shows nothing, None where it may."""
    height, width = decoded.pixels.shape[:2]
    step = max(1, min(height, width) // 512)
    few = decoded.pixels[::step, ::step].astype(np.float32)
    grey = few.mean(2)
    if decoded.mask is not None:
        rows, columns = decoded.mask.shape
        good = decoded.mask[
            (np.arange(len(grey)) * step * rows // height)[:, None],
            np.arange(grey.shape[1]) * step * columns // width,
        ]
        kept = good >= 250 if good.max() > 1 else good > 0
        if kept.mean() < MASKED:
            return f"{100 * (1 - kept.mean()):.0f} % of it is masked"
        grey, few = grey[kept], few[kept]
    else:
        few = few.reshape(-1, 3)
    if grey.mean() > BRIGHT and not is_base_map(source, few.mean(0).astype(np.float64), base):
        return f"cloud: a mean of {grey.mean():.0f} grey levels, expected at most {BRIGHT:g}"
    if grey.std() < FLAT:
        return (
            f"flat: a standard deviation of {grey.std():.1f} grey levels, expected {FLAT:g} or more"
        )
    return None


def _is_overcast(child: Pixels) -> bool:
    """Say whether ground is so bright, or so pale and even, that it is cloud."""
    grey = child[::4, ::4].astype(np.float32).mean(2)
    return bool(grey.mean() > BRIGHT or (grey.mean() > _PALE and grey.std() < _EVEN))


def _shown(seen: StageImage) -> NDArray[np.bool_]:
    """Return the valid pixels that lie in a described window, wherever it may begin."""
    side = WINDOW * SCALES[seen.zoom].unit // SCALE
    fits = squares(~seen.good, side) <= SPECKS * side * side
    # A pixel is shown if any window fits that begins up to a side before it.
    begins = np.zeros((seen.good.shape[0] + side - 1, seen.good.shape[1] + side - 1), bool)
    begins[side - 1 :, side - 1 :][: fits.shape[0], : fits.shape[1]] = fits
    return np.asarray((squares(begins, side) > 0) & seen.good)
