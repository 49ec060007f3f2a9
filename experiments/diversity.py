"""How far parallel worlds lie apart, zoom by zoom.

Worlds of several seeds share the base map; each stage adds detail of its own. At every zoom the
tiles of one place are compared over all pairs of seeds, as the paper shows for its parallel worlds.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

import generator
from experiments.command import Experiment
from experiments.plots import canvas, written
from generator import stopping
from generator.cascade.cascade import Cascade
from generator.grid.pixels import Pixels
from generator.grid.tile import BASE_ZOOM, COMMON_STAGE_ZOOMS, TILE_SIZE, Tile
from training.errors import TrainingError
from training.measure.features import Lite2
from training.measure.figures import save_small
from training.measure.metrics import Floats
from training.measure.sites import SITES, Site
from training.progress import track

ZOOMS = tuple(range(BASE_ZOOM, COMMON_STAGE_ZOOMS[-1] + 1))
SHOWN = (7, 9, 11, 13, 15)
"""Zooms of the picture."""
_COARSE = 16
"""Side in pixels of the averages that tell whether worlds differ at large."""
_FLAT = 0.5
"""Contrast in grey levels below which a tile has no detail to compare."""


@dataclass(frozen=True, slots=True)
class WorldDistances:
    """Distances over pairs of seeds at one zoom, one number per pair and place.

    rms: root mean square difference in grey levels; share: the same over the contrast of both
    tiles times the square root of two, so that 1 is what unrelated tiles of equal mean have;
    correlation: of the pixels; coarse: as rms, of 16 x 16 averages; coarse_share: it over the
    contrast of these averages; feature: cosine distance of the tiles' frozen features (empty if not
    measured).
    """

    zoom: int
    rms: Floats
    share: Floats
    correlation: Floats
    coarse: Floats
    coarse_share: Floats
    feature: Floats


def measure(
    cascade: Cascade, seeds: tuple[int, ...], sites: tuple[Site, ...], network: Lite2 | None
) -> list[WorldDistances]:
    """Render every site's rollout for every seed and compare them; one row per zoom of ZOOMS."""
    rows: dict[int, list[tuple[Pixels, ...]]] = {zoom: [] for zoom in ZOOMS}
    for site in sites:
        rollouts = [
            rollout(cascade, seed, site)
            for seed in track(seeds, f"{site.lat:.1f}, {site.lon:.1f}: worlds")
        ]
        for zoom in ZOOMS:
            rows[zoom].append(tuple(tiles[zoom] for tiles in rollouts))
    return [compare(zoom, rows[zoom], network) for zoom in ZOOMS]


def rollout(cascade: Cascade, seed: int, site: Site) -> dict[int, Pixels]:
    """Return the tiles that hold a site, by zoom, each uint8 [256, 256, 3]."""
    store: dict[Tile, Pixels] = {}
    return {zoom: cascade.render(seed, site.tile(zoom), store) for zoom in ZOOMS}


def compare(
    zoom: int, places: list[tuple[Pixels, ...]], network: Lite2 | None = None
) -> WorldDistances:
    """Compare the tiles of each place, one per seed, pair by pair."""
    found: list[tuple[float, ...]] = []
    for tiles in places:
        # Luminance and features of every world's tile of the place.
        grey = np.stack(tiles).astype(np.float64).mean(-1)
        features = None if network is None else _features(network, np.stack(tiles))
        for i, j in itertools.combinations(range(len(tiles)), 2):
            seen = 0.0 if features is None else 1 - float(features[i] @ features[j])
            found.append((*_distances(grey[i], grey[j]), seen))
    # One array for each distance.
    columns = np.array(found, np.float64).reshape(-1, 6).T
    feature = columns[5] if network is not None else np.empty(0)
    rms, share, correlation, coarse, coarse_share, _ = columns
    return WorldDistances(zoom, rms, share, correlation, coarse, coarse_share, feature)


def _distances(first: Floats, second: Floats) -> tuple[float, ...]:
    """RMS, its share, correlation; then RMS and share of the 16 x 16 averages."""
    rms, share, correlation = _pair(first, second)
    coarse = (_averages(first), _averages(second))
    large, large_share, _ = _pair(*coarse)
    return rms, share, correlation, large, large_share


def _pair(first: Floats, second: Floats) -> tuple[float, float, float]:
    """RMS distance, share of what unrelated images of this contrast have, and correlation."""
    rms = float(np.sqrt(((first - second) ** 2).mean()))
    spread = float(np.sqrt(first.var() + second.var()))
    if min(first.std(), second.std()) < _FLAT:
        return rms, rms / max(spread, _FLAT), 1.0 if rms < _FLAT else 0.0
    product = ((first - first.mean()) * (second - second.mean())).mean()
    return rms, rms / spread, float(product / (first.std() * second.std()))


def _averages(grey: Floats) -> Floats:
    side = len(grey) // _COARSE
    averages: Floats = grey.reshape(side, _COARSE, side, _COARSE).mean((1, 3))
    return averages


def _features(network: Lite2, tiles: Pixels) -> Floats:
    """Return a unit vector per tile: the mean of its quarters' features."""
    mean = network.of(tiles).reshape(len(tiles), 4, -1).mean(1)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def table(rows: list[WorldDistances]) -> str:
    """Return a Markdown table: medians over pairs and places, quartiles of the share."""
    lines = [
        "| zoom | pairs | RMS, grey levels | of unrelated tiles' | quartiles | correlation | "
        "16 x 16 averages, RMS | of unrelated averages' | features |",
        "| --- " * 9 + "|",
    ]
    for row in rows:
        low, high = np.percentile(row.share, (25, 75))
        seen = f"{np.median(row.feature):.3f}" if len(row.feature) else "–"
        lines.append(
            f"| {row.zoom} | {len(row.rms)} | {np.median(row.rms):.1f} | "
            f"{np.median(row.share):.2f} | {low:.2f} to {high:.2f} | "
            f"{np.median(row.correlation):.2f} | {np.median(row.coarse):.1f} | "
            f"{np.median(row.coarse_share):.2f} | {seen} |"
        )
    return "\n".join(lines)


def draw(rows: list[WorldDistances], folder: Path) -> Path:
    """Write diversity.png: median and quartiles by zoom; returns its path."""
    figure, axes = canvas(1, 3, (8.4, 2.6))
    curves = (
        ("RMS / unrelated tiles'", [(row.share, "#c2410c") for row in rows], "pixels"),
        ("RMS / unrelated averages'", [(row.coarse_share, "#334155") for row in rows], "16 x 16"),
        ("cosine distance", [(row.feature, "#0f766e") for row in rows], "frozen features"),
    )
    for ax, (label, values, title) in zip(axes[0], curves, strict=True):
        drawn = [(row.zoom, v) for row, (v, _) in zip(rows, values, strict=True) if len(v)]
        if not drawn:
            ax.set_axis_off()
            continue
        zooms = [zoom for zoom, _ in drawn]
        low, middle, high = (
            np.array([np.percentile(v, p) for _, v in drawn]) for p in (25, 50, 75)
        )
        colour = values[0][1]
        ax.fill_between(zooms, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(zooms, middle, "o-", color=colour, markersize=3)
        ax.set_title(f"{title}: {label}", fontsize=8)
        ax.set_xlabel("zoom", fontsize=8)
        ax.set_xticks(ZOOMS[::2])
        ax.set_ylim(bottom=0)
        ax.tick_params(labelleft=True)
    return written(figure, folder / "diversity.png")


def picture(cascade: Cascade, seeds: tuple[int, ...], site: Site, path: Path) -> Path:
    """Write one row per seed, the same tile of each zoom of SHOWN; returns path."""
    side, label = TILE_SIZE * 3 // 4, 16
    board = Image.new("RGB", (len(SHOWN) * side, len(seeds) * side + label), "white")
    pen = ImageDraw.Draw(board)
    for row, seed in enumerate(seeds):
        tiles = rollout(cascade, seed, site)
        for column, zoom in enumerate(SHOWN):
            tile = Image.fromarray(tiles[zoom]).resize((side, side), Image.Resampling.BOX)
            board.paste(tile, (column * side, row * side + label))
            pen.text((column * side + 4, 2), f"z{zoom}", fill="#444")
    return save_small(np.asarray(board), path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--base", type=Path, help="base map, or planet:N [Blue Marble]")
    parser.add_argument("--places", type=int, default=8, help="land places, at most 40 [8]")
    parser.add_argument("--seeds", type=int, default=6, help="worlds: seeds 0, 1, 2, ... [6]")
    parser.add_argument("--threads", type=int, help="threads of the network [all cores]")
    parser.add_argument("--no-features", action="store_true", help="leave the features out")
    parser.add_argument("--figures", type=Path, metavar="DIR", help="write plot and picture here")


def run(args: argparse.Namespace) -> int:
    """Measure and print the table; returns the exit status."""
    land = tuple(site for site in SITES if not site.low_texture)
    if not 1 <= args.places <= len(land):
        raise TrainingError(f"--places is {args.places}, expected 1 to {len(land)}")
    if not 2 <= args.seeds <= 100:
        raise TrainingError(f"--seeds is {args.seeds}, expected 2 to 100")
    sites = tuple(land[i * len(land) // args.places] for i in range(args.places))
    cascade = generator.load(args.base, args.weights, threads=args.threads)
    network = None if args.no_features else Lite2(torch.device("cpu"))
    seeds = tuple(range(args.seeds))
    rows = measure(cascade, seeds, sites, network)
    print(table(rows))
    if args.figures is not None:
        draw(rows, args.figures)
        picture(cascade, seeds[:4], sites[0], args.figures / "parallel-worlds.webp")
    return 0


EXPERIMENT = Experiment(
    "diversity",
    "Measure how far parallel worlds lie apart, zoom by zoom.",
    (
        "--figures docs/evaluation",
        "--places 2 --seeds 3 --no-features",
    ),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
