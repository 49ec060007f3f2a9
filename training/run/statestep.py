"""What the steps of a recipe's networks have in common: how a state is updated."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from torch import Tensor

from training.run.state import TrainingState
from training.run.step import TrainingStep

WARM_UP = 100
"""Steps over which learning rates rise."""


class StateStep(TrainingStep):
    """Takes steps of a state, at the rate and with the terms of the recipe's phase."""

    def __init__(self, state: TrainingState) -> None:
        super().__init__(state.judges)
        self.state, self._since = state, time.monotonic()

    @property
    def done(self) -> int:
        """Steps taken."""
        return self.state.step

    @property
    def weights(self) -> Mapping[str, float]:
        """Weights of the recipe's terms."""
        return self.state.recipe.terms(self.state.step)

    def backward(self, made: list[Tensor], gradients: list[Tensor]) -> None:
        """Update the networks and their average."""
        state = self.state
        state.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(made, gradients)
        torch.nn.utils.clip_grad_norm_(state.network.parameters(), 1.0)
        rate = state.recipe.phase(state.step).rate * min(1.0, (state.step + 1) / WARM_UP)
        for each in state.optimiser.param_groups:
            each["lr"] = rate * self.slowing
        state.optimiser.step()
        state.ema.update(state.network)
        state.step += 1
        state.seconds += time.monotonic() - self._since
        self._since = time.monotonic()
