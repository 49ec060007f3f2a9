"""A judge of towns: logistic regression of texture and colour, trained on imagery of known places.

Pictures are brought to the pixels of zoom 13 and cut into pieces, which the layers call built-up
or country. What is water by the layer, or cloud by the picture's mask, counts for nothing: a
statistic is a mean over the other blocks of 32 x 32 pixels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.geography.ground import GroundFigures
from generator.geography.layers import CoverageLayer
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import EQUATOR_RESOLUTION, TILE_SIZE, row_of
from training.errors import TrainingError

ZOOM = 13
SIDE = TILE_SIZE
"""Pixels along a judged piece."""

BUILT, OPEN = 200, 20
"""Mean built-up degree from which on a piece is a town, and up to which it is country."""

_BLOCKS = 8
"""Blocks along a piece."""

_WATERY = 0.25
"""Greatest share of water in a block that counts."""

_LEAST = 0.4
"""Least share of blocks that count in a piece that is learnt from."""

_FINEST, _COARSEST = 8, 20
"""Metres per pixel of pictures that are learnt from."""

_FLAT = 0.02
"""Greatest share of black and white pixels in a piece that is learnt from."""

_PLACE_BITS = 12
"""Pixels along a place, as a power of two."""

_RIDGE = 1e-2

Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Judge:
    """Logistic regression of features [k]: middle and spread of each, then weights and bias."""

    middle: Reals
    spread: Reals
    weights: Reals

    @classmethod
    def fit(cls, features: Reals, towns: Bools) -> Judge:
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


@dataclass(frozen=True, slots=True)
class TownPieces:
    """Labelled pieces: features [n, k], whether they are towns, bool [n], and places, int64 [n].

    Pictures whose corners lie in one tile of zoom 9, 78 km at the equator, are one place.
    """

    features: Reals
    towns: Bools
    places: NDArray[np.int64]

    def held_out(self) -> Reals:
        """Return the probabilities that judges give who know all other places: float64 [n]."""
        told = np.zeros(len(self.towns))
        for place in np.unique(self.places):
            out = self.places == place
            told[out] = Judge.fit(self.features[~out], self.towns[~out])(self.features[out])
        return told


def dry_blocks(water: CoverageLayer | None, area: Rectangle) -> Bools:
    """Return which blocks of a piece of zoom 13 the layer calls land: bool [8, 8]."""
    shares = None if water is None else water.shares(ZOOM, area)
    if shares is None:
        return np.ones((_BLOCKS, _BLOCKS), np.bool_)
    dry: Bools = _means(shares / 255) <= _WATERY
    return dry


def described(pixels: Pixels, counted: Bools) -> Reals:
    """Return features of a piece that hardly depend on its brightness: float64 [k].

    counted: blocks of which they are, bool [8, 8]. Contrast in four octaves, how evenly it is
    spread, kurtosis, whether spots are bright or dark (skewness), and variety of colour.
    """
    wide = pixels.astype(np.float64) + 4
    light = np.log(wide.mean(2))
    found: list[float] = []
    smooth = light
    for _ in range(4):
        low = smooth.reshape(len(smooth) // 2, 2, -1, 2).mean((1, 3))
        band = smooth - low.repeat(2, 0).repeat(2, 1)
        second, third, fourth = (_means(band**power)[counted] for power in (2, 3, 4))
        power = np.log(second.mean() + 1e-7)
        found += [power, np.log(second + 1e-7).std(), np.log(fourth.mean() + 1e-9) - 2 * power]
        found.append(third.mean() / (second.mean() + 1e-7) ** 1.5)
        smooth = low
    hue = np.log(wide / wide.mean(2, keepdims=True))
    for band in np.moveaxis(hue, 2, 0):
        first, second = (_means(band**power)[counted].mean() for power in (1, 2))
        found.append(np.sqrt(max(second - first**2, 0)))
    return np.array(found)


def labelled(manifest: Path, ground: GroundFigures, water: CoverageLayer | None) -> TownPieces:
    """Return the pieces of a manifest's pictures of 8 to 20 m that are towns or country.

    Raises TrainingError where the manifest cannot be read, or has no pieces of both.
    """
    try:
        rows = json.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"cannot read {manifest}: {error}") from error
    found, towns, places = [], [], []
    for row in rows:
        if row["lat"] is None or not _FINEST <= (row["gsd_m"] or 0) <= _COARSEST:
            continue
        pixels, clear, area = _placed(manifest.parent, row)
        for y in range(0, area.height - SIDE + 1, SIDE):
            for x in range(0, area.width - SIDE + 1, SIDE):
                inside = slice(y, y + SIDE), slice(x, x + SIDE)
                piece, here = pixels[inside], Rectangle(area.x0 + x, area.y0 + y, SIDE, SIDE)
                degree = degree_of(ground, here)
                flat = float((piece.max(2) < 6).mean() + (piece.min(2) > 249).mean())
                counted = dry_blocks(water, here) & (_means(clear[inside]) > 0.95)
                if OPEN < degree < BUILT or flat > _FLAT or counted.mean() < _LEAST:
                    continue
                found.append(described(piece, counted))
                towns.append(degree >= BUILT)
                places.append((area.y0 >> _PLACE_BITS, area.x0 >> _PLACE_BITS))
    if len(set(towns)) < 2:
        raise TrainingError(f"{manifest} has no pictures of 8 to 20 m of both towns and country")
    _, numbers = np.unique(np.array(places), axis=0, return_inverse=True)
    return TownPieces(np.array(found), np.array(towns), numbers.reshape(-1))


def degree_of(ground: GroundFigures, area: Rectangle) -> float:
    """Return the mean built-up degree of a rectangle of zoom 13."""
    shares = ground.built.shares(ZOOM, area)
    return 0.0 if shares is None else float(shares.mean())


def _placed(folder: Path, row: dict[str, Any]) -> tuple[Pixels, Bools, Rectangle]:
    """Return a picture with zoom 13's pixels, where its mask calls it clear, and where it lies."""
    world = TILE_SIZE << ZOOM
    wanted = EQUATOR_RESOLUTION * np.cos(np.radians(row["lat"])) / (1 << ZOOM)
    with Image.open(folder / row["file"]) as image:
        width, height = (round(side * row["gsd_m"] / wanted) for side in image.size)
        pixels = np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    clear = np.ones((height, width), np.bool_)
    if row.get("mask") is not None:
        with Image.open(folder / row["mask"]) as image:
            clear = np.asarray(image.convert("1").resize((width, height)))
    middle = row_of(row["lat"], world), (row["lon"] + 180) / 360 * world
    top, left = int(middle[0]) - height // 2, int(middle[1]) - width // 2
    return pixels, clear, Rectangle(left, top, width, height)


def _means(values: NDArray[Any]) -> Reals:
    """Return the means of a piece's blocks: [n, n] to float64 [8, 8]."""
    side = len(values) // _BLOCKS
    means: Reals = values.reshape(_BLOCKS, side, _BLOCKS, side).mean((1, 3))
    return means
