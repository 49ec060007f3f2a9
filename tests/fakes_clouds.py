"""Made-up weather and other white things over made-up ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from generator.grid.pixels import Pixels

GRASS = (70, 88, 52)


def land(height: int, width: int, seed: int = 0) -> Pixels:
    """Return green ground with some grain, uint8 [height, width, 3]."""
    grain = np.random.default_rng(seed).integers(-14, 15, (height, width, 1))
    pixels: Pixels = (np.array(GRASS) + grain).astype(np.uint8)
    return pixels


def discs(height: int, width: int, radius: int, seed: int = 0) -> NDArray[np.float64]:
    """Return soft discs strewn over a picture, about one for each (6 radii)^2: 0 to 1."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    cover = np.zeros((height, width))
    for _ in range(height * width // (6 * radius) ** 2):
        top, left = random.integers(0, height), random.integers(0, width)
        size = radius * random.uniform(0.7, 1.3)
        cover = np.maximum(cover, np.clip((size - np.hypot(y - top, x - left)) / 3 + 0.5, 0, 1))
    return cover


def clouded(
    pixels: Pixels, radius: int = 9, seed: int = 0, shadow: tuple[int, int] = (9, 15)
) -> Pixels:
    """Return a picture under round clouds with shadows so many rows and columns off."""
    cover = discs(*pixels.shape[:2], radius, seed)
    dark = np.roll(cover, shadow, (0, 1))
    shaded = pixels * (1 - 0.6 * dark[..., None])
    out: Pixels = np.rint(shaded * (1 - cover[..., None]) + 235 * cover[..., None]).astype(np.uint8)
    return out


def town(height: int, width: int, roof: int = 6, seed: int = 0) -> Pixels:
    """Return white roofs of `roof` to twice as many pixels in rows, each with a short shadow."""
    pixels = land(height, width, seed)
    random = np.random.default_rng(seed)
    for top in range(2, height - 3 * roof, 3 * roof):
        for left in range(2, width - 3 * roof, 3 * roof):
            high, wide = random.integers(roof, 2 * roof, 2)
            pixels[top + 1 : top + high + 2, left + 1 : left + wide + 2] = (34, 36, 34)
            pixels[top : top + high, left : left + wide] = random.integers(200, 246)
    return pixels
