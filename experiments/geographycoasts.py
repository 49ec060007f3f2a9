"""Where invented shores lie at coasts all over the Earth, and how steep they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.geographyplaces import (
    WITH,
    WITHOUT,
    WorldPair,
    coasts,
    deeper,
    parted,
    shares_of,
    signed_distance,
)
from experiments.shores import Mask, ShoreFigures, discriminant, figures
from generator.geography.layers import CoverageLayer
from generator.grid.averaging import averaged
from generator.grid.pixels import Pixels
from generator.grid.rectangle import Rectangle
from generator.grid.tile import TILE_SIZE, row_of
from training.errors import TrainingError
from training.measure.report import markdown
from training.progress import track

CLOSE = 2.0
"""Pixels within which the median distance of a coast is asked to lie."""

_SEA = 128
"""Share in 255ths from which on a pixel is water."""

_SHIFT = 4
"""Pixels by which real pictures may lie off the mask."""

_VALID = 0.95
"""Part of a real picture that is neither cloud nor without data."""

_REAL = {
    "blue-marble": (8, 1, 45.0),
    "landsat-tokyo": (12, 2, 60.0),
    "sentinel2-tokyo": (13, 4, 60.0),
}
"""Sources in Web Mercator: their zoom, how many pixels are averaged, and farthest latitude."""

_COLUMNS = (
    "pictures", "median, px", "90 %, px", "chance, px", f"median <= {CLOSE:.0f} px", "on the side",
    "steepest, 1/px", "at own shore", "texture", "blue 1-3 px", "8-16 px", "sea",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Coast:
    """One picture of a coast: whose (a world's name or a source), zoom, place, and its figures."""

    whose: str
    zoom: int
    place: str
    figures: ShoreFigures


def measure(worlds: WorldPair, count: int, seed: int) -> list[Coast]:
    """Look at `count` coasts at zooms 9 and 11 in both worlds."""
    found = []
    basemap = worlds.cascades[WITH].basemap
    for coast in track(coasts(worlds.water, basemap, count, seed), "coasts"):
        below = deeper(worlds.water, coast)
        wanted = [coast] if below is None else [coast, below]
        for name, tile, pixels in worlds.tiles(wanted):
            mask = shares_of(worlds.water, tile) >= _SEA
            found.append(Coast(name, tile.z, str(tile), figures(pixels, mask)))
    return found


def real(water: CoverageLayer, manifest: Path, count: int, seed: int) -> list[Coast]:
    """Look at up to `count` coasts of each source of real imagery in a manifest."""
    found = []
    for source, (zoom, by, _) in _REAL.items():
        shown = zoom - by.bit_length() + 1
        several = islice(_real_coasts(water, manifest, source, seed), count)
        found += [Coast(source, shown, at, figures(pixels, mask)) for at, pixels, mask in several]
    return found


def table(rows: list[Coast]) -> str:
    """Return medians over pictures of each world and zoom, or source."""
    lines = []
    for zoom, whose in sorted({(row.zoom, row.whose) for row in rows}, key=_order):
        some = [row.figures for row in rows if (row.zoom, row.whose) == (zoom, whose)]
        middle = {
            field.name: float(np.nanmedian([getattr(one, field.name) for one in some]))
            for field in fields(ShoreFigures)
        }
        close = sum(one.median <= CLOSE for one in some) / len(some)
        lines.append(
            [whose, str(zoom), str(len(some))]
            + [f"{middle[name]:.1f}" for name in ("median", "high", "chance")]
            + [f"{100 * close:.0f} %", f"{100 * middle['agree']:.0f} %"]
            + [f"{middle[name]:.2f}" for name in ("steep", "own", "texture")]
            + [f"{middle[name]:+.1f}" for name in ("near", "inland", "sea")]
        )
    return markdown(["shore of", "zoom", *_COLUMNS], lines)


def _order(group: tuple[int, str]) -> tuple[bool, int, bool, str]:
    zoom, whose = group
    return whose not in (WITH, WITHOUT), zoom, whose != WITHOUT, whose


def _real_coasts(
    water: CoverageLayer, manifest: Path, source: str, seed: int
) -> Iterator[tuple[str, Pixels, Mask]]:
    """Yield squares of 256 pixels of a source with a coast, in an order of the seed."""
    try:
        listed = json.loads(manifest.read_text("utf-8"))
        chunks = [one for one in listed if one["source"] == source]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise TrainingError(f"{manifest} is no manifest of imagery: {error}") from error
    zoom, by, poleward = _REAL[source]
    shown = zoom - by.bit_length() + 1
    for number in np.random.default_rng([seed, 18]).permutation(len(chunks)).tolist():
        chunk = chunks[number]
        if abs(chunk["lat"]) > poleward:
            continue
        # The chunk's corner in pixels of its zoom, from its centre.
        size = TILE_SIZE << zoom
        x = round((chunk["lon"] + 180) / 360 * size - chunk["width"] / 2)
        y = round(row_of(chunk["lat"], size) - chunk["height"] / 2)
        side, picture, valid = TILE_SIZE, None, None
        for down in range(0, chunk["height"] // by - side + 1, side):
            for right in range(0, chunk["width"] // by - side + 1, side):
                area = Rectangle(x // by + right, y // by + down, side, side)
                shares = water.shares(shown, area.grown(_SHIFT))
                if shares is None or not parted(shares[_SHIFT:-_SHIFT, _SHIFT:-_SHIFT]):
                    continue
                if picture is None or valid is None:
                    picture, valid = _read(manifest.parent, chunk, by)
                inside = np.s_[down : down + side, right : right + side]
                if valid[inside].mean() >= _VALID:
                    mask = registered(picture[inside], shares >= _SEA)
                    yield f"{chunk['file']} {right} {down}", picture[inside], mask


def registered(picture: Pixels, mask: Mask) -> Mask:
    """Return the part of a mask, 4 pixels wider on each side, that fits a picture best."""
    side = len(picture)
    inner = slice(_SHIFT, _SHIFT + side)
    value = np.clip(discriminant(picture, signed_distance(mask[inner, inner])), -1, 2)
    value -= value.mean()
    shifts = [(y, x) for y in range(2 * _SHIFT + 1) for x in range(2 * _SHIFT + 1)]
    parts = {(y, x): mask[y : y + side, x : x + side] for y, x in shifts}
    best = max(shifts, key=lambda shift: float((value * parts[shift]).sum()))
    return parts[best]


def _read(folder: Path, chunk: dict[str, Any], by: int) -> tuple[Pixels, Mask]:
    """Read a picture, averaged, and which of its pixels are neither cloud nor without data."""
    with Image.open(folder / chunk["file"]) as image:
        pixels = np.asarray(image.convert("RGB"))
    height, width = (length // by for length in pixels.shape[:2])
    valid = np.ones((height, width), bool)
    if chunk["mask"] is not None:
        with Image.open(folder / chunk["mask"]) as image:
            large = image.convert("L").resize((width, height), Image.Resampling.NEAREST)
            valid = np.asarray(large) > 0
    return averaged(pixels[: height * by, : width * by], by), valid
