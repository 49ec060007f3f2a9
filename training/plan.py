"""Which windows a step trains on: drawn by address on the host, from tables alone.

Follows `training.dataset`: the same bands, balance, ratios and reasons to leave a window out.
Windows are judged by sums over every fourth pixel, so drawing a batch takes a millisecond or two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.progress import track

from generator.nets.unet import SCALE
from training import ground
from training.dataset import (
    BANDS,
    BRIGHT,
    CLEAN,
    FLAT,
    TRIES,
    VALID,
    Floats,
    Integers,
    Samples,
    ratios,
    told,
)
from training.errors import TrainingError
from training.imagery.pyramid import MASK_STEP, Image, Pyramid


@dataclass(frozen=True, slots=True)
class Plan:
    """Windows of one batch, all arrays [B] unless said otherwise.

    image: index into the imagery's table; top, left, side: image pixels; gsd: metres per child
    pixel, as told. tone: exponent of the gain towards the base map's colour; gain [B, 3] and shift
    (grey levels): jitter; flips: [B, 2] rows and columns; strength, noise in [0, 1]: of the
    degradation, and the share of its noise. contrast, colour [B, 3]: see `training.ground`.
    """

    band: Integers
    image: Integers
    top: Integers
    left: Integers
    side: Integers
    gsd: Floats
    tone: Floats
    gain: Floats
    shift: Floats
    flips: NDArray[np.bool_]
    strength: Floats
    noise: Floats
    contrast: Floats
    colour: Floats


class Planner:
    """Draws plans for windows of `samples.window` parent pixels of the samples' split."""

    def __init__(self, samples: Samples) -> None:
        self.size, self.seed = SCALE * samples.window, samples.seed
        self._flat_left_out = samples.flat_left_out
        pairs = [
            (image, number, share * weight)
            for number, ((images, weights), share) in enumerate(
                zip(samples.choices, samples.shares, strict=True)
            )
            for image, weight in zip(images, weights, strict=True)
        ]
        self.images = list({image.offset: image for image, _, _ in pairs}.values())
        index = {image.offset: number for number, image in enumerate(self.images)}
        self._image = np.array([index[image.offset] for image, _, _ in pairs])
        self._band = np.array([band for _, band, _ in pairs])
        self._until = np.cumsum([weight for _, _, weight in pairs])
        ranges = [ratios(image, BANDS[band], self.size) for image, band, _ in pairs]
        self._ratios = np.log(np.array(ranges))
        self._gsd = np.array([image.gsd for image in self.images])
        self._shape = np.array([(image.height, image.width) for image in self.images])
        self._bright = np.array([image.source != "blue-marble" for image in self.images])
        self._sums = Sums(samples.pyramid, self.images)

    def draw(self, step: int, groups: tuple[int, ...]) -> Plan:
        """Plan step `step`, whose batch consists of groups of the given sizes, one by one.

        Every group holds the bands in their shares, to one sample: a lower variance than drawing
        each sample's band, and nearly constant shapes. Raises TrainingError where no usable
        window is found.
        """
        random = np.random.Generator(np.random.Philox(key=[self.seed, step]))
        where = np.concatenate([(np.arange(n) + random.random()) / n for n in groups if n])
        pair = self._pair(where)
        band = self._band[pair]
        image, top, left, side = (np.zeros(len(band), np.int64) for _ in range(4))
        pending = np.arange(len(band))
        for _ in range(TRIES):
            chosen = self._image[pair[pending]]
            window = self._window(pair[pending], random)
            good = self._usable(chosen, *window, random)
            done = pending[good]
            for array, values in zip((image, top, left, side), (chosen, *window), strict=True):
                array[done] = values[good]
            pending = pending[~good]
            if not len(pending):
                break
            pair[pending] = self._again(band[pending], random)
        else:
            zoom = BANDS[int(band[pending[0]])].zoom
            raise TrainingError(f"no usable window after {TRIES} tries at zoom {zoom}")
        count = len(band)
        clean = random.random(count) < np.array(CLEAN)[band]
        strength = np.where(clean, 0.0, random.random(count))
        contrast, colour = ground.draw(np.array([one.faint for one in BANDS])[band], random)
        return Plan(
            band, image, top, left, side,
            gsd=told(band, self._gsd[image] * np.maximum(1.0, side / self.size), random),
            tone=random.random(count),
            gain=np.exp(random.normal(0, 0.12, (count, 1)) + random.normal(0, 0.05, (count, 3))),
            shift=random.normal(0, 6, count),
            flips=random.random((count, 2)) < 0.5,
            strength=strength,
            noise=random.random(count),
            contrast=contrast,
            colour=colour,
        )  # fmt: skip

    def _pair(self, where: Floats) -> Integers:
        at = np.searchsorted(self._until, where * self._until[-1], "right")
        pair: Integers = np.minimum(at, len(self._until) - 1)
        return pair

    def _again(self, band: Integers, random: np.random.Generator) -> Integers:
        """Other pairs of the same bands."""
        first = np.searchsorted(self._band, band, "left")
        last = np.searchsorted(self._band, band, "right") - 1
        low = np.where(first > 0, self._until[first - 1], 0.0)
        where = low + random.random(len(band)) * (self._until[last] - low)
        pair: Integers = np.clip(self._pair(where / self._until[-1]), first, last)
        return pair

    def _window(
        self, pair: Integers, random: np.random.Generator
    ) -> tuple[Integers, Integers, Integers]:
        low, high = self._ratios[pair].T
        ratio = np.exp(low + random.random(len(pair)) * (high - low))
        height, width = self._shape[self._image[pair]].T
        side = np.minimum(np.rint(self.size * ratio).astype(np.int64), np.minimum(height, width))
        top = (random.random(len(pair)) * (height - side + 1)).astype(np.int64)
        left = (random.random(len(pair)) * (width - side + 1)).astype(np.int64)
        return top, left, side

    def _usable(
        self,
        image: Integers,
        top: Integers,
        left: Integers,
        side: Integers,
        random: np.random.Generator,
    ) -> NDArray[np.bool_]:
        valid, mean, deviation = self._sums.window(image, top, left, side)
        bright = self._bright[image] & (mean > BRIGHT)
        flat = (deviation < FLAT) & (random.random(len(image)) < self._flat_left_out)
        usable: NDArray[np.bool_] = (valid >= VALID) & ~bright & ~flat
        return usable


class Sums:
    """Summed-area tables of every fourth pixel's luminance, its square, and the masks.

    uint32: differences are right though the sums wrap, for windows of up to 1,000 pixels.
    """

    def __init__(self, pyramid: Pyramid, images: list[Image]) -> None:
        shapes = [(-(-im.height // MASK_STEP) + 1, -(-im.width // MASK_STEP) + 1) for im in images]
        self._width = np.array([width for _, width in shapes])
        self._first = np.concatenate([[0], np.cumsum([h * w for h, w in shapes])])
        self._tables = np.zeros((3, int(self._first[-1])), np.uint32)
        for number, image in enumerate(track(images, description="reading")):
            cells = pyramid.pixels(image)[::MASK_STEP, ::MASK_STEP].mean(-1).round()
            mask = pyramid.mask(image)
            valid = np.ones_like(cells) if mask is None else mask
            part = self._tables[:, self._first[number] : self._first[number + 1]]
            for table, values in zip(part, (valid, cells, cells**2), strict=True):
                inner = table.reshape(shapes[number])[1:, 1:]
                np.cumsum(values.astype(np.uint32), 0, dtype=np.uint32, out=inner)
                np.cumsum(inner, 1, dtype=np.uint32, out=inner)

    def window(
        self, image: Integers, top: Integers, left: Integers, side: Integers
    ) -> tuple[Floats, Floats, Floats]:
        """Share of valid pixels, mean luminance and its deviation, each [B], of square windows."""
        y0, x0 = top // MASK_STEP, left // MASK_STEP
        y1, x1 = (top + side) // MASK_STEP, (left + side) // MASK_STEP
        first, width = self._first[image], self._width[image]
        corners = [self._tables[:, first + y * width + x] for y, x in
                   ((y1, x1), (y0, x1), (y1, x0), (y0, x0))]  # fmt: skip
        sums = (corners[0] - corners[1] - corners[2] + corners[3]).astype(np.float64)
        valid, mean, square = sums / ((y1 - y0) * (x1 - x0))
        return valid, mean, np.sqrt(np.maximum(square - mean**2, 0.0))
