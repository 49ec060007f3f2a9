"""Plots of the experiments: plain, and small in print."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.measure.figures import stored


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


def written(figure: Any, path: Path) -> Path:
    """Write a figure as PNG; returns the path. Raises TrainingError if it cannot be written."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return stored(path, buffer.getvalue())
