"""Elsewhere's generated planet: every pixel is a pure function of (world, zoom, x, y).

Coordinate spaces, from coarse to fine:

longitude, latitude
    Degrees on the sphere, WGS 84 order (x, y); east and north are positive.
tile (z, x, y)
    Cell of the Web Mercator grid (EPSG:3857, "XYZ"): 2**z columns and rows, x grows eastwards from
    180 degrees W, y grows southwards from 85.0511 degrees N. See `generator.grid.tile`.
world pixel (zoom, X, Y)
    Pixel of the whole world drawn at one zoom, 256 * 2**zoom wide and high. Tile (z, x, y) covers
    X in [256 x, 256 x + 256) and Y likewise. X is taken modulo the width (the dateline is no
    edge); Y is mirrored at the upper and lower edge of the map. Pixel centres lie at X + 0.5.
parent pixel
    World pixel of zoom z - 2 seen from a stage at zoom z: one parent pixel covers 4 x 4 child
    pixels. A stage reads a rectangle of parent pixels, its core plus a margin on each side.
noise cell (seed, level, X, Y, channel)
    Address of one standard normal number; X and Y are world pixels of zoom `level`, Y may be
    negative or beyond the map. See `generator.grid.noise`.
source pixel (column, row)
    Pixel of an equirectangular base map: columns are linear in longitude from 180 degrees W, rows
    linear in latitude from 90 degrees N. See `generator.base.basemap`.
image pixel (column, row)
    Pixel of a user's own picture, which has edges and no place on the grid. See
    `generator.rasters`.

Terms of the networks and of the layout memory:

stage, cascade
    A network that makes the child of a parent, at zooms 7, 9, 11, 13, 15 and, where the weights
    serve it, 17; all of them in turn. The zooms between are averages. See `generator.cascade`.
core, margin
    What a window is computed for, and the pixels round it that are read and consumed on the way.
conditioning augmentation (level, 0 to 1)
    How degraded a network takes its parent to be, as in cascaded diffusion models. A layout decoder
    draws what is coarser than its level from the parent, the low band, and the rest from codes.
low-frequency consistency
    What a parent decides, colour and coarse shape, is taken off what a network puts out.
noise, latent
    What a stage draws from: Gaussian noise, or layout codes. An intermediate latent is what is left
    of the noise after some of several DDIM steps; see `generator.cascade.blocksampler`.
layout code
    A vector of small integers for a parent pixel, by finite scalar quantisation (`nets.codes`).
scene, patch, bank, memory
    Codes of one place; a described window of them; many scenes in a file; banks ready to be asked.
descriptor, gate
    Whole numbers that say what kind of ground a window is; bounds that a patch has to keep.
cell, site, label
    A jittered cell chooses a patch to show; its cost is known at sites, and each pixel is labelled
    with the cell whose cost is least there. See `generator.memory`.
choosing grid
    Parent pixels of the stage whose cells choose: zoom 13 goes on with the choice of zoom 11.

Arrays of pixels are uint8 [height, width, 3], RGB, north up. A world is (seed, base map digest,
model digest); a seed is an integer in [0, 2**64).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generator.cascade.cascade import Cascade

__all__ = ["load"]

# How long the network's threads spin for each other before they sleep, read when torch is loaded.
# By default 300 times as long: no faster on idle cores, and on busy ones it burns the turns that
# the thread waited for would need. Never spinning costs a turn at every meeting there.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
# numpy's own threads spin much longer after a matrix product, on the cores that the network needs
# next; the products here are too small to gain by them. Read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def load(
    base: Path | None = None,
    weights: Path | None = None,
    steps: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    memory: Sequence[str] | None = None,
    *,
    tone: str | None = None,
    geography: str | None = None,
) -> Cascade:
    """Load a cascade ready to compute: see `generator.cascade.loading.load`.

    geography: folder of layers, none, or None for the base map's (`generator.geography.choice`).
    """
    from generator.base.basemap import BaseMap
    from generator.geography.opening import open_geography

    # Before torch and the weights are loaded, which takes seconds.
    BaseMap.check(base)
    layers = open_geography(geography, base)
    # Imported here, so that addresses and errors can be used without loading torch.
    from generator.cascade.loading import load as load_cascade

    return load_cascade(base, weights, steps, threads, device, memory, tone=tone, geography=layers)
