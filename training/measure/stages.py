"""Single stages from real parents on held-out places: one row of figures per zoom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from generator.cascade.windows import StageAt
from generator.memory.field import Memory
from training.errors import TrainingError
from training.frechet import frechet, kernel_distance
from training.inception import inception_distance
from training.measure.features import PER_WINDOW, Lite2
from training.measure.metrics import (
    absolute_error,
    colour_spectrum,
    contrast,
    decibels,
    octave_errors,
    sliced_wasserstein,
    spectrum,
)
from training.measure.realparents import Pairs, draw_pairs, draw_real
from training.samples.windows import BANDS, Samples

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Figures:
    """What one set of windows scores against the truth.

    sw: sliced Wasserstein of 7x7 Laplacian patches; spectrum: mean |dB| over the octaves that the
    parent lacks; octaves: signed dB of each; colours: the same of differences of colour;
    kid: kernel distance x 1000 and fd: Frechet distance of EfficientNet-Lite2 features, None with
    too few windows; fid: None without Inception.
    """

    sw: float
    spectrum: float
    octaves: tuple[float, float]
    colours: tuple[float, float]
    contrast: float
    kid: float | None
    fd: float | None
    fid: float | None


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage: generated children, bicubic interpolation, and a second draw of real windows."""

    zoom: int
    count: int
    contrast: float
    made: Figures
    bicubic: Figures
    real: Figures


class Judge:
    """Compares sets of windows; features: None leaves the network features out."""

    def __init__(self, features: Lite2 | None, inception: Path | None) -> None:
        self.features, self.inception = features, inception

    def __call__(self, images: Images, truth: Images) -> Figures:
        """Return the figures of `images` against `truth`, uint8 [N, 256, 256, 3] each."""
        difference = decibels(spectrum(images), spectrum(truth))
        kid = fd = None
        if self.features is not None:
            ours, theirs = (self.features.features(x) for x in (images, truth))
            kid, fd = kernel_distance(ours, theirs, PER_WINDOW), frechet(ours, theirs)
        return Figures(
            sw=sliced_wasserstein(images, truth),
            spectrum=absolute_error(difference),
            octaves=octave_errors(difference),
            colours=octave_errors(decibels(colour_spectrum(images), colour_spectrum(truth))),
            contrast=contrast(images) / contrast(truth),
            kid=kid,
            fd=fd,
            fid=inception_distance(images, truth, self.inception) if self.inception else None,
        )


def measure_stages(
    stage_at: StageAt,
    samples: Samples,
    count: int,
    judge: Judge,
    clean: bool = False,
    *,
    memory: Memory | None = None,
) -> tuple[list[StageRow], dict[int, Pairs]]:
    """Measure every band that has imagery; returns the rows and a few windows of each to show.

    The yardstick `real` is a second draw of as many real windows from the same places. memory: of
    stages that draw layouts.
    """
    rows: list[StageRow] = []
    shown: dict[int, Pairs] = {}
    for band, (images, _) in enumerate(samples.choices):
        if not images:
            continue
        zoom = BANDS[band].zoom
        try:
            pairs = draw_pairs(stage_at(zoom), samples, band, range(count), clean, memory=memory)
            again = draw_real(samples, band, range(count, 2 * count))
        except TrainingError as error:
            print(f"zoom {zoom} is left out: {error}")
            continue
        row = StageRow(
            zoom,
            count,
            contrast(pairs.truth),
            judge(pairs.made, pairs.truth),
            judge(pairs.bicubic, pairs.truth),
            judge(again, pairs.truth),
        )
        rows.append(row)
        few = slice(0, None, max(1, count // 4))
        shown[zoom] = Pairs(
            pairs.parents[few], pairs.truth[few], pairs.bicubic[few], pairs.made[few]
        )
    if not rows:
        raise TrainingError("the data hold no image of this split at any stage's resolution")
    return rows, shown
