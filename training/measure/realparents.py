"""Real children beside what a stage and bicubic interpolation make of the same real parents."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image as Pillow
from torch import Tensor

from generator.cascade.windows import AnyStage
from generator.memory.field import Memory
from generator.memory.view import Rectangle
from generator.nets.conditioning import to_pixels
from generator.nets.unet import SCALE
from generator.upscaling.parentpicture import InMemory, ParentPicture
from training.imagery.pyramid import Image, Pyramid
from training.progress import track
from training.samples.windows import BANDS, Samples

CORE = 64
"""Parent pixels along the side of a window: its children have 256."""
EDGE = 32
"""Real parent pixels round the core; what a network's margin needs beyond them is mirrored."""

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Windows of one band, uint8 [N, 256, 256, 3] each (the parents [N, 64, 64, 3])."""

    parents: Images
    truth: Images
    bicubic: Images
    made: Images

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.truth)


def restricted(pyramid: Pyramid, keep: Callable[[Image], bool]) -> Pyramid:
    """Return a view of the pyramid that lists only the images that `keep` accepts."""
    view = copy.copy(pyramid)
    view.images = [image for image in pyramid.images if keep(image)]
    return view


def windows_of(pyramid: Pyramid, split: str, seed: int = 0) -> Samples:
    """Return what windows are drawn from: the same for every network.

    Raises TrainingError where the split holds no image of any stage's resolution.
    """
    return Samples(pyramid, split, CORE + 2 * EDGE, seed)


def draw_pairs(
    stage: AnyStage,
    samples: Samples,
    band: int,
    numbers: range,
    clean: bool = False,
    *,
    memory: Memory | None = None,
) -> Pairs:
    """Draw windows of BANDS[band] by number from `windows_of` and generate their children.

    The same numbers give the same windows and the same noise for every stage. clean: the parent
    is the plain average of its child; otherwise it is degraded by a random strength that the
    network is told, unless it draws layouts: these are told that parents are real. memory: where
    layouts come from, chosen as for a user's picture; never from the child.
    Raises TrainingError where the imagery holds no usable window.
    """
    inner = slice(SCALE * EDGE, -SCALE * EDGE)
    columns: tuple[list[Images], ...] = ([], [], [], [])
    for number in track(numbers, f"zoom {BANDS[band].zoom}: windows"):
        drawn = draw(samples, band, number)
        strength = 0.0 if clean else float(drawn["augmentation"])
        if stage.faithful is not None:
            strength = stage.faithful
        small = F.avg_pool2d(drawn["child"], SCALE) if clean else drawn["parent"]
        window = to_pixels(small[None])
        parent = window[EDGE:-EDGE, EDGE:-EDGE]
        columns[0].append(parent)
        columns[1].append(to_pixels(drawn["child"][None])[inner, inner])
        size = (SCALE * CORE, SCALE * CORE)
        enlarged = Pillow.fromarray(parent).resize(size, Pillow.Resampling.BICUBIC)
        columns[2].append(np.asarray(enlarged))
        held = ParentPicture(stage, BANDS[band].zoom, _fitted(window, stage), memory)
        core = Rectangle(stage.margin, stage.margin, CORE, CORE)
        made = held.draw(number, held.zoom, core, float(drawn["gsd"]), strength)
        columns[3].append(made)
    return Pairs(*(np.stack(column) for column in columns))


def draw_real(samples: Samples, band: int, numbers: range) -> Images:
    """Draw real windows of BANDS[band] by number, uint8 [N, 256, 256, 3]."""
    edge = SCALE * (samples.window - CORE) // 2
    inner = slice(edge, edge + SCALE * CORE)
    children = [to_pixels(draw(samples, band, n)["child"][None]) for n in numbers]
    return np.stack([child[inner, inner] for child in children])


def draw(samples: Samples, band: int, number: int) -> dict[str, Tensor]:
    """Return window `number` of a band in its own tones."""
    return samples.draw(band, np.random.default_rng([band, number, samples.seed]), tone=False)


def _fitted(window: Images, stage: AnyStage) -> InMemory:
    """Return a window with the stage's margin round its core, mirrored or cut off to fit."""
    extra = stage.margin - EDGE
    if extra > 0:
        return InMemory(np.pad(window, ((extra, extra), (extra, extra), (0, 0)), "symmetric"))
    return InMemory(window[-extra:extra, -extra:extra] if extra else window)
