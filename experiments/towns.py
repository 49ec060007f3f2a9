"""Whether towns are drawn where towns are: zoom 13 at towns and in the country, with and without.

A judge that was trained on imagery (`experiments.townjudge`) judges generated tiles at towns of
more than 100,000 people and at places without any.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

import generator
from experiments.command import Experiment, at_least
from experiments.geographyplaces import square_of
from experiments.townjudge import (
    BUILT,
    SIDE,
    ZOOM,
    Judge,
    degree_of,
    described,
    dry_blocks,
    labelled,
)
from generator.cascade.cascade import Cascade
from generator.cascade.stages import stages_of
from generator.geography.choice import EARTH_FOLDER
from generator.geography.geography import Geography
from generator.geography.ground import GroundFigures
from generator.geography.layerfile import LayerFile
from generator.geography.layers import CoverageLayer
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import Tile, row_of
from generator.memory.field import Memory
from training.errors import TrainingError

WATERY = 0.3
"""Greatest share of water in a tile."""


def places(
    ground: GroundFigures, water: CoverageLayer | None, count: int, seed: int
) -> tuple[list[Tile], list[Tile]]:
    """Draw tiles in towns of some 100,000 people and more, and tiles far from any on land."""
    random = np.random.default_rng(seed)
    # Towns by the size of their disc on the ground: 2.8 km in radius and more.
    towns = ground.built.towns
    y, x = (at.astype(float) / (1 << 30) for at in (towns.y, towns.x))
    stretch = np.cosh(np.pi * (1 - 2 * y))
    radius = 2.0 ** (towns.classes / 8) / (1 << 30) * 40075.017 / stretch
    large = random.permutation(np.flatnonzero(radius > 2.8))
    drawn = (Tile(ZOOM, int(x[at] * (1 << ZOOM)), int(y[at] * (1 << ZOOM))) for at in large)
    inside = [tile for _, tile in zip(range(20 * count), drawn, strict=False)]
    inside = [
        tile for tile in inside if degree_of(ground, square_of(tile)) >= BUILT and _dry(water, tile)
    ][:count]
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
    shares = None if water is None else water.shares(ZOOM, square_of(tile))
    return shares is None or float(shares.mean()) <= WATERY * 255


def worlds(cascade: Cascade) -> list[tuple[Memory | None, Geography | None]]:
    """Return memory and geography without the towns' layer, and as they were loaded."""
    held, geography = cascade.checkpoint.bank, cascade.geography
    if held is None or geography is None:
        raise TrainingError("the weights hold no layouts, expected those of a model with a memory")
    without = dataclasses.replace(geography.without_rules(), ground=None)
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
    cascade = generator.load(weights=options.weights, threads=options.threads)
    variants = worlds(cascade)
    assert cascade.geography is not None
    water = cascade.geography.water
    pieces = labelled(options.manifest, ground, water)
    called = pieces.held_out() > 0.5
    for kind, right in (("towns", called[pieces.towns]), ("country", ~called[~pieces.towns])):
        print(f"judge: {right.mean():.1%} of {len(right)} pieces of {kind} right, places left out")
    judge = Judge.fit(pieces.features, pieces.towns)
    rows, scores = [], []
    drawn = places(ground, water, options.count, 1)
    for kind, tiles in zip(("towns", "country"), drawn, strict=True):
        told = []
        for number, tile in enumerate(tiles):
            made = render(cascade, variants, tile)
            dry = dry_blocks(water, square_of(tile))
            told.append([float(judge(described(pixels, dry)[None])[0]) for pixels in made])
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
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--count", type=at_least(1), default=40, help="towns, and country [40]")
    parser.add_argument("--threads", type=int, help="CPU threads [all]")
    parser.add_argument("--out", type=Path, help="contact sheet to write, 21 MB [none]")


EXPERIMENT = Experiment(
    name="towns",
    summary="Zoom 13 at towns and in the country, with the layer of towns and without",
    examples=(
        "imagery/manifest.json --count 40 --out towns.png",
        "imagery/manifest.json --count 8 --weights runs/ship/model.safetensors",
    ),
    add_arguments=add_arguments,
    run=run,
)

if __name__ == "__main__":
    raise SystemExit(EXPERIMENT.main())
