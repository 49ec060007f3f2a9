"""Where a picture's own shore lies beside a mask of water, and how steep it is.

A linear discriminant of colour (Fisher, 1936) is learned from pixels away from the mask's shore
and scaled so that land is 0 and water 1; where it is 1/2 is the picture's own shore.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from experiments.geographyplaces import AWAY, signed_distance
from generator.grid.pixels import Pixels

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_NEAR = 8
"""Pixels on both sides of the mask's shore in which sides are compared."""

_ACROSS = 6
"""Pixels on both sides of a shore in which its steepest place is looked for."""

_BESIDE = 14
"""Pixels from the shore at which there is none, for what texture alone gives."""

_SPECKS = 64
"""Pixels of the smallest piece of land or water that has a shore of its own."""


@dataclass(frozen=True, slots=True)
class ShoreFigures:
    """One picture's figures.

    median, high: pixels, median and 90th percentile of the distance from the mask's shore to the
    picture's own; chance: the median for the mask seen in a mirror. agree: share of pixels 2 to 8
    px from the mask's shore that are on the mask's side. steep, own, texture: 1/px, the largest
    gradient across the mask's shore, across the picture's own, and 14 px beside. near, inland, sea:
    grey levels, blueness of land 1 to 3 px from the shore, 8 to 16 px from it, and of water.
    """

    median: float
    high: float
    chance: float
    agree: float
    steep: float
    own: float
    texture: float
    near: float
    inland: float
    sea: float


def figures(picture: Pixels, water: Mask) -> ShoreFigures:
    """Compare a picture, uint8 [h, w, 3], with a mask of water [h, w]."""
    distance = signed_distance(water)
    value = discriminant(picture, distance)
    split = majority(value > 0.5)
    to_own = ndimage.distance_transform_edt(~boundary(split))
    apart = to_own[boundary(water)]
    chance = to_own[boundary(water)[:, ::-1]]
    beside = (np.abs(distance) > 1) & (np.abs(distance) <= _NEAR)
    whole = without_specks(split)
    blue = picture[..., 2] - picture[..., :2].mean(2)
    return ShoreFigures(
        float(np.median(apart)),
        float(np.percentile(apart, 90)),
        float(np.median(chance)),
        float((split == water)[beside].mean()),
        steepness(value, distance, boundary(water)),
        steepness(value, signed_distance(whole), boundary(whole)),
        steepness(value, distance, np.abs(np.abs(distance) - _BESIDE) <= 0.5),
        _mean(blue, (distance <= -1) & (distance >= -3)),
        _mean(blue, (distance <= -8) & (distance >= -16)),
        _mean(blue, distance >= _NEAR),
    )


def discriminant(picture: Pixels, distance: Floats) -> Floats:
    """Return how far a picture's colours are on the way from land, 0, to water, 1: [h, w].

    distance: signed, of the mask of water; colours more than 4 px from its shore are learned.
    """
    colours = picture.astype(np.float64)
    land, sea = colours[distance < -AWAY], colours[distance > AWAY]
    first, second = land.mean(0), sea.mean(0)
    within = np.cov(land.T) + np.cov(sea.T) + 0.25 * np.eye(3)
    weights = np.linalg.solve(within, second - first)
    scale = float(weights @ (second - first))
    values: Floats = (colours - first) @ weights / max(scale, 1e-12)
    return values


def boundary(mask: Mask) -> Mask:
    """Say which pixels have one of the other kind beside, above or below."""
    found = np.zeros(mask.shape, bool)
    down, across = mask[1:] != mask[:-1], mask[:, 1:] != mask[:, :-1]
    found[1:] |= down
    found[:-1] |= down
    found[:, 1:] |= across
    found[:, :-1] |= across
    return found


def majority(mask: Mask) -> Mask:
    """Give each pixel the kind that most of the 3 x 3 pixels round it have."""
    filtered: Mask = ndimage.median_filter(mask.astype(np.uint8), 3, mode="nearest").astype(bool)
    return filtered


def without_specks(mask: Mask) -> Mask:
    """Fill pieces of either kind that are too small to have a shore of their own."""
    filled = mask
    for kind in (True, False):
        pieces, _ = ndimage.label(filled == kind)
        small = np.bincount(pieces.ravel()) < _SPECKS
        small[0] = False
        filled = filled ^ small[pieces]
    return filled


def steepness(value: Floats, distance: Floats, places: Mask) -> float:
    """Return the mean over places of the largest rise towards water within 6 px, 1/px; or NaN.

    distance: signed, whose gradient is the way across the shore.
    """
    smooth = ndimage.gaussian_filter(distance, 1.5)
    way = np.stack(np.gradient(smooth))
    way /= np.maximum(np.hypot(*way), 1e-9)
    margin = _ACROSS + 2
    inner = np.zeros_like(places)
    inner[margin:-margin, margin:-margin] = places[margin:-margin, margin:-margin]
    at = np.argwhere(inner).T
    if not at.size:
        return float("nan")
    steps = np.arange(-_ACROSS, _ACROSS + 2) - 0.5
    points = at[:, None] + way[:, at[0], at[1]][:, None] * steps[None, :, None]
    profile = ndimage.map_coordinates(value, points, order=1, mode="nearest")
    return float(np.diff(profile, axis=0).max(0).mean())


def _mean(values: Floats, where: Mask) -> float:
    return float(values[where].mean()) if where.any() else float("nan")
