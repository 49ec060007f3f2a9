"""What a term is given: the drawn samples, their truth, and what else it may look at.

A term is a function (samples, truth, context) -> scalar, both images [B, 3, H, W] in [-1, 1]. Maps
of features are computed when the first term asks for them, and once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from training.errors import TrainingError
from training.losses.critic import Adversary
from training.losses.moments import RunningMoments
from training.losses.perceptual import INPUTS, Perceptual, detail

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Samples of one step with their truth, and what terms may need; None where there is none.

    samples, truth: images [B, 3, H, W]. gsd: metres per pixel, [B]. real: what the critic takes for
    real, None for the truth. first: what the samples looked like before training. codes: bounded
    layout codes. even: drawings of one code each. alpha_bar: of the samples' noise,
    [B], with `gain`, what a denoised image is multiplied by. group: samples in a row whose regions
    are compared together. parts: rows by name, whose error is logged by itself.
    """

    samples: Tensor
    truth: Tensor
    gsd: Tensor
    real: Tensor | None = None
    first: Tensor | None = None
    codes: Tensor | None = None
    even: Tensor | None = None
    alpha_bar: Tensor | None = None
    gain: float = 1.0
    group: int = 1
    parts: Mapping[str, slice] = field(default_factory=dict)


class Judges:
    """What looks at images beside plain distances: pretrained features, their moments, a critic."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self.moments = RunningMoments(INPUTS).to(self.device)
        self.adversary = Adversary(self.device)

    @cached_property
    def perceptual(self) -> Perceptual:
        """The pretrained network; raises TrainingError where its packages are missing."""
        return Perceptual().to(self.device)

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return maps [B, C, h, w] of detail and of pretrained features, not standardised."""
        return [detail(images), *self.perceptual(images)]


class ScoreContext:
    """Everything that the terms of one step share.

    samples: the drawn ones, cut off from the network: a leaf at which gradients are formed.
    log: further scalars that terms report.
    """

    def __init__(self, drawn: Drawn, judges: Judges) -> None:
        self.drawn, self.judges = drawn, judges
        self.samples = drawn.samples.detach().requires_grad_()
        self.log: dict[str, Tensor] = {}

    def needed(self, name: str, value: Value | None) -> Value:
        """Return what a term needs; raises TrainingError where this training has none."""
        if value is None:
            raise TrainingError(f"a term needs {name}, which this training does not have")
        return value

    @cached_property
    def truth_maps(self) -> list[Tensor]:
        """Standardised maps of the truth; the moments move towards them first."""
        with torch.no_grad():
            maps = self.judges.maps(self.drawn.truth)
            self.judges.moments.update(maps)
            return self.judges.moments(maps)  # type: ignore[no-any-return]  # torch

    @cached_property
    def first_maps(self) -> list[Tensor]:
        """Standardised maps of what the samples looked like before training."""
        first = self.needed("earlier samples", self.drawn.first)
        return self._standardised(first)

    @cached_property
    def maps(self) -> list[Tensor]:
        """Standardised maps of the samples, with a gradient at them."""
        assert self.truth_maps  # whose moments standardise these
        made: list[Tensor] = self.judges.moments(self.judges.maps(self.samples))
        return made

    @cached_property
    def real_maps(self) -> list[Tensor]:
        """Standardised maps of what the critic takes for real."""
        return self.truth_maps if self.drawn.real is None else self._standardised(self.drawn.real)

    def _standardised(self, images: Tensor) -> list[Tensor]:
        assert self.truth_maps  # whose moments standardise these
        with torch.no_grad():
            made: list[Tensor] = self.judges.moments(self.judges.maps(images))
            return made
