"""One step of a training, whatever it trains: draw, score, balance, backward."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor

from training.losses.balance import balance, score
from training.losses.context import Drawn, Judges, ScoreContext

Batch = dict[str, Tensor]


class TrainingStep(ABC):
    """Takes steps on batches, on a device.

    slowing: factor on the learning rates.
    """

    def __init__(self, judges: Judges) -> None:
        self.judges, self.slowing = judges, 1.0

    @property
    @abstractmethod
    def done(self) -> int:
        """Steps taken, those of earlier runs among them."""

    @property
    @abstractmethod
    def weights(self) -> Mapping[str, float]:
        """Weight of each term of the loss at this step."""

    @abstractmethod
    def draw(self, batch: Batch) -> Drawn:
        """Let the networks draw what a batch describes."""

    @abstractmethod
    def backward(self, made: list[Tensor], gradients: list[Tensor]) -> None:
        """Update all that is trained by the gradients at what was made."""

    def step(self, batch: Batch) -> dict[str, Tensor]:
        """Take a step; returns the losses, scalars."""
        weights = self.weights
        # Draw: the networks make samples of what the batch describes.
        drawn = self.draw(batch)
        # Score: each term says how far the samples are from their truth.
        context = ScoreContext(drawn, self.judges)
        scores = score(context, weights)
        # Balance: the terms' gradients at the samples become one.
        gradient, direct = balance(context, scores, weights)
        # Backward: through the networks, to all that is trained.
        seeds = [gradient, *(torch.ones_like(loss) for loss in direct)]
        self.backward([drawn.samples, *direct], seeds)
        return _log(drawn, scores | context.log)

    def on_device(self, batch: Batch) -> Batch:
        """Bring a batch to the device."""
        device = self.judges.device
        return {name: each.to(device, non_blocking=True) for name, each in batch.items()}


def _log(drawn: Drawn, losses: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the losses, and the mean error of each part of the samples in grey levels."""
    difference = drawn.samples.detach() - drawn.truth
    errors = {
        f"error_{name}": difference[rows].abs().mean() * 127.5
        for name, rows in drawn.parts.items()
        if len(difference[rows])
    }
    return {name: value.detach() for name, value in (*losses.items(), *errors.items())}
