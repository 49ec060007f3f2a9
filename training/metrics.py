"""Distances between generated and real imagery that need no reference pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Images = NDArray[np.uint8]
"""[N, H, W, 3]."""

_PATCH = 7
_DIRECTIONS = 256
_PATCHES = 20_000


def laplacian(images: Images) -> NDArray[np.float32]:
    """Detail finer than about four pixels: the image minus its blur, in grey levels."""
    values = images.astype(np.float32)
    detail: NDArray[np.float32] = values - gaussian_filter(values, (0, 2.0, 2.0, 0))
    return detail


def sliced_wasserstein(first: Images, second: Images, seed: int = 0) -> float:
    """Sliced Wasserstein-1 distance of 7x7 Laplacian patches, in grey levels times 100.

    256 random directions, up to 20,000 patches of each set, matched by sorting.
    """
    random = np.random.default_rng(seed)
    a, b = (_patches(laplacian(images), random) for images in (first, second))
    directions = random.standard_normal((a.shape[1], _DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    quantiles = (np.arange(2000) + 0.5) / 2000
    projected = [np.quantile(x @ directions, quantiles, axis=0) for x in (a, b)]
    return float(100 * np.abs(projected[0] - projected[1]).mean())


def spectrum(images: Images) -> NDArray[np.float64]:
    """Radially averaged power of luminance by integer frequency, [H/2], Hann window."""
    size = images.shape[1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    grey = images.astype(np.float64).mean(-1)
    grey -= grey.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(grey * window)) ** 2).mean(0)
    axis = np.fft.fftfreq(size, 1 / size)
    radius = np.rint(np.hypot(axis[:, None], axis)).astype(int).ravel()
    sums = np.bincount(radius, power.ravel())[: size // 2]
    mean: NDArray[np.float64] = sums / np.bincount(radius)[: size // 2]
    return mean


def spectrum_error(first: Images, second: Images) -> float:
    """Mean absolute difference in dB over the two octaves that a parent lacks (H/8 to H/2)."""
    size = first.shape[1]
    a, b = spectrum(first), spectrum(second)
    lacking = slice(size // 8, size // 2)
    return float(np.abs(10 * np.log10(a[lacking] / b[lacking])).mean())


def contrast(images: Images) -> float:
    """Median over the images of the standard deviation of luminance, in grey levels."""
    return float(np.median(images.astype(np.float64).mean(-1).std((1, 2))))


def _patches(detail: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    count, height, width, _ = detail.shape
    n = random.integers(count, size=_PATCHES)
    y = random.integers(height - _PATCH + 1, size=_PATCHES)
    x = random.integers(width - _PATCH + 1, size=_PATCHES)
    reach = np.arange(_PATCH)
    rows = (y[:, None] + reach)[:, :, None]
    columns = (x[:, None] + reach)[:, None, :]
    cut: NDArray[np.float32] = detail[n[:, None, None], rows, columns]
    return cut.reshape(_PATCHES, -1)
