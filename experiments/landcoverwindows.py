"""Small windows of real imagery, divided by place, with stand-in labels of land cover.

There are no land-cover labels here. The stand-in: k-means of simple statistics of colour and
texture of the training windows; a test window has the label of the nearest centre. Classes are
therefore kinds of colour and texture, not surveyed land cover; and because texture is among the
statistics, an augmentation that loses it is at a disadvantage by construction.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

from training.errors import TrainingError
from training.imagery.pyramid import MASK_STEP, Image, Pyramid
from training.measure.metrics import Images
from training.samples.windows import BRIGHT, VALID, Band

SIDE = 64
"""Pixels along a window's side, as EuroSAT's have."""
LEAST_CONTRAST = 8.0
"""Standard deviation in grey levels under which a window is left out as flat, mostly sea."""
OCTAVES = 4
STARTS = 10


@dataclass(frozen=True, slots=True)
class LandcoverWindows:
    """Windows uint8 [N, 64, 64, 3], their ground resolution in metres, and their sources."""

    windows: Images
    gsd: NDArray[np.float64]
    sources: tuple[str, ...]


def draw_windows(
    pyramid: Pyramid, splits: Sequence[str], band: Band, count: int, seed: int
) -> LandcoverWindows:
    """Draw windows of a band's resolutions, none twice, sources by the root of their area.

    Windows lie on a grid of 64 px; cloudy, flat and masked ones are left out. Raises TrainingError
    where there are none.
    """
    # List all windows of the grid.
    random = np.random.default_rng([seed, band.zoom, len(splits)])
    cells = [
        (image, y, x)
        for image in pyramid.images
        if image.split in splits and band.finest <= image.gsd <= band.coarsest
        for y in range(0, image.height - SIDE + 1, SIDE)
        for x in range(0, image.width - SIDE + 1, SIDE)
    ]
    if not cells:
        raise TrainingError(
            f"no {' or '.join(splits)} image has {band.finest:g} to {band.coarsest:g} m per pixel"
        )
    # Order them at random; a source's weight is the root of its area.
    held = Counter(image.source for image, _, _ in cells)
    weights = np.array([held[image.source] ** -0.5 for image, _, _ in cells])
    order = random.choice(len(cells), len(cells), replace=False, p=weights / weights.sum())
    # Take the first ones that show ground.
    windows, gsd, sources = [], [], []
    for number in order:
        image, y, x = cells[number]
        if (window := _window(pyramid, image, y, x)) is not None:
            windows.append(window)
            gsd.append(image.gsd)
            sources.append(image.source)
        if len(windows) == count:
            break
    if not windows:
        raise TrainingError(f"every {' or '.join(splits)} window is cloudy, flat or masked")
    return LandcoverWindows(np.stack(windows), np.array(gsd), tuple(sources))


def _window(pyramid: Pyramid, image: Image, y: int, x: int) -> Images | None:
    """Cut a window; None where it is masked, flat or cloudy."""
    mask = pyramid.mask(image)
    if mask is not None:
        rows, columns = (slice(v // MASK_STEP, (v + SIDE) // MASK_STEP) for v in (y, x))
        if mask[rows, columns].mean() < VALID:
            return None
    window = np.array(pyramid.pixels(image)[y : y + SIDE, x : x + SIDE])
    flat = window.mean(-1).std() < LEAST_CONTRAST
    return None if flat or window.mean() > BRIGHT else window


def statistics(windows: Images) -> NDArray[np.float64]:
    """Return colour and texture of windows [N, 64, 64, 3] as float64 [N, 9].

    Brightness, shares of green and blue, share of bluish pixels, logarithms of the contrast in
    four octaves and of what is left.
    """
    # Colour.
    pixels = windows.astype(np.float64)
    mean = pixels.mean((1, 2))
    total = mean.sum(-1) + 3.0
    bluish = (pixels[..., 2] > pixels[..., 0] + 4).mean((1, 2))
    columns = [np.log(total), mean[:, 1] / total, mean[:, 2] / total, bluish]
    # Texture: the contrast of each octave, from the finest on.
    level = pixels.mean(-1)
    for _ in range(OCTAVES):
        n, side = len(level), level.shape[1] // 2
        coarser = level.reshape(n, side, 2, side, 2).mean((2, 4))
        detail = level - coarser.repeat(2, 1).repeat(2, 2)
        columns.append(np.log1p(detail.std((1, 2))))
        level = coarser
    return np.stack([*columns, np.log1p(level.std((1, 2)))], 1)


def stand_in_labels(
    known: NDArray[np.float64], held_out: NDArray[np.float64], classes: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cluster statistics [N, C] into classes and carry them over to others [M, C]: labels of both.

    The best of several starts of k-means counts; class 0 is the most frequent one. Raises
    TrainingError with too few windows.
    """
    if len(known) < 10 * classes:
        raise TrainingError(
            f"{len(known)} training windows are too few for {classes} classes, expected at least "
            f"{10 * classes}"
        )
    # Standardise both by the training windows, and cluster these.
    mean, scale = known.mean(0), known.std(0) + 1e-6
    ours, theirs = (known - mean) / scale, (held_out - mean) / scale
    starts = [
        kmeans2(ours, classes, iter=50, minit="++", rng=np.random.default_rng([seed, start]))
        for start in range(STARTS)
    ]
    centres, labels = min(starts, key=lambda found: _spread(ours, *found))
    order = np.argsort(-np.bincount(labels, minlength=classes), kind="stable")
    return _nearest(ours, centres[order]), _nearest(theirs, centres[order])


def _spread(
    points: NDArray[np.float64], centres: NDArray[np.float64], labels: NDArray[np.int64]
) -> float:
    return float(((points - centres[labels]) ** 2).sum())


def _nearest(points: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.int64]:
    distances = ((points[:, None] - centres[None]) ** 2).sum(-1)
    nearest: NDArray[np.int64] = distances.argmin(1)
    return nearest
