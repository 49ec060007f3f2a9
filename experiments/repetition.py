"""Whether noise that repeats shows: autocorrelation of generated sea and desert by distance.

Rollouts are made with the global noise field and with the paper's repeated noise tile; those of a
network that draws layouts with their field and with one tile of it repeated. Where the tile's
period is a multiple of a lag, the repeated detail would correlate with itself.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.command import Experiment, add_cascade, at_least, identity, load_cascade
from experiments.plots import canvas, written
from experiments.scenery import ParentTile, draw
from experiments.stitching import reader, repeating
from generator import stopping
from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from generator.grid.tile import COMMON_STAGE_ZOOMS
from training.measure.metrics import Floats, fine_detail, luminance, row_autocorrelation
from training.measure.report import Results, markdown
from training.progress import track

LAGS = (64, 128, 256)
MOST = 300
"""Pixels of the largest lag."""
NOISES = ("field", "repeated")
LOW_TEXTURE = ("sea", "desert")
_COLOURS = {"field": "#334155", "repeated": "#c2410c"}
_AROUND = (16, 24, 32, 40)
"""Pixels beside a lag, on both sides, where chance alone correlates; of the network's phase."""


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
            if zoom > COMMON_STAGE_ZOOMS[0]:
                values = autocorrelation(made).round(5).tolist()
                curves.append(Curve(noise, start.kind, zoom, values))
    return curves


def low_texture_tiles(cascade: Cascade, parent: ParentTile, seed: int) -> list[tuple[int, Pixels]]:
    """Return each stage's four children on the way down: (zoom, uint8 [512, 512, 3])."""
    found = []
    for zoom in COMMON_STAGE_ZOOMS:
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


def draw_figure(curves: list[dict[str, Any]], folder: Path) -> Path:
    """Write repetition.png: mean autocorrelation by distance, sea and desert side by side.

    curves: `Curve` as JSON objects.
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    add_cascade(parser)
    parser.add_argument(
        "--places", type=at_least(2), default=8, help="places of sea, and of desert [8]"
    )
    parser.add_argument("--json", type=Path, help="all numbers, which are then not measured again")
    parser.add_argument("--figures", type=Path, metavar="FOLDER", help="write the figure here")


def run(args: argparse.Namespace) -> int:
    """Measure the repetition and print the tables; returns the exit status."""
    cascade = load_cascade(args)
    results = Results({"places": args.places, **identity(cascade, args.seed)}, args.json)
    if "repetition" not in results.parts:
        curves = measure(cascade, args.places, args.seed)
        results.add("repetition", curves, table(curves))
    part = results.parts["repetition"]
    print(part["table"])
    if args.figures is not None:
        print(f"\nwrote {draw_figure(part['numbers'], args.figures)}")
    return 0


EXPERIMENT = Experiment(
    "repetition",
    "Measure whether noise that repeats shows, over sea and desert.",
    ("--figures docs/evaluation", "--places 2 --json runs/repetition.json"),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
