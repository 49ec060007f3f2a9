"""Whether noise that repeats shows: autocorrelation of generated sea and desert by distance.

Rollouts are made with the global noise field and with the paper's repeated noise tile; those of a
network that draws layouts with their field and with one tile of it repeated. Where the tile's
period is a multiple of a lag, the repeated detail would correlate with itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.scenery import ParentTile, draw
from experiments.stitching import reader, repeating
from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from generator.grid.tile import STAGE_ZOOMS
from training.measure.metrics import fine_detail, luminance, row_autocorrelation
from training.measure.report import markdown
from training.progress import track

LAGS = (64, 128, 256)
MOST = 300
"""Pixels of the largest lag."""
NOISES = ("field", "repeated")
LOW_TEXTURE = ("sea", "desert")
_AROUND = (16, 24, 32, 40)
"""Pixels beside a lag, on both sides, where chance alone correlates; of the network's phase."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Autocorrelation of one place's detail: values[n] at a distance of n pixels, -1 to 1."""

    noise: str
    kind: str
    zoom: int
    values: list[float]


def measure(cascade: Cascade, places: int, seed: int) -> list[Curve]:
    """Make `places` rollouts of sea and of desert with both noises; curves of zooms 9 to 15."""
    parents = draw(cascade.basemap, LOW_TEXTURE, len(LOW_TEXTURE) * places, seed)
    worlds = {"field": cascade, "repeated": repeating(cascade)}
    rollouts = [(noise, parent) for parent in parents for noise in NOISES]
    curves = []
    for noise, start in track(rollouts, "repetition: rollouts"):
        for zoom, made in low_texture_tiles(worlds[noise], start, seed):
            if zoom > STAGE_ZOOMS[0]:
                values = autocorrelation(made).round(5).tolist()
                curves.append(Curve(noise, start.kind, zoom, values))
    return curves


def low_texture_tiles(cascade: Cascade, parent: ParentTile, seed: int) -> list[tuple[int, Pixels]]:
    """Return each stage's four children on the way down: (zoom, uint8 [512, 512, 3])."""
    found = []
    for zoom in STAGE_ZOOMS:
        made = cascade.window(seed, parent.children[0], reader(cascade, parent), 2)
        found.append((zoom, made))
        parent = parent.below(made)
    return found


def autocorrelation(picture: Pixels, most: int = MOST) -> Floats:
    """Correlation of a picture's fine detail with itself, shifted by 0 to `most` pixels.

    picture: uint8 [h, w, 3], sides above `most`. Returns [most + 1], the mean over shifts along
    both axes; each is normalised by the detail in the two parts that are compared.
    """
    detail = fine_detail(luminance(picture[None]))[0]
    return (row_autocorrelation(detail, most) + row_autocorrelation(detail.T, most)) / 2


def table(curves: list[Curve]) -> str:
    """Correlation at each lag by kind and noise, beside the same a little off the lag."""
    headers = ["noise", "over", "rollouts x zooms"]
    for lag in LAGS:
        headers += [f"{lag} px", "beside it"]
    lines = []
    for kind in LOW_TEXTURE:
        for noise in NOISES:
            values = np.array([c.values for c in curves if (c.noise, c.kind) == (noise, kind)])
            line = [noise, kind, str(len(values))]
            for lag in LAGS:
                line += [_signed(values[:, lag]), _signed(values[:, around(lag)].mean(1))]
            lines.append(line)
    zooms = sorted({curve.zoom for curve in curves})
    by_zoom = []
    for kind in LOW_TEXTURE:
        for noise in NOISES:
            line = [noise, kind]
            for zoom in zooms:
                key = (noise, kind, zoom)
                some = [c.values[LAGS[1]] for c in curves if (c.noise, c.kind, c.zoom) == key]
                line.append(f"{np.mean(some):+.3f}")
            by_zoom.append(line)
    second = markdown([f"at {LAGS[1]} px", "over", *(f"z{zoom}" for zoom in zooms)], by_zoom)
    return f"{markdown(headers, lines)}\n\n{second}"


def around(lag: int) -> list[int]:
    """Return the distances beside a lag that serve as its reference."""
    return [lag + sign * step for step in _AROUND for sign in (-1, 1)]


def _signed(values: Floats) -> str:
    return f"{values.mean():+.3f} ± {values.std():.3f}"
