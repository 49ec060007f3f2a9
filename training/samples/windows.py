"""Samples: a child, its degraded parent and its resolution, drawn by address.

Sample i of a seed is always the same, so a run resumes exactly where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import Dataset

from generator.base import tone as tone_curve
from generator.grid.tile import SCALE
from training.errors import TrainingError
from training.imagery.pyramid import MASK_STEP, Image, Pyramid
from training.samples import contrast
from training.samples.degradation import degrade


@dataclass(frozen=True, slots=True)
class Band:
    """Child resolutions of one stage, metres per pixel, and its share of the samples.

    lowered: share of its windows whose contrast is lowered (`contrast`). varied: largest factor
    by which the resolution that conditions the network differs from the window's own, within the
    band: where a source alone has a resolution, its contrast would pass for the resolution's.
    """

    zoom: int
    finest: float
    coarsest: float
    share: float
    lowered: float = 0.0
    varied: float = 1.0


BANDS = (
    Band(7, 330.0, 1250.0, 0.12),
    Band(9, 90.0, 620.0, 0.17, lowered=0.6, varied=2.0),
    Band(11, 26.0, 90.0, 0.22),
    Band(13, 8.0, 24.0, 0.19),
    Band(15, 2.0, 6.0, 0.30),
    Band(17, 0.7, 1.6, 0.0),
)
BLUE_MARBLE = "blue-marble"
"""The source whose pixels are the base map's own, as NASA publishes them."""
_FOLDED_ROWS_LATITUDE = 45.0
_RESOLVED = 460.0
"""Metres that the Blue Marble resolves: pixels of its Mercator map are finer towards the poles."""
COARSEST_RATIO = 2.2
"""Image pixels on each side that one child pixel may be averaged from: levels are octaves."""
CLEAN = (0.2, 0.2, 0.4, 0.35, 0.4, 0.4)
"""Share of a band's parents that are only rounded: the finest bands lacked power from such."""
TRIES = 40
"""Windows that are drawn before the imagery counts as unusable."""
VALID = 0.999
"""Share of a window that its mask must call valid."""
BRIGHT = 225.0
"""Mean in grey levels above which a window counts as cloud; Blue Marble's is ice."""
FLAT = 5.0
"""Standard deviation of luminance, in grey levels, under which a window counts as flat."""
FLAT_LEFT_OUT = {"train": 0.7}
"""Share of the flat windows (most of the sea) that are left out, by split."""
FLAT_LEFT_OUT_ELSE = 0.2


def conditioning_gsd(band: Band, gsd: float, random: np.random.Generator) -> float:
    """Return the metres per pixel that condition the network on a window of `gsd`, in training."""
    factor = band.varied ** random.uniform(-1, 1)
    if band.varied == 1:
        return gsd
    return float(np.clip(gsd * factor, band.finest, band.coarsest))


class Samples(Dataset[dict[str, Tensor]]):
    """Windows of `window` parent pixels with their children, balanced by band and source.

    shares: of the samples, for the first of BANDS, the others having none; None for the bands' own,
    of those that have imagery. averaged: image pixels along each side that a child pixel is
    averaged from at least, where a band has such images.
    Raises TrainingError when a band that was given a share has no image of the split, and when no
    band has any.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        split: str,
        window: int,
        seed: int = 0,
        shares: Sequence[float] | None = None,
        averaged: float = 1.0,
    ) -> None:
        self.pyramid, self.window, self.seed = pyramid, window, seed
        self.averaged = averaged
        self.flat_left_out = FLAT_LEFT_OUT.get(split, FLAT_LEFT_OUT_ELSE)
        images = [image for image in pyramid.images if image.split == split]
        self.choices = [_choices(images, band, SCALE * window, averaged) for band in BANDS]
        wanted = [band.share for band in BANDS] if shares is None else list(shares)
        wanted += [0.0] * (len(BANDS) - len(wanted))
        served = [bool(chosen) for chosen, _ in self.choices]
        for band, share, serves in zip(BANDS, wanted, served, strict=True):
            if shares is not None and share and not serves:
                raise TrainingError(f"no imagery serves zoom {band.zoom}")
        held = [share * serves for share, serves in zip(wanted, served, strict=True)]
        if not sum(held):
            raise TrainingError(
                f"no {split} image is {SCALE * window} px wide at a stage's resolution"
            )
        self.shares = np.array(held) / sum(held)

    def __len__(self) -> int:
        """Return a practically endless length."""
        return 2**40

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        """Sample `index`: child [3, 4w, 4w], parent [3, w, w] in [-1, 1], gsd, augmentation."""
        random = np.random.Generator(np.random.Philox(key=[self.seed, index]))
        band = int(random.choice(len(BANDS), p=self.shares))
        return self.draw(band, random)

    def draw(self, band: int, random: np.random.Generator, tone: bool = True) -> dict[str, Tensor]:
        """Draw one sample of BANDS[band]."""
        child, gsd = self.child(band, random, tone)
        # The parent is the child averaged by four, degraded at a level that the network is told.
        w = self.window
        parent = child.reshape(w, SCALE, w, SCALE, 3).mean((1, 3))
        level = 0.0 if random.random() < CLEAN[band] else float(random.random())
        return {
            "child": _tensor(np.clip(np.rint(child), 0, 255)),
            "parent": _tensor(degrade(parent, level, random)),
            "gsd": torch.tensor(gsd),
            "augmentation": torch.tensor(level),
            "band": torch.tensor(band),
        }

    def child(
        self, band: int, random: np.random.Generator, tone: bool = True, lowered: bool = True
    ) -> tuple[NDArray[np.float32], float]:
        """Draw one window of BANDS[band]: [4w, 4w, 3] in [0, 255], and metres per pixel.

        tone: whether it is varied; lowered: whether contrast is, where the band has some lowered.
        """
        # Draw images until one has a usable window.
        images, weights = self.choices[band]
        for _ in range(TRIES):
            image = images[int(random.choice(len(images), p=weights))]
            found = self._window(image, BANDS[band], random)
            if found is not None:
                break
        else:
            raise TrainingError(f"no usable window after {TRIES} tries at zoom {BANDS[band].zoom}")
        child, gsd = found
        # Vary tone and contrast.
        if tone:
            child = _jitter(_match_tone(child, image, random), random)
            share = BANDS[band].lowered if lowered else 0.0
            factor, colour = contrast.draw(np.array([share]), random)
            gsd = conditioning_gsd(BANDS[band], gsd, random)
            child = contrast.apply(child, factor[0], colour[0])
        # Flip each axis or not.
        if random.random() < 0.5:
            child = child[:, ::-1]
        if random.random() < 0.5:
            child = child[::-1]
        return child, gsd

    def _window(
        self, image: Image, band: Band, random: np.random.Generator
    ) -> tuple[NDArray[np.float32], float] | None:
        # Draw how many image pixels a child pixel is averaged from, then the place.
        size = SCALE * self.window
        low, high = ratios(image, band, size)
        low = max(low, min(self.averaged, high))
        ratio = float(np.exp(random.uniform(np.log(low), np.log(high))))
        side = min(round(size * ratio), image.height, image.width)
        y = int(random.integers(image.height - side + 1))
        x = int(random.integers(image.width - side + 1))
        # Leave out what is masked, cloud, or (often) flat.
        mask = self.pyramid.mask(image)
        if mask is not None:
            box = (slice(v // MASK_STEP, (v + side) // MASK_STEP) for v in (y, x))
            if mask[tuple(box)].mean() < VALID:
                return None
        pixels = self.pyramid.pixels(image)[y : y + side, x : x + side]
        thin = pixels[::4, ::4]
        if thin.mean() > BRIGHT and image.source != BLUE_MARBLE:
            return None
        if thin.mean(-1).std() < FLAT and random.random() < self.flat_left_out:
            return None
        # Average to child pixels; what an image lacks is mirrored.
        pixels, target = toned(image, pixels), min(size, side)
        if side != target:
            resized = Pillow.fromarray(pixels).resize((target, target), Pillow.Resampling.HAMMING)
            pixels = np.asarray(resized)
        if target < size:
            pixels = _reflect(pixels, size)
        return pixels.astype(np.float32), image.gsd * max(1.0, side / size)


def ratios(image: Image, band: Band, size: int) -> tuple[float, float]:
    """Least and most image pixels per child pixel for windows of `size` child pixels of a band."""
    finest = max(band.finest, _RESOLVED if image.source == BLUE_MARBLE else 0.0)
    low = max(1.0, finest / image.gsd, 2.0 if _folded(image) else 1.0)
    most = min(band.coarsest / image.gsd, min(image.height, image.width) / size, COARSEST_RATIO)
    return low, max(low, most)


def _choices(
    images: list[Image], band: Band, size: int, averaged: float = 1.0
) -> tuple[list[Image], NDArray[np.float64]]:
    """Return the images that serve a band, weighted by the square root of a source's area.

    averaged: of the images that serve it, those whose windows can be averaged so far, if any.
    """
    chosen = [
        image
        for image in images
        if image.gsd <= band.coarsest * 1.02
        and image.gsd * max(1.0, min(COARSEST_RATIO, min(image.height, image.width) / size))
        >= band.finest
        and min(image.height, image.width) >= 0.6 * size
        and not (_folded(image) and image.level == 1 and min(image.height, image.width) < 2 * size)
    ]
    chosen = [im for im in chosen if ratios(im, band, size)[1] >= averaged] or chosen
    area: dict[str, float] = {}
    for image in chosen:
        area[image.source] = area.get(image.source, 0.0) + image.height * image.width
    weights = np.array([im.height * im.width / area[im.source] ** 0.5 for im in chosen])
    return chosen, weights / weights.sum() if chosen else weights


def _folded(image: Image) -> bool:
    """Blue Marble above 45 degrees repeats rows at its finest level."""
    high = image.lat is not None and abs(image.lat) > _FOLDED_ROWS_LATITUDE
    return image.source == BLUE_MARBLE and image.level == 1 and high


def _reflect(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    before = (size - pixels.shape[0]) // 2
    after = size - pixels.shape[0] - before
    return np.pad(pixels, ((before, after), (before, after), (0, 0)), "reflect")


def toned(image: Image, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image's pixels, uint8 [h, w, 3], those of the Blue Marble in the world's tone."""
    return tone_curve.apply(pixels) if image.source == BLUE_MARBLE else pixels


def toned_base(image: Image) -> NDArray[np.float32] | None:
    """Return the world's mean colour at an image's place, [3]; None where it is not to be used."""
    if image.base is None or image.source == BLUE_MARBLE:
        return None
    raw = np.clip(np.rint(image.base), 0, 255).astype(np.uint8)
    return tone_curve.apply(raw).astype(np.float32)


def _match_tone(
    child: NDArray[np.float32], image: Image, random: np.random.Generator
) -> NDArray[np.float32]:
    """Move the mean colour towards the base map's at the place, by a random share."""
    base = toned_base(image)
    if base is None:
        return child
    mean = child.mean((0, 1)) + 4.0
    gain = np.clip((base + 4.0) / mean, 0.45, 1.8)
    matched: NDArray[np.float32] = (child * gain ** random.random()).astype(np.float32)
    return matched


def _jitter(child: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    gain = np.exp(random.normal(0, 0.12) + random.normal(0, 0.05, 3))
    shift = random.normal(0, 6)
    toned: NDArray[np.float32] = np.clip(child * gain + shift, 0, 255).astype(np.float32)
    return toned


def _tensor(pixels: NDArray[np.float32]) -> Tensor:
    """[H, W, 3] in [0, 255] -> [3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))) / 127.5 - 1
