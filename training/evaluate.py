"""Single stages from real parents on held-out places: a table and a picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from rich.progress import track

from generator.conditioning import to_pixels
from generator.network import SCALE
from generator.noise import field
from generator.stage import Stage
from training.dataset import BANDS, Samples
from training.errors import TrainingError
from training.metrics import contrast, sliced_wasserstein, spectrum_error

CORE = 64

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Row:
    """One stage's figures; sw = sliced Wasserstein, as a share of bicubic interpolation's."""

    zoom: int
    count: int
    sw_share: float
    sw_real_share: float
    spectrum_db: float
    spectrum_bicubic_db: float
    contrast_share: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """Windows of one band: parents with their margin, truths, bicubic and generated children."""

    parents: Images
    truth: Images
    bicubic: Images
    made: Images


def evaluate(stage: Stage, samples: Samples, count: int, picture: Path | None) -> list[Row]:
    """Measure every band that has imagery; writes a sheet to `picture` (bicubic, made, real)."""
    rows: list[Row] = []
    strips: list[NDArray[np.uint8]] = []
    for band in range(len(BANDS)):
        if not samples.choices[band][0]:
            continue
        try:
            pairs = _pairs(stage, samples, band, count)
        except TrainingError as error:
            print(f"left out: {error}")
            continue
        rows.append(_row(BANDS[band].zoom, pairs))
        shown = range(0, count, max(1, count // 4))
        strips += [
            np.hstack([pairs.bicubic[i], pairs.made[i], pairs.truth[i]]) for i in list(shown)[:4]
        ]
    if not rows:
        raise TrainingError("the data hold no image of this split at any stage's resolution")
    if picture is not None:
        width = 2
        while len(strips) % width:
            strips.append(np.zeros_like(strips[0]))
        lines = [np.hstack(strips[i : i + width]) for i in range(0, len(strips), width)]
        picture.parent.mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(np.vstack(lines)).save(picture)
    return rows


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| zoom | windows | sliced Wasserstein / bicubic's | real against real | spectrum error dB "
        "| bicubic's | contrast / real's |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.zoom} | {r.count} | {r.sw_share:.2f} | {r.sw_real_share:.2f} | {r.spectrum_db:.1f} "
        f"| {r.spectrum_bicubic_db:.1f} | {r.contrast_share:.2f} |"
        for r in rows
    ]
    return "\n".join(lines)


def _pairs(stage: Stage, samples: Samples, band: int, count: int) -> Pairs:
    network = stage.network.margin
    extra = stage.margin - network
    parts: tuple[list[Images], ...] = ([], [], [], [])
    for i in track(range(count), description=f"zoom {BANDS[band].zoom}"):
        drawn = samples.draw(band, np.random.default_rng(1000 * band + i), tone=False)
        window = to_pixels(drawn["parent"][None])
        window = np.pad(window, ((extra, extra), (extra, extra), (0, 0)), "reflect")
        m, side = stage.margin, SCALE * window.shape[0]
        noise = field(i, BANDS[band].zoom, 0, 0, side, side)
        gsd = np.array([float(drawn["gsd"])])
        parent = window[m:-m, m:-m]
        truth = to_pixels(drawn["child"][None])
        big = (SCALE * CORE, SCALE * CORE)
        parts[0].append(parent)
        inner = slice(SCALE * network, -SCALE * network)
        parts[1].append(truth[inner, inner])
        enlarged = Pillow.fromarray(parent).resize(big, Pillow.Resampling.BICUBIC)
        parts[2].append(np.asarray(enlarged))
        parts[3].append(stage(window, noise, gsd, float(drawn["augmentation"])))
    return Pairs(*(np.stack(part) for part in parts))


def _row(zoom: int, pairs: Pairs) -> Row:
    half = len(pairs.truth) // 2
    bicubic = sliced_wasserstein(pairs.bicubic, pairs.truth)
    return Row(
        zoom,
        len(pairs.truth),
        sliced_wasserstein(pairs.made, pairs.truth) / bicubic,
        sliced_wasserstein(pairs.truth[:half], pairs.truth[half:]) / bicubic,
        spectrum_error(pairs.made, pairs.truth),
        spectrum_error(pairs.bicubic, pairs.truth),
        contrast(pairs.made) / contrast(pairs.truth),
    )
