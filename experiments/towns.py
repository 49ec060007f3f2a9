"""Whether towns are drawn where towns are: zoom 13 at towns and in the country, with and without.

A classifier of texture and colour is trained on imagery whose place is known: pieces that the
layers call built-up, and pieces that they call country. It then judges generated tiles at towns of
more than 100,000 people and at places without any.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import generator
from experiments.command import Experiment
from generator.cascade.cascade import Cascade
from generator.cascade.stages import stages_of
from generator.geography.choice import EARTH_FOLDER
from generator.geography.geography import Geography
from generator.geography.ground import GroundFigures
from generator.geography.layerfile import LayerFile
from generator.geography.layers import CoverageLayer
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE, Tile, row_of
from generator.memory.field import Memory

ZOOM = 13
SIDE = 256
"""Pixels along a judged piece."""

BUILT, OPEN = 200, 20
"""Mean built-up degree from which on a piece is a town, and up to which it is country."""

WATERY = 0.3
"""Greatest share of water in a piece."""

_RIDGE = 1e-2

Reals = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judge:
    """Logistic regression of features [k]: middle and spread of each, then weights and bias."""

    middle: Reals
    spread: Reals
    weights: Reals

    @classmethod
    def fit(cls, features: Reals, towns: NDArray[np.bool_]) -> Judge:
        """Fit by Newton's method with a ridge; both kinds count alike."""
        middle, spread = features.mean(0), features.std(0) + 1e-9
        x = np.concatenate([(features - middle) / spread, np.ones((len(features), 1))], 1)
        heavy = np.where(towns, 0.5 / towns.mean(), 0.5 / (~towns).mean())
        weights = np.zeros(x.shape[1])
        ridge = _RIDGE * len(x) * np.eye(len(weights))
        for _ in range(30):
            told = 1 / (1 + np.exp(-(x @ weights)))
            slope = x.T @ (heavy * (told - towns)) + ridge @ weights
            curve = (x * (heavy * told * (1 - told))[:, None]).T @ x + ridge
            weights -= np.linalg.solve(curve, slope)
        return cls(middle, spread, weights)

    def __call__(self, features: Reals) -> Reals:
        """Return the probability that pieces with these features [n, k] are of a town."""
        x = (features - self.middle) / self.spread
        told: Reals = 1 / (1 + np.exp(-(x @ self.weights[:-1] + self.weights[-1])))
        return told


def described(pixels: Pixels) -> Reals:
    """Return features of a piece that hardly depend on its brightness: float64 [k].

    Contrast in four octaves, how evenly it is spread, kurtosis, variety of colour.
    """
    wide = pixels.astype(np.float64) + 4
    light = np.log(wide.mean(2))
    found: list[float] = []
    smooth = light
    for _ in range(4):
        half = smooth[: len(smooth) // 2 * 2, : smooth.shape[1] // 2 * 2]
        low = half.reshape(len(half) // 2, 2, half.shape[1] // 2, 2).mean((1, 3))
        band = half - low.repeat(2, 0).repeat(2, 1)
        blocks = np.square(band).reshape(8, len(band) // 8, 8, band.shape[1] // 8).mean((1, 3))
        power = np.log(blocks.mean() + 1e-7)
        found += [power, np.log(blocks + 1e-7).std(), np.log(np.mean(band**4) + 1e-9) - 2 * power]
        smooth = low
    hue = np.log(wide / wide.mean(2, keepdims=True))
    found += [*hue.std((0, 1))]
    return np.array(found)


def labelled(manifest: Path, ground: GroundFigures) -> tuple[Reals, NDArray[np.bool_], list[str]]:
    """Return features, kinds and sources of the pieces of imagery of 8 to 20 m that have one."""
    found, kinds, names = [], [], []
    for row in json.loads(manifest.read_text(encoding="utf-8")):
        if row["lat"] is None or not 8 <= (row["gsd_m"] or 0) <= 20:
            continue
        pixels = np.asarray(Image.open(manifest.parent / row["file"]).convert("RGB"))
        scale = row["gsd_m"] / (40075016.686 * np.cos(np.radians(row["lat"])) / (TILE_SIZE << ZOOM))
        y, x = (row_of(row["lat"], TILE_SIZE << ZOOM), (row["lon"] + 180) / 360 * (256 << ZOOM))
        for top in range(0, pixels.shape[0] - SIDE + 1, SIDE):
            for left in range(0, pixels.shape[1] - SIDE + 1, SIDE):
                piece = pixels[top : top + SIDE, left : left + SIDE]
                place = [
                    at + (start + SIDE / 2 - whole / 2) * scale
                    for at, start, whole in ((y, top, len(pixels)), (x, left, pixels.shape[1]))
                ]
                degree = _degree(ground, int(place[0]), int(place[1]), int(SIDE * scale))
                flat = float((piece.max(2) < 6).mean() + (piece.min(2) > 249).mean())
                watery = float((piece[..., 2] > piece[..., 0] * 1.08).mean())
                if OPEN < degree < BUILT or flat > 0.02 or watery > WATERY:
                    continue
                found.append(described(piece))
                kinds.append(degree >= BUILT)
                names.append(row["file"])
    return np.array(found), np.array(kinds), names


def _degree(ground: GroundFigures, y: int, x: int, side: int) -> float:
    """Return the mean built-up degree of a square round a pixel of zoom ZOOM."""
    shares = ground.built.shares(ZOOM, Rectangle(x - side // 2, y - side // 2, side, side))
    return 0.0 if shares is None else float(shares.mean())


def places(
    ground: GroundFigures, water: CoverageLayer | None, count: int, seed: int
) -> tuple[list[Tile], list[Tile]]:
    """Draw tiles in towns of some 100,000 people and more, and tiles far from any on land.

    None has more water than the pieces that the judge learns from.
    """
    random = np.random.default_rng(seed)
    # Towns by the size of their disc on the ground: 2.8 km in radius and more.
    towns = ground.built.towns
    y, x = (at.astype(float) / (1 << 30) for at in (towns.y, towns.x))
    stretch = np.cosh(np.pi * (1 - 2 * y))
    radius = 2.0 ** (towns.classes / 8) / (1 << 30) * 40075.017 / stretch
    large = random.permutation(np.flatnonzero(radius > 2.8))
    drawn = (Tile(ZOOM, int(x[at] * (1 << ZOOM)), int(y[at] * (1 << ZOOM))) for at in large)
    inside = [tile for _, tile in zip(range(20 * count), drawn, strict=False)]
    inside = [tile for tile in inside if _tile_degree(ground, tile) >= BUILT and _dry(water, tile)][
        :count
    ]
    # Country: crops, forest or bare ground by land cover, and nothing built near.
    outside: list[Tile] = []
    while len(outside) < count:
        row = row_of(float(random.uniform(-50, 65)), 1 << ZOOM)
        tile = Tile(ZOOM, int(random.integers(0, 1 << ZOOM)), int(row))
        corner = np.array([tile.y * SIDE + 128]), np.array([tile.x * SIDE + 128])
        cover = ground.figures(ZOOM, *corner, SIDE)[0, 1:]
        near = ground.built.shares(10, Rectangle(tile.x * 32 - 64, tile.y * 32 - 64, 160, 160))
        if cover.max() > 200 and near is None and _dry(water, tile):
            outside.append(tile)
    return inside, outside


def _dry(water: CoverageLayer | None, tile: Tile) -> bool:
    area = Rectangle(tile.x * SIDE, tile.y * SIDE, SIDE, SIDE)
    shares = None if water is None else water.shares(ZOOM, area)
    return shares is None or float(shares.mean()) <= WATERY * 255


def _tile_degree(ground: GroundFigures, tile: Tile) -> float:
    return _degree(ground, tile.y * SIDE + SIDE // 2, tile.x * SIDE + SIDE // 2, SIDE)


def worlds(cascade: Cascade) -> list[tuple[Memory | None, Geography | None]]:
    """Return memory and geography without the towns' layer, and as they were loaded."""
    held, geography = cascade.checkpoint.bank, cascade.geography
    assert held is not None
    assert geography is not None
    without = dataclasses.replace(geography, ground=None)
    plain = Memory([held], reorientation=cascade.checkpoint.reorientation)
    return [(plain, without), (cascade.memory, geography)]


def render(
    cascade: Cascade, variants: list[tuple[Memory | None, Geography | None]], tile: Tile
) -> list[Pixels]:
    """Return the tile as each world has it."""
    made = []
    for memory, geography in variants:
        cascade.memory, cascade.geography = memory, geography
        cascade.stages = stages_of(cascade.checkpoint, cascade.sampler, memory)
        made.append(cascade.render(0, tile))
    return made


def run(options: argparse.Namespace) -> int:
    """Train the judge, render, judge, print the table and save the contact sheet."""
    ground = GroundFigures.open(
        *(LayerFile.read(EARTH_FOLDER / f"{name}.bin") for name in ("towns", "landcover", "relief"))
    )
    features, towns, names = labelled(options.manifest, ground)
    folder = np.array(names)
    left = np.zeros(len(towns))
    for name in np.unique(folder):
        out = folder == name
        left[out] = Judge.fit(features[~out], towns[~out])(features[out])
    right = [(left[towns] > 0.5).mean(), (left[~towns] <= 0.5).mean()]
    print(
        f"judge: {towns.sum()} pieces of towns, {right[0]:.0%} right; {(~towns).sum()} of "
        f"country, {right[1]:.0%} right (pictures left out of the fit)"
    )
    judge = Judge.fit(features, towns)
    cascade = generator.load(threads=options.threads)
    variants = worlds(cascade)
    rows, scores = [], []
    assert cascade.geography is not None
    drawn = places(ground, cascade.geography.water, options.count, 1)
    for kind, tiles in zip(("towns", "country"), drawn, strict=True):
        told = []
        for number, tile in enumerate(tiles):
            made = render(cascade, variants, tile)
            told.append([float(judge(described(pixels)[None])[0]) for pixels in made])
            rows.append(np.concatenate(made, 1))
            print(f"{kind} {number + 1}/{len(tiles)} {tile} {told[-1]}", flush=True)
        for name, column in zip(("without", "with"), np.array(told).T, strict=True):
            print(
                f"{kind} {name}: {(column > 0.5).sum()} of {len(column)} called built-up, "
                f"mean {column.mean():.2f}"
            )
        scores.append(np.array(told))
    for name, town, country in zip(("without", "with"), scores[0].T, scores[1].T, strict=True):
        above = (town[:, None] > country[None]).mean()
        print(f"{name}: a town is called more built-up than a place in the country in {above:.0%}")
    if options.out is not None:
        Image.fromarray(sheet(rows)).save(options.out)
    return 0


def sheet(rows: list[Pixels], across: int = 8) -> Pixels:
    """Put pictures of one size side by side, `across` to a row."""
    blank = np.zeros_like(rows[0])
    rows = rows + [blank] * (-len(rows) % across)
    return np.concatenate(
        [np.concatenate(rows[at : at + across], 1) for at in range(0, len(rows), across)]
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the experiment's options."""
    parser.add_argument("manifest", type=Path, help="manifest.json of imagery, as for training")
    parser.add_argument("--count", type=int, default=40, help="towns, and places without [40]")
    parser.add_argument("--threads", type=int, help="CPU threads [all]")
    parser.add_argument("--out", type=Path, help="contact sheet to write, 21 MB [none]")


EXPERIMENT = Experiment(
    name="towns",
    summary="Zoom 13 at towns and in the country, with the layer of towns and without",
    examples=("imagery/manifest.json --count 40 --out towns.png",),
    add_arguments=add_arguments,
    run=run,
)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main())
