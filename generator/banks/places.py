"""Places of a picture that go on most like given surroundings, found by spectra."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.grid.integral import squares
from generator.imagery.sources import Decoded

HALF = 2
"""Places are compared at half the resolution."""
USED = 1.5
"""How much more a place costs for each time that it was taken."""
MOST_LOST = 2 / 3
"""Share of holes above which a picture shows too little to take parts from."""

Mask = NDArray[np.bool_]
Spectrum = NDArray[np.complex128]


class Places:
    """The places of a picture.

    picture: float32 [H, W, 3]; lost: bool [H, W], what no part may be taken from.
    """

    def __init__(self, picture: NDArray[np.float32], lost: Mask) -> None:
        self.source = picture
        # The picture at half its resolution, without its mean, and its spectra.
        self.small = small = halved(picture)
        self.size = small.shape[0], small.shape[1]
        lost = halved_mask(lost)
        self.mean = small[~lost].mean(0)
        shown = np.where(lost[..., None], 0, small - self.mean)
        self.colours = [np.fft.rfft2(shown[..., band]) for band in range(3)]
        self.squared = np.fft.rfft2((shown**2).sum(2))
        self.lost = np.fft.rfft2(lost.astype(np.float64))

    def gaps(self, part: NDArray[np.float32], hole: Mask, ring: Mask) -> NDArray[np.float64]:
        """Return the squared distance of every place from a part, over a ring: float64 [y, x].

        part: float32 [h, w, 3]; hole: what a place has to show; ring: what is compared. y and x are
        those of a place's corner, halved. Infinite where a place shows less than others do.
        """
        # Squared distances over the ring at every place, by their spectra.
        inside = (~halved_mask(~ring)).astype(np.float64)
        seen = (halved(part) - self.mean) * inside[..., None]
        total = np.conj(self._spectrum(inside)) * self.squared
        for band, colour in enumerate(self.colours):
            total -= 2 * np.conj(self._spectrum(seen[..., band])) * colour
        high, wide = inside.shape
        fits = slice(0, self.size[0] - high + 1), slice(0, self.size[1] - wide + 1)
        found = np.fft.irfft2(total, self.size)[fits] + (seen**2).sum()
        # Only places that show all that is needed, or as much of it as any does.
        needed = np.maximum(inside, halved_mask(hole))
        missing = np.fft.irfft2(np.conj(self._spectrum(needed)) * self.lost, self.size)[fits]
        possible = missing < max(0.5, missing.min() + 0.5)
        return np.where(possible, found.clip(0) + 1, np.inf)

    def _spectrum(self, array: NDArray[np.float64]) -> Spectrum:
        spectrum: Spectrum = np.fft.rfft2(array, self.size)
        return spectrum


def lost_of(decoded: Decoded) -> Mask:
    """Say what a picture's mask leaves out: bool [H, W]."""
    height, width = decoded.pixels.shape[:2]
    if decoded.mask is None or not decoded.mask.size:
        return np.zeros((height, width), bool)
    whole = Image.fromarray(decoded.mask).resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(whole) < 255


def grown(mask: Mask, by: int) -> Mask:
    """Return where a mask is true within so many pixels, both ways: bool [h, w]."""
    return np.asarray(squares(np.pad(mask, by), 2 * by + 1) > 0)


def halved(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average a picture [h, w, 3] by two: float64 [h // 2, w // 2, 3]."""
    height, width = picture.shape[0] // HALF, picture.shape[1] // HALF
    cut = picture[: HALF * height, : HALF * width].astype(np.float64)
    made: NDArray[np.float64] = cut.reshape(height, HALF, width, HALF, 3).mean((1, 3))
    return made


def halved_mask(mask: Mask) -> Mask:
    """Say where any of 2 x 2 pixels is true: bool [h // 2, w // 2]."""
    height, width = mask.shape[0] // HALF, mask.shape[1] // HALF
    cut = mask[: HALF * height, : HALF * width].reshape(height, HALF, width, HALF)
    return np.asarray(cut.any((1, 3)))
