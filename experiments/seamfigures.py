"""Figures of the seams: the same corner by every method, and autocorrelation by distance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw
from scipy.ndimage import gaussian_filter

from experiments.repetition import LAGS, LOW_TEXTURE, NOISES
from experiments.scenery import draw
from experiments.stitching import EXACT, INDEPENDENT, OVERLAP, SHARED, Stitcher
from generator.grid.pixels import Pixels
from generator.grid.tile import STAGE_ZOOMS
from training.measure.figures import canvas, save_small, written

_SHOWN = (("land", 13), ("desert", 11))
"""Kind and zoom of the corners that are drawn."""
_METHODS = (INDEPENDENT, OVERLAP, SHARED, EXACT)
_SIDE = 128
"""Pixels shown round a corner, each as two by two."""
_GAIN = 4.0
_LABEL = 16
_COLOURS = {"field": "#334155", "repeated": "#c2410c"}


def draw_stitching(stitcher: Stitcher, folder: Path) -> Path:
    """Write seams.webp: methods across; down, corners as they are and with contrast raised."""
    rows = []
    for kind, zoom in _SHOWN:
        (parent,) = draw(stitcher.cascade.basemap, (kind,), 1, stitcher.seed)
        for _ in range(STAGE_ZOOMS.index(zoom)):
            parent = parent.below(stitcher.children(parent))
        made = [stitcher.stitch(method, parent) for method in _METHODS]
        rows.append(np.hstack([_framed(picture) for picture in made]))
        rows.append(np.hstack([_framed(stretched(picture)) for picture in made]))
    whole = Pillow.fromarray(np.vstack(rows))
    sheet = Pillow.new("RGB", (whole.width, whole.height + _LABEL), "white")
    sheet.paste(whole, (0, _LABEL))
    pen = ImageDraw.Draw(sheet)
    for number, method in enumerate(_METHODS):
        pen.text((number * 2 * _SIDE + 4, 2), method, fill="black")
    return save_small(np.asarray(sheet), folder / "seams.webp")


def stretched(picture: Pixels) -> Pixels:
    """Raise a picture's finer contrast: four times its difference from a wide blur, grey."""
    grey = picture.astype(np.float32).mean(-1)
    detail = grey - gaussian_filter(grey, 24.0)
    levels = np.clip(128 + _GAIN * detail, 0, 255).astype(np.uint8)
    return np.repeat(levels[..., None], 3, -1)


def draw_repetition(curves: list[dict[str, Any]], folder: Path) -> Path:
    """Write repetition.png: mean autocorrelation by distance, sea and desert side by side.

    curves: `experiments.repetition.Curve` as JSON objects.
    """
    figure, axes = canvas(1, len(LOW_TEXTURE), (7.2, 2.8))
    for ax, kind in zip(axes[0], LOW_TEXTURE, strict=True):
        for noise in reversed(NOISES):
            values = np.array(
                [c["values"] for c in curves if (c["noise"], c["kind"]) == (noise, kind)]
            )
            lags = np.arange(values.shape[1])
            label = {"field": "noise field", "repeated": "repeated tile, 128 px"}[noise]
            ax.plot(lags[8:], values.mean(0)[8:], color=_COLOURS[noise], linewidth=1, label=label)
        ax.set_title(f"{kind}, {len(values)} pictures, zooms 9 to 15", fontsize=8)
        ax.set_xlabel("distance, px", fontsize=8)
        ax.set_xticks((0, *LAGS))
    axes[0][0].set_ylabel("autocorrelation of detail", fontsize=8)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=8)
    return written(figure, folder / "repetition.png")


def _framed(picture: Pixels) -> Pixels:
    """Cut the middle, double it, and show by short ticks at the edges where the borders lie."""
    edge = (len(picture) - _SIDE) // 2
    out = picture[edge:-edge, edge:-edge].repeat(2, 0).repeat(2, 1)
    line = slice(_SIDE - 1, _SIDE + 1)
    for end in (slice(0, 8), slice(-8, None)):
        out[end, line] = out[line, end] = (255, 60, 40)
    out[:, -2:] = out[-2:] = 255
    return out
