"""Single stages from real parents on held-out places: one row of figures per zoom."""

from __future__ import annotations

from dataclasses import dataclass

from generator.cascade.stages import StageAt
from generator.grid.errors import TileError
from generator.memory.field import Memory
from training.errors import TrainingError
from training.measure.features import PER_WINDOW, Lite2, kernel_distance
from training.measure.metrics import (
    Images,
    absolute_error,
    colour_spectrum,
    contrast,
    decibels,
    octave_errors,
    sliced_wasserstein,
    spectrum,
)
from training.measure.realparents import RealParentSamples, draw_real_parents, draw_real_windows
from training.measure.report import markdown, signed
from training.samples.windows import BANDS, Samples


@dataclass(frozen=True, slots=True)
class StageMetrics:
    """What one set of windows scores against the truth.

    sw: sliced Wasserstein of 7x7 Laplacian patches; spectrum: mean |dB| over the octaves that the
    parent lacks; octaves: signed dB of each; colours: the same of differences of colour;
    contrast: share of the truth's; kid: kernel distance x 1000 of EfficientNet-Lite2 features.
    """

    sw: float
    spectrum: float
    octaves: tuple[float, float]
    colours: tuple[float, float]
    contrast: float
    kid: float


@dataclass(frozen=True, slots=True)
class StageRow:
    """One stage: generated children, bicubic interpolation, and a second draw of real windows."""

    zoom: int
    count: int
    contrast: float
    made: StageMetrics
    bicubic: StageMetrics
    real: StageMetrics


class Reference:
    """Real windows, uint8 [N, 256, 256, 3], that sets of windows are scored against."""

    def __init__(self, truth: Images, features: Lite2) -> None:
        self.truth, self.features = truth, features
        self.contrast = contrast(truth)
        self._spectrum, self._colours = spectrum(truth), colour_spectrum(truth)
        self._seen = features.of(truth)

    def score(self, images: Images) -> StageMetrics:
        """Score `images`, as many as the truth."""
        difference = decibels(spectrum(images), self._spectrum)
        return StageMetrics(
            sw=sliced_wasserstein(images, self.truth),
            spectrum=absolute_error(difference),
            octaves=octave_errors(difference),
            colours=octave_errors(decibels(colour_spectrum(images), self._colours)),
            contrast=contrast(images) / self.contrast,
            kid=kernel_distance(self.features.of(images), self._seen, PER_WINDOW),
        )


def measure_stages(
    stage_at: StageAt,
    samples: Samples,
    count: int,
    features: Lite2,
    clean: bool = False,
    *,
    memory: Memory | None = None,
) -> tuple[list[StageRow], dict[int, RealParentSamples]]:
    """Measure every band that has imagery; returns the rows and a few windows of each to show.

    The yardstick `real` is a second draw of as many real windows from the same places. memory: of
    stages that draw layouts.
    """
    rows: list[StageRow] = []
    shown: dict[int, RealParentSamples] = {}
    for band, (images, _) in enumerate(samples.choices):
        if not images:
            continue
        zoom = BANDS[band].zoom
        try:
            drawn = draw_real_parents(
                stage_at(zoom), samples, band, range(count), clean, memory=memory
            )
            again = draw_real_windows(samples, band, range(count, 2 * count))
        except (TrainingError, TileError) as error:
            print(f"zoom {zoom} is left out: {error}")
            continue
        truth = Reference(drawn.truth, features)
        made, bicubic, real = (truth.score(images) for images in (drawn.made, drawn.bicubic, again))
        rows.append(StageRow(zoom, count, truth.contrast, made, bicubic, real))
        shown[zoom] = drawn.some(slice(0, None, max(1, count // 4)))
    if not rows:
        raise TrainingError("the data hold no image of this split at any stage's resolution")
    return rows, shown


def stages_table(rows: list[StageRow]) -> str:
    """Tabulate single stages."""
    headers = [
        "zoom", "windows", "sliced Wasserstein / bicubic's", "real's", "spectrum dB", "bicubic's",
        "real's", "dB by octave", "real's", "of colour", "real's", "contrast / real's",
        "KID-Lite2 x 1000", "bicubic's", "real's",
    ]  # fmt: skip
    lines = [
        [
            str(r.zoom), str(r.count), f"{r.made.sw / r.bicubic.sw:.2f}",
            f"{r.real.sw / r.bicubic.sw:.2f}", f"{r.made.spectrum:.1f}",
            f"{r.bicubic.spectrum:.1f}", f"{r.real.spectrum:.1f}", signed(r.made.octaves),
            signed(r.real.octaves), signed(r.made.colours), signed(r.real.colours),
            f"{r.made.contrast:.2f}", *(f"{of.kid:.1f}" for of in (r.made, r.bicubic, r.real)),
        ]
        for r in rows
    ]  # fmt: skip
    return markdown(headers, lines)
