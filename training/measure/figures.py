"""Figures of an evaluation: spectra and contrast of rollouts, and single stages to look at."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from training.errors import TrainingError
from training.measure.realparents import RealParentSamples
from training.measure.rollouts import RolloutRow, Rollouts

LIMIT = 150_000
"""Bytes that a figure may have."""
_MADE, _REAL = "#c2410c", "#334155"


def draw_rollouts(rollouts: Rollouts, folder: Path) -> list[Path]:
    """Write rollout-spectra.png and rollout-contrast.png; returns their paths.

    Raises TrainingError without matplotlib or if the folder cannot be written.
    """
    figure, axes = canvas(2, max(1, len(rollouts.land)), (2.5 * len(rollouts.land) + 0.6, 4.6))
    titles = ("land over the globe", "places of imagery")
    for line, rows, title in zip(axes, (rollouts.land, rollouts.local), titles, strict=True):
        zooms = {row.zoom: row for row in rows}
        for ax, reference in zip(line, rollouts.land, strict=True):
            row = zooms.get(reference.zoom)
            if row is None:
                ax.set_axis_off()
                continue
            _spectra(ax, row)
            ax.set_title(f"zoom {row.zoom}: {title} ({row.tiles} tiles)", fontsize=8)
        line[0].set_ylabel("power, dB")
    axes[0][0].legend(frameon=False, fontsize=8)
    paths = [written(figure, folder / "rollout-spectra.png")]
    figure, axes = canvas(1, 2, (6.4, 2.6))
    for ax, rows, title in zip(axes[0], (rollouts.land, rollouts.local), titles, strict=True):
        ax.plot([r.zoom for r in rows], [r.contrast for r in rows], "o-", color=_MADE)
        ax.plot([r.zoom for r in rows], [r.real_contrast for r in rows], "o-", color=_REAL)
        ax.set_title(title, fontsize=8)
        ax.set_xlabel("zoom")
        ax.set_xticks([r.zoom for r in rows])
        ax.set_ylim(bottom=0)
    axes[0][0].set_ylabel("contrast, grey levels")
    axes[0][0].legend(["generated", "real"], frameon=False, fontsize=8)
    paths.append(written(figure, folder / "rollout-contrast.png"))
    return paths


def draw_stages(shown: dict[int, RealParentSamples], folder: Path) -> Path:
    """Write single-stages.webp: a row per zoom, twice bicubic, generated, real side by side."""
    rows = []
    for pairs in shown.values():
        few = [k % len(pairs) for k in range(2)]
        rows.append(
            np.hstack([x[k] for k in few for x in (pairs.bicubic, pairs.made, pairs.truth)])
        )
    return save_small(np.vstack(rows), folder / "single-stages.webp")


def save_small(pixels: NDArray[np.uint8], path: Path, limit: int = LIMIT) -> Path:
    """Write WebP of at most `limit` bytes, by lower quality, then half the size; returns path."""
    image = Pillow.fromarray(pixels)
    while True:
        for quality in (88, 80, 70, 60, 50):
            buffer = io.BytesIO()
            image.save(buffer, "WEBP", quality=quality, method=6)
            if buffer.tell() <= limit:
                return _stored(path, buffer.getvalue())
        image = image.reduce(2)


def canvas(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, Any]:
    """Return a figure of `size` inches and its axes [rows, columns], plain and small in print.

    Raises TrainingError without matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise TrainingError(
            "--figures needs matplotlib, which is missing; install elsewhere[train]"
        ) from error
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey="row")
    for ax in axes.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
        ax.grid(color="#e2e8f0", linewidth=0.6)
    return figure, axes


def _spectra(ax: Any, row: RolloutRow) -> None:
    made, real = (10 * np.log10(np.maximum(power, 1e-3)) for power in row.power)
    frequency = np.arange(len(made)) / (2 * len(made))
    ax.axvspan(1 / 8, 1 / 2, color="#f1f5f9")
    ax.plot(frequency[1:], real[1:], color=_REAL, linewidth=1.4, label="real")
    ax.plot(frequency[1:], made[1:], color=_MADE, linewidth=1.4, label="generated")
    ax.set_xscale("log", base=2)
    ax.set_xlabel("cycles per pixel", fontsize=8)


def written(figure: Any, path: Path) -> Path:
    """Write a figure as PNG; returns the path. Raises TrainingError if it cannot be written."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return _stored(path, buffer.getvalue())


def _stored(path: Path, data: bytes) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise TrainingError(f"cannot write {path}: {error}") from error
    return path
