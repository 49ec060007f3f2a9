"""Blur kernels of the high-order degradation, sampled on the pixels of the image they blur."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.special import j1

Shape = Literal["gaussian", "generalised", "plateau"]
Kernel = NDArray[np.float32]


def anisotropic(
    shape: Shape, sigmas: tuple[float, float], angle: float, beta: float, radius: int
) -> Kernel:
    """Return a normalised kernel [2 radius + 1, 2 radius + 1] of an elliptic bell.

    sigmas: along and across `angle` (radians), in pixels. With the Mahalanobis distance d:
    gaussian exp(-d^2 / 2), generalised exp(-(d^2)^beta / 2), plateau 1 / (1 + (d^2)^beta)
    (Wang et al., Real-ESRGAN, 2021, section 3.1). A vanishing sigma leaves the image as it is.
    """
    y, x = _grid(radius)
    # A fiftieth of a pixel reaches no neighbour, and the division stays finite.
    along, across = (max(sigma, 0.02) for sigma in sigmas)
    u = (x * np.cos(angle) + y * np.sin(angle)) / along
    v = (y * np.cos(angle) - x * np.sin(angle)) / across
    squared = u * u + v * v
    if shape == "plateau":
        kernel = 1 / (1 + squared**beta)
    else:
        kernel = np.exp(-0.5 * (squared if shape == "gaussian" else squared**beta))
    return _normalised(kernel)


def sinc(cutoff: float, radius: int) -> Kernel:
    """Return the ideal circular low pass [2 radius + 1, 2 radius + 1], cut off to the window.

    cutoff: radians per pixel, above 0; from pi on nothing is cut off and the kernel is a point.
    k = cutoff / (2 pi r) J1(cutoff r) (Real-ESRGAN, Eq. 6).
    """
    y, x = _grid(radius)
    if cutoff >= np.pi:
        point: Kernel = ((x == 0) & (y == 0)).astype(np.float32)
        return point
    distance = np.hypot(x, y)
    distance[radius, radius] = 1
    kernel = cutoff * j1(cutoff * distance) / (2 * np.pi * distance)
    kernel[radius, radius] = cutoff**2 / (4 * np.pi)
    return _normalised(kernel)


def convolve(image: NDArray[np.float32], kernel: Kernel) -> NDArray[np.float32]:
    """Convolve [H, W, C] with an odd square kernel, the image mirrored at its edges."""
    radius = len(kernel) // 2
    if kernel[radius, radius] == 1:
        return image
    height, width = image.shape[:2]
    padded = np.pad(image, ((radius, radius), (radius, radius), (0, 0)), "symmetric")
    shape = tuple(next_fast_len(side, real=True) for side in padded.shape[:2])
    spectrum = rfft2(padded, shape, axes=(0, 1)) * rfft2(kernel, shape)[..., None]
    full = irfft2(spectrum, shape, axes=(0, 1))
    # The full convolution starts a radius before the padded image does.
    start = 2 * radius
    blurred: NDArray[np.float32] = full[start : start + height, start : start + width]
    return blurred.astype(np.float32, copy=False)


def _grid(radius: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float64)
    return y, x


def _normalised(kernel: NDArray[np.float64]) -> Kernel:
    normalised: Kernel = (kernel / kernel.sum()).astype(np.float32)
    return normalised
