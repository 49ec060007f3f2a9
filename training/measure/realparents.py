"""Real children beside what a stage and bicubic interpolation make of the same real parents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from PIL import Image as Pillow
from torch import Tensor

from generator.cascade.stages import AnyStage
from generator.grid.rectangle import Rectangle
from generator.grid.tile import SCALE
from generator.memory.field import Memory
from generator.nets.conditioning import to_pixels
from generator.upscaling.parentpicture import InMemory, ParentPicture
from training.imagery.pyramid import Pyramid
from training.measure.metrics import Images
from training.progress import track
from training.samples.windows import BANDS, Samples

CORE = 64
"""Parent pixels along the side of a window: its children have 256."""
EDGE = 32
"""Real parent pixels round the core; what a network's margin needs beyond them is mirrored."""


_FIELDS = ("parents", "truth", "bicubic", "made")


@dataclass(frozen=True, slots=True)
class RealParentSamples:
    """Windows of one band, uint8 [N, 256, 256, 3] each (the parents [N, 64, 64, 3])."""

    parents: Images
    truth: Images
    bicubic: Images
    made: Images

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.truth)

    def some(self, which: slice) -> RealParentSamples:
        """Return some of the windows."""
        return RealParentSamples(*(getattr(self, field)[which] for field in _FIELDS))

    def joined(self, other: RealParentSamples) -> RealParentSamples:
        """Return these windows and others behind them."""
        both = ((getattr(self, field), getattr(other, field)) for field in _FIELDS)
        return RealParentSamples(*(np.concatenate(pair) for pair in both))


def evaluation_windows(pyramid: Pyramid, split: str, seed: int = 0) -> Samples:
    """Return what windows are drawn from: the same for every network.

    Raises TrainingError where the split holds no image of any stage's resolution.
    """
    return Samples(pyramid, split, CORE + 2 * EDGE, seed)


def draw_real_parents(
    stage: AnyStage,
    samples: Samples,
    band: int,
    numbers: range,
    clean: bool = False,
    *,
    memory: Memory | None = None,
) -> RealParentSamples:
    """Draw windows of BANDS[band] by number from `evaluation_windows` and generate their children.

    The same numbers give the same windows and the same noise for every stage. clean: the parent
    is the plain average of its child; otherwise it is degraded at random, and the network is given
    that conditioning-augmentation level. A network that draws layouts is given the level of a real
    parent. memory: where layouts come from, chosen as for a user's picture; never from the child.
    Raises TrainingError where the imagery holds no usable window.
    """
    rows: list[tuple[Images, ...]] = []
    for number in track(numbers, f"zoom {BANDS[band].zoom}: windows"):
        drawn = draw(samples, band, number)
        # The parent as the stage sees it, with the edge that its margin reaches into.
        small = F.avg_pool2d(drawn["child"], SCALE) if clean else drawn["parent"]
        window = to_pixels(small[None])
        parent = window[EDGE:-EDGE, EDGE:-EDGE]
        # The generated child, under the augmentation level that fits the parent.
        level = 0.0 if clean else float(drawn["augmentation"])
        level = level if stage.faithful_augmentation is None else stage.faithful_augmentation
        picture = ParentPicture(stage, BANDS[band].zoom, _fitted(window, stage), memory)
        core = Rectangle(stage.margin, stage.margin, CORE, CORE)
        made = picture.draw(number, picture.zoom, core, float(drawn["gsd"]), level)
        rows.append((parent, _core(drawn["child"]), enlarged(parent), made))
    return RealParentSamples(*(np.stack(column) for column in zip(*rows, strict=True)))


def enlarged(parent: Images) -> Images:
    """Enlarge a parent uint8 [h, w, 3] by bicubic interpolation: [4h, 4w, 3]."""
    height, width = parent.shape[:2]
    size = (SCALE * width, SCALE * height)
    return np.asarray(Pillow.fromarray(parent).resize(size, Pillow.Resampling.BICUBIC))


def draw_real_windows(samples: Samples, band: int, numbers: range) -> Images:
    """Draw real windows of BANDS[band] by number, uint8 [N, 256, 256, 3]."""
    return np.stack([_core(draw(samples, band, n)["child"]) for n in numbers])


def _core(child: Tensor) -> Images:
    """Return the middle of a child [3, 4w, 4w] in [-1, 1] as uint8 [256, 256, 3]."""
    side = SCALE * CORE
    edge = (child.shape[-1] - side) // 2
    return to_pixels(child[None])[edge : edge + side, edge : edge + side]


def draw(samples: Samples, band: int, number: int) -> dict[str, Tensor]:
    """Return window `number` of a band in its own tones."""
    return samples.draw(band, np.random.default_rng([band, number, samples.seed]), tone=False)


def _fitted(window: Images, stage: AnyStage) -> InMemory:
    """Return a window with the stage's margin round its core, mirrored or cut off to fit."""
    extra = stage.margin - EDGE
    if extra > 0:
        return InMemory(np.pad(window, ((extra, extra), (extra, extra), (0, 0)), "symmetric"))
    return InMemory(window[-extra:extra, -extra:extra] if extra else window)
