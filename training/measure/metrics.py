"""Distances between generated and real imagery that need no reference pixel by pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Images = NDArray[np.uint8]
"""[N, H, W, 3]."""
Floats = NDArray[np.float64]

_PATCH = 7
_DIRECTIONS = 256
_COARSE = 8.0
_PATCHES = 20_000
_LEAST_POWER = 1e-6
"""Added before logarithms: far below the power of one grey level of noise."""


def luminance(images: Images) -> Floats:
    """Mean of the three channels, [N, H, W] in [0, 255]."""
    grey: Floats = images.astype(np.float64).mean(-1)
    return grey


def laplacian(images: Images) -> NDArray[np.float32]:
    """Detail finer than about four pixels: the image minus its blur, in grey levels."""
    values = images.astype(np.float32)
    detail: NDArray[np.float32] = values - gaussian_filter(values, (0, 2.0, 2.0, 0))
    return detail


def sliced_wasserstein(first: Images, second: Images, seed: int = 0) -> float:
    """Sliced Wasserstein-1 distance of 7x7 Laplacian patches, in grey levels times 100.

    256 random directions, 20,000 patches of each set, matched by sorting.
    """
    # Draw patches of both sets, and directions to look at them from.
    random = np.random.default_rng(seed)
    a, b = (_patches(laplacian(images), random) for images in (first, second))
    directions = random.standard_normal((a.shape[1], _DIRECTIONS)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=0)
    # Sorted projections are matched; along contiguous rows, sorting is several times faster.
    projected = [np.sort(directions.T @ x.T, axis=1) for x in (a, b)]
    return float(100 * np.abs(projected[0] - projected[1]).mean(dtype=np.float64))


def spectrum(images: Images) -> Floats:
    """Mean over the images of luminance's radially averaged power by integer frequency, [H/2]."""
    mean: Floats = _radial(luminance(images)).mean(0)
    return mean


def colour_spectrum(images: Images) -> Floats:
    """Mean power of red less green and of blue less green, as `spectrum` has luminance's, [H/2]."""
    red, green, blue = np.moveaxis(images.astype(np.float64), -1, 0)
    mean: Floats = np.mean([_radial(x - green).mean(0) for x in (red, blue)], 0)
    return mean


def _radial(grey: Floats) -> Floats:
    """Return the power of square images [N, H, H] by integer frequency, [N, H/2]."""
    # The Hann window keeps the edges, which do not meet, from adding power of their own.
    size = grey.shape[1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    spread = grey - grey.mean((1, 2), keepdims=True)
    power = np.abs(np.fft.fft2(spread * window)) ** 2
    # Average over rings of equal frequency.
    axis = np.fft.fftfreq(size, 1 / size)
    radius = np.rint(np.hypot(axis[:, None], axis)).astype(int).ravel()
    weight = np.bincount(radius)[: size // 2]
    rows = [np.bincount(radius, one.ravel())[: size // 2] / weight for one in power]
    return np.stack(rows)


def decibels(first: Floats, second: Floats) -> Floats:
    """Power of the first spectrum over the second's in dB, by frequency."""
    ratio: Floats = 10 * np.log10((first + _LEAST_POWER) / (second + _LEAST_POWER))
    return ratio


def absolute_error(difference: Floats) -> float:
    """Mean |dB| over the two octaves that a parent lacks; `difference` in dB by frequency."""
    size = 2 * len(difference)
    return float(np.abs(difference[size // 8 :]).mean())


def octave_errors(difference: Floats) -> tuple[float, float]:
    """Signed mean dB over each octave that a parent lacks: H/8 to H/4 and H/4 to H/2.

    Negative: the first spectrum has too little power there.
    """
    size = 2 * len(difference)
    lower, upper = difference[size // 8 : size // 4], difference[size // 4 :]
    return float(lower.mean()), float(upper.mean())


def contrast(images: Images) -> float:
    """Median over the images of the standard deviation of luminance, in grey levels."""
    return float(np.median(luminance(images).std((1, 2))))


def fine_detail(grey: Floats) -> Floats:
    """Detail of luminance [N, H, W] finer than some 16 pixels: less its blur by 8 pixels."""
    detail: Floats = grey - gaussian_filter(grey, (0, _COARSE, _COARSE))
    return detail


def row_autocorrelation(detail: Floats, most: int) -> Floats:
    """Correlation of detail [H, W] with itself, shifted along its rows by 0 to `most` < W pixels.

    Returns [most + 1] in [-1, 1]; each shift is normalised by the detail in the two parts that are
    compared.
    """
    size = detail.shape[1]
    # Correlate all rows at once; zeros behind them keep the shifts from wrapping round.
    spectrum = np.abs(np.fft.rfft(detail, 2 * size, axis=1)) ** 2
    product = np.fft.irfft(spectrum.sum(0))[: most + 1]
    # Divide by the power of the part that is left of each shift, and of the part on the right.
    power = np.concatenate([[0.0], np.cumsum((detail**2).sum(0))])
    shifts = np.arange(most + 1)
    left, right = power[size - shifts], power[size] - power[shifts]
    found: Floats = product / np.maximum(np.sqrt(left * right), 1e-9)
    return found


def _patches(detail: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
    """Cut random patches of detail [N, H, W, 3]: [20000, 147]."""
    count, height, width, _ = detail.shape
    n = random.integers(count, size=_PATCHES)
    y = random.integers(height - _PATCH + 1, size=_PATCHES)
    x = random.integers(width - _PATCH + 1, size=_PATCHES)
    reach = np.arange(_PATCH)
    rows = (y[:, None] + reach)[:, :, None]
    columns = (x[:, None] + reach)[:, None, :]
    cut: NDArray[np.float32] = detail[n[:, None, None], rows, columns]
    return cut.reshape(_PATCHES, -1)
