"""Zoom 15 with and without its parent's edges: the figure of docs/memory.md.

The same parents, layouts and network; one stage keeps the steps of the parent sharp, the other has
the blur alone. Beside them the part of zoom 13 that both are drawn from, four times enlarged.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from experiments.command import Experiment, add_cascade, load_cascade
from generator import stopping
from generator.cascade.cascade import Cascade
from generator.cascade.layoutstage import LayoutStage
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE, TILE_SIZE, Tile
from generator.grid.window import gather
from training.errors import TrainingError
from training.measure.figures import save_small
from training.measure.sites import Site
from training.progress import track

ZOOM = 15
PLACES = {"Java": Site(-7.3, 110.2), "Pampas": Site(-35.5, -61.0), "Iowa": Site(42.0, -93.6)}
COLUMNS = ("zoom 13, enlarged", "zoom 15, the parent's blur alone", "zoom 15, with its edges")
_LABEL, _LIMIT = 16, 250_000


def variants(cascade: Cascade, seed: int, tile: Tile) -> list[Pixels]:
    """Return the parent of a tile enlarged, and the tile without and with edges."""
    store: dict[Tile, Pixels] = {}
    cascade.render(seed, tile, store)
    side = TILE_SIZE // SCALE
    core = Rectangle(side * tile.x, side * tile.y, side, side)
    parent = gather(core, tile.z - 2, store.__getitem__)
    stage = cascade.stage_at(tile.z)
    if not isinstance(stage, LayoutStage):
        raise TrainingError("the weights draw from noise, expected a layout decoder")
    kept, drawn = stage.edges, []
    for stage.edges in (False, True):
        drawn.append(cascade.window(seed, tile, store.__getitem__))
    stage.edges = kept
    return [parent.repeat(SCALE, 0).repeat(SCALE, 1), *drawn]


def run(args: argparse.Namespace) -> int:
    """Draw the figure; returns the exit status."""
    cascade = load_cascade(args)
    board = Image.new(
        "RGB", (len(COLUMNS) * TILE_SIZE, len(PLACES) * (TILE_SIZE + _LABEL)), "white"
    )
    pen = ImageDraw.Draw(board)
    for row, (name, site) in enumerate(track(list(PLACES.items()), "figure: places")):
        top = row * (TILE_SIZE + _LABEL)
        shown = variants(cascade, args.seed, site.tile(ZOOM))
        for column, (title, pixels) in enumerate(zip(COLUMNS, shown, strict=True)):
            board.paste(Image.fromarray(pixels), (column * TILE_SIZE, top + _LABEL))
            text = f"{name}: {title}" if column == 0 else title
            pen.text((column * TILE_SIZE + 4, top + 2), text, fill="#444")
    print(save_small(np.asarray(board), args.out, _LIMIT))
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the experiment's options."""
    add_cascade(parser)
    parser.add_argument("--out", type=Path, default=Path("edges.webp"), help="WebP [edges.webp]")


EXPERIMENT = Experiment(
    "edges",
    "Draw zoom 15 with and without the edges of its parent.",
    ("--out docs/edges.webp",),
    add_arguments,
    run,
)

if __name__ == "__main__":
    sys.exit(stopping.command(EXPERIMENT.main))
