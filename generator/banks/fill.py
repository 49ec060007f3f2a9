"""Laying other parts of a picture into it: where clouds were masked, or into every second square.

Square by square, what is missing is taken from where the picture goes on most like the pixels round
it: exemplar-based inpainting and image quilting (Efros and Freeman 2001, Criminisi et al. 2004).
Layouts are learned from what a place is like, not from where its streets lie, so a piece of the
same town serves; and a town of which every second square lay elsewhere is no place any more.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.grid.integral import squares
from generator.grid.pixels import Pixels
from generator.imagery.sources import Decoded

SQUARE = 48
"""Side of the squares whose holes are filled at once, in pixels."""
_RING = 10
"""Width of the surroundings that are compared."""
_EDGE = 5
"""Pixels round a hole that are filled too: the rims of clouds."""
_FEATHER = 3
"""Width over which what is filled in goes over into the picture."""
_SHADE, _NEAR = 0.62, 36
"""Share of the usual brightness below which bluish ground so many pixels from a hole is shadow."""
_USED = 1.5
"""How much more a place costs for each time that it was taken."""
_MOST = 2 / 3
"""Share of holes above which a picture shows too little to fill from."""
_OWN = 4.0
"""How many times as much as any other its own place costs: it is taken only where it must be."""
_HALF = 2
"""Places are compared at half the resolution."""

Mask = NDArray[np.bool_]
Spectrum = NDArray[np.complex128]


def filled(decoded: Decoded) -> Decoded:
    """Return a picture whose holes are filled and whose mask is gone.

    A picture without a mask, or one that shows too little to fill from, is returned as it is.
    """
    if decoded.mask is None or not decoded.mask.size:
        return decoded
    height, width = decoded.pixels.shape[:2]
    hole = _lost(decoded)
    hole = _grown(hole | _grown(_shadows(decoded.pixels, hole), _FEATHER), _EDGE)
    if hole.mean() > _MOST or min(height, width) < 4 * SQUARE:
        return decoded
    pixels = _Filling(decoded.pixels, hole, hole, SQUARE).run()
    return Decoded(pixels, None, decoded.failed)


def quilted(decoded: Decoded, square: int, least: int = 0) -> Decoded:
    """Return a picture of which every second square is another part of it.

    square: side in pixels. least: a smaller picture goes on to the right and below with parts of
    itself until it is so many pixels wide and high. What its mask leaves out stays as it is, and so
    does a picture that is too small or shows too little; one with a mask does not go on.
    """
    height, width = decoded.pixels.shape[:2]
    lost = _lost(decoded)
    if lost.mean() > _MOST or min(height, width) < 4 * square:
        return decoded
    growth = [(0, 0 if lost.any() else max(0, least - side)) for side in (height, width)]
    pixels = np.pad(decoded.pixels, [*growth, (0, 0)])
    beyond = np.pad(np.zeros_like(lost), growth, constant_values=True)
    lost = np.pad(lost, growth)
    # Every second square, and all that lies beyond the picture; nothing is taken from there.
    rows, columns = (np.arange(side) // square for side in pixels.shape[:2])
    hole = ((rows[:, None] + columns) % 2 == 1) | beyond
    made = _Filling(pixels, hole & ~lost, lost | beyond, square).run()
    return dataclasses.replace(decoded, pixels=made)


class _Filling:
    """One picture while its holes are filled.

    hole: what is filled; lost: what no part may be taken from; square: pixels filled at once. No
    part is laid where it was.
    """

    def __init__(self, pixels: Pixels, hole: Mask, lost: Mask, square: int) -> None:
        self.picture, self.source = pixels.astype(np.float32), pixels.astype(np.float32)
        self.hole, self.known, self.square = hole, ~(hole | lost), square
        # The picture at half its resolution, without its mean, and its spectra.
        small = _halved(self.picture)
        self.size = small.shape[0], small.shape[1]
        lost = _any(lost)
        self.mean = small[~lost].mean(0)
        shown = np.where(lost[..., None], 0, small - self.mean)
        self.colours = [np.fft.rfft2(shown[..., band]) for band in range(3)]
        self.squared = np.fft.rfft2((shown**2).sum(2))
        self.lost = np.fft.rfft2(lost.astype(np.float64))
        self.used = np.zeros(self.size)

    def run(self) -> Pixels:
        """Fill all holes; returns the pixels."""
        (height, width), side = self.hole.shape, self.square
        for y in range(0, height, side):
            for x in range(0, width, side):
                part = np.zeros_like(self.hole)
                part[y : y + side, x : x + side] = self.hole[y : y + side, x : x + side]
                if part.any():
                    self._fill(part)
        return self.picture.clip(0, 255).astype(np.uint8)

    def _fill(self, hole: Mask) -> None:
        """Fill the holes of one square from the best place of the picture."""
        # The rectangle round them, on whole pixels of half the resolution.
        rows, columns = np.nonzero(hole.any(1))[0], np.nonzero(hole.any(0))[0]
        around = tuple(
            slice(max(0, at[0] - _RING) // 2 * 2, min(2 * half, (at[-1] + _RING + 2) // 2 * 2))
            for at, half in ((rows, self.size[0]), (columns, self.size[1]))
        )
        here, part = hole[around], self.picture[around]
        ring = _grown(here, _RING) & self.known[around]
        y, x = self._best(part, here, ring, (around[0].start, around[1].start))
        source = self.source[y : y + here.shape[0], x : x + here.shape[1]].copy()
        # Half way to the surroundings' mean colour, feathered into them.
        if ring.any():
            source += (part[ring].mean(0) - source[ring].mean(0)) / 2
        soft = _softened(here)
        soft[~(here | self.known[around])] = 0
        part += soft[..., None] * (source - part)
        self.known[around] |= here

    def _best(
        self, part: NDArray[np.float32], hole: Mask, ring: Mask, corner: tuple[int, int]
    ) -> tuple[int, int]:
        """Return the corner of the place that goes on most like the ring, in pixels.

        corner: of the rectangle itself, which does not count.
        """
        # Squared distances over the ring at every place, by their spectra.
        inside = (~_any(~ring)).astype(np.float64)
        seen = (_halved(part) - self.mean) * inside[..., None]
        total = np.conj(self._spectrum(inside)) * self.squared
        for band, colour in enumerate(self.colours):
            total -= 2 * np.conj(self._spectrum(seen[..., band])) * colour
        high, wide = inside.shape
        fits = slice(0, self.size[0] - high + 1), slice(0, self.size[1] - wide + 1)
        gaps = np.fft.irfft2(total, self.size)[fits] + (seen**2).sum()
        # Only places that show all that is needed, or as much of it as any does.
        needed = np.maximum(inside, _any(hole))
        missing = np.fft.irfft2(np.conj(self._spectrum(needed)) * self.lost, self.size)[fits]
        possible = missing < max(0.5, missing.min() + 0.5)
        near = self.square // 2
        top, left = (at // _HALF for at in corner)
        own = slice(max(0, top - near), top + near), slice(max(0, left - near), left + near)
        costs = (gaps.clip(0) + 1) * (1 + _USED * self.used[fits])
        costs[own] = _OWN * costs.max()
        y, x = np.unravel_index(np.where(possible, costs, np.inf).argmin(), costs.shape)
        self.used[max(0, y - near) : y + near, max(0, x - near) : x + near] += 1
        return _HALF * int(y), _HALF * int(x)

    def _spectrum(self, array: NDArray[np.float64]) -> Spectrum:
        spectrum: Spectrum = np.fft.rfft2(array, self.size)
        return spectrum


def _lost(decoded: Decoded) -> Mask:
    """Say what a picture's mask leaves out: bool [H, W]."""
    height, width = decoded.pixels.shape[:2]
    if decoded.mask is None or not decoded.mask.size:
        return np.zeros((height, width), bool)
    whole = Image.fromarray(decoded.mask).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(whole) < 255


def _shadows(pixels: Pixels, hole: Mask) -> Mask:
    """Say where clouds' shadows lie: dark, bluish ground near holes."""
    wide = pixels.astype(np.int32)
    light = wide.sum(2)
    if hole.all():
        return np.zeros_like(hole)
    dark = (light < _SHADE * np.median(light[~hole])) & (wide[..., 2] >= wide[..., 1] - 1)
    # Single dark pixels are none.
    core: Mask = _grown(~_grown(~dark, 1), 1)
    return core & _grown(hole, _NEAR)


def _grown(mask: Mask, by: int) -> Mask:
    """Return where a mask is true within so many pixels, both ways: bool [h, w]."""
    return np.asarray(squares(np.pad(mask, by), 2 * by + 1) > 0)


def _softened(hole: Mask) -> NDArray[np.float32]:
    """Return 1 in a hole, falling to 0 over _FEATHER pixels round it: float32 [h, w]."""
    side = 2 * _FEATHER + 1
    share = squares(np.pad(hole, _FEATHER), side) / (side * side / 2)
    return np.where(hole, 1, share.clip(0, 1)).astype(np.float32)


def _halved(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average a picture [h, w, 3] by two: float64 [h // 2, w // 2, 3]."""
    height, width = picture.shape[0] // _HALF, picture.shape[1] // _HALF
    cut = picture[: _HALF * height, : _HALF * width].astype(np.float64)
    halved: NDArray[np.float64] = cut.reshape(height, _HALF, width, _HALF, 3).mean((1, 3))
    return halved


def _any(mask: Mask) -> Mask:
    """Say where any of 2 x 2 pixels is true: bool [h // 2, w // 2]."""
    height, width = mask.shape[0] // _HALF, mask.shape[1] // _HALF
    cut = mask[: _HALF * height, : _HALF * width].reshape(height, _HALF, width, _HALF)
    return np.asarray(cut.any((1, 3)))
