"""The high-order degradation of a parent: twice blur, resize, noise and JPEG, then a low pass.

The settings are those that Real-ESRGAN publishes for its fourfold network (Wang et al., "Real-
ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021, section 3 and
the released options of RealESRNet x4plus), which MetaEarth uses as they are (section III).

There the first round works on the child and the second ends on the parent's grid. Here a parent is
given, so the first round's lengths are divided by SCALE, and where it would work on a grid finer
than the parent's, its noise and JPEG errors are weakened by as much as averaging down to the
parent's grid would weaken them. Departures: Poisson noise always counts 256 grey levels (counting
the levels in use would put grain on calm water), and resizing smooths before it shrinks.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.grid.tile import SCALE
from training.kernels import Kernel, Shape, anisotropic, convolve, sinc

Pixels = NDArray[np.float32]
Range = tuple[float, float]
Resizing = tuple[int, int, Pillow.Resampling]
"""Height and width to reach, and the filter."""


@dataclass(frozen=True, slots=True)
class Round:
    """Settings of one round; lengths in pixels of the image that the round is given.

    resize: probabilities of finer, coarser and as it is; scale: the coarsest and the finest.
    gaussian: probability that the noise is Gaussian, else Poisson; sigma in grey levels.
    grey: probability that the three channels get the same noise.
    """

    blur: float
    blur_sigma: Range
    resize: tuple[float, float, float]
    scale: Range
    gaussian: float
    noise_sigma: Range
    poisson_scale: Range
    grey: float
    quality: Range


FIRST = Round(
    1.0, (0.2, 3.0), (0.2, 0.7, 0.1), (0.15, 1.5), 0.5, (1, 30), (0.05, 3.0), 0.4, (30, 95)
)
SECOND = Round(
    0.8, (0.2, 1.5), (0.3, 0.4, 0.3), (0.3, 1.2), 0.5, (1, 25), (0.05, 2.5), 0.4, (30, 95)
)
KERNELS: tuple[tuple[Shape, bool, float], ...] = (
    ("gaussian", True, 0.45),
    ("gaussian", False, 0.25),
    ("generalised", True, 0.12),
    ("generalised", False, 0.03),
    ("plateau", True, 0.12),
    ("plateau", False, 0.03),
)
"""Shape, whether it is isotropic, and its probability, in both rounds."""
GENERALISED_BETA, PLATEAU_BETA = (0.5, 4.0), (1.0, 2.0)
RADII = (3, 10)
"""Smallest and largest radius of a kernel: 7 to 21 pixels wide."""
ROUND_SINC, FINAL_SINC = 0.1, 0.8
"""Probability of a low pass in place of a round's blur, and at the end."""
FILTERS = (Pillow.Resampling.BOX, Pillow.Resampling.BILINEAR, Pillow.Resampling.BICUBIC)


def high_order(parent: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    """Degrade a parent [H, W, 3] in [0, 255]; strength in [0, 1]. Returns the same shape and range.

    Strength 0 leaves it as it is, 1 is Real-ESRGAN's setting. Between them blur widths, noise and
    the errors of JPEG, low pass and resizing grow in proportion; scales grow as a power. The same
    generator draws the same kernels, scales and qualities at every strength.
    """
    if strength <= 0:
        return parent
    size = parent.shape[:2]
    # The first round: its grid would be `fine` times the parent's, and is at most the parent's.
    blurred = _blur(parent, FIRST, 1 / SCALE, strength, random)
    fine = (SCALE * _scale(FIRST, random)) ** strength
    grid = min(fine, 1.0)
    first, second, back = (
        _resizing(size, share, random) for share in (grid, _scale(SECOND, random) ** strength, 1.0)
    )
    image = _noise(_resize(blurred, first), FIRST, strength * grid / fine, random)
    image = _jpeg(image, FIRST, strength * grid / fine, random)
    # The second round: its sizes are shares of the parent's.
    image = _blur(image, SECOND, grid / fine, strength, random)
    image = _noise(_resize(image, second), SECOND, strength, random)
    # Back to the parent's size with the last low pass, before or after the last JPEG.
    if random.random() < 0.5:
        image = _low_pass(_resize(image, back), strength, random)
        image = _jpeg(image, SECOND, strength, random)
    else:
        image = _jpeg(image, SECOND, strength, random)
        image = _low_pass(_resize(image, back), strength, random)
    # However near its scale is to 1, resizing blurs: of what it loses, a share is given back.
    resized = _resize(_resize(_resize(blurred, first), second), back)
    return np.clip(_mix(image, image + blurred - resized, 1 - strength), 0, 255)


def _blur(
    image: Pixels, settings: Round, unit: float, strength: float, random: np.random.Generator
) -> Pixels:
    """Blur with a random kernel of the round; unit: its pixel in pixels of the image."""
    if random.random() >= settings.blur:
        return image
    radius = int(random.integers(RADII[0], RADII[1] + 1))
    reach = max(1, int(np.ceil(radius * unit)))
    if random.random() < ROUND_SINC:
        # Wide windows may cut off lower frequencies.
        cutoff = random.uniform(np.pi / (3 if radius < 6 else 5), np.pi) / unit
        return _mix(image, convolve(image, sinc(cutoff, reach)), strength)
    return convolve(image, _bell(settings.blur_sigma, unit * strength, reach, random))


def _bell(sigma: Range, unit: float, radius: int, random: np.random.Generator) -> Kernel:
    which = int(random.choice(len(KERNELS), p=[share for _, _, share in KERNELS]))
    shape, isotropic, _ = KERNELS[which]
    along, across = unit * random.uniform(*sigma, 2)
    angle = random.uniform(-np.pi, np.pi)
    low, high = PLATEAU_BETA if shape == "plateau" else GENERALISED_BETA
    # Half of the exponents lie below 1, half above.
    beta = random.uniform(low, 1) if random.random() < 0.5 else random.uniform(1, high)
    return anisotropic(shape, (along, along if isotropic else across), angle, beta, radius)


def _scale(settings: Round, random: np.random.Generator) -> float:
    low, high = settings.scale
    finer, coarser, _ = settings.resize
    draw, size = random.random(2)
    if draw < finer:
        return float(1 + size * (high - 1))
    return float(low + size * (1 - low)) if draw < finer + coarser else 1.0


def _resizing(size: tuple[int, ...], share: float, random: np.random.Generator) -> Resizing:
    height, width = (max(1, round(side * share)) for side in size)
    return height, width, FILTERS[int(random.integers(len(FILTERS)))]


def _resize(image: Pixels, resizing: Resizing) -> Pixels:
    height, width, chosen = resizing
    if image.shape[:2] == (height, width):
        return image
    channels = [Pillow.fromarray(image[..., c]).resize((width, height), chosen) for c in range(3)]
    return np.stack([np.asarray(channel) for channel in channels], -1)


def _noise(image: Pixels, settings: Round, strength: float, random: np.random.Generator) -> Pixels:
    image = np.clip(image, 0, 255)
    # A generator of its own: how many numbers noise takes depends on the strength.
    own = np.random.default_rng(int(random.integers(2**63)))
    grey = random.random() < settings.grey
    if random.random() < settings.gaussian:
        shape = (*image.shape[:2], 1 if grey else 3)
        unit = own.standard_normal(shape, np.float32)
        noise = unit * np.float32(random.uniform(*settings.noise_sigma))
    else:
        rate = image.mean(-1, keepdims=True) if grey else image
        counts = own.poisson(rate * (256 / 255)) * (255 / 256)
        noise = (counts - rate) * random.uniform(*settings.poisson_scale)
    return np.clip(image + noise * strength, 0, 255).astype(np.float32)


def _jpeg(image: Pixels, settings: Round, strength: float, random: np.random.Generator) -> Pixels:
    """Add the errors of JPEG at a random quality, times `strength`."""
    image = np.clip(image, 0, 255)
    quality = round(random.uniform(*settings.quality))
    plain = np.rint(image).astype(np.uint8)
    file = io.BytesIO()
    Pillow.fromarray(plain).save(file, "JPEG", quality=quality)
    with Pillow.open(file) as opened:
        error = np.asarray(opened).astype(np.float32) - plain
    return np.clip(image + error * np.float32(strength), 0, 255)


def _low_pass(image: Pixels, strength: float, random: np.random.Generator) -> Pixels:
    cutoff = random.uniform(np.pi / 3, np.pi)
    radius = int(random.integers(RADII[0], RADII[1] + 1))
    if random.random() >= FINAL_SINC:
        return image
    return _mix(image, convolve(image, sinc(cutoff, radius)), strength)


def _mix(image: Pixels, filtered: Pixels, share: float) -> Pixels:
    return image + np.float32(share) * (filtered - image)
