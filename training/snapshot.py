"""A run's state held in memory, to fall back on."""

from __future__ import annotations

import copy

from torch import nn

from training.state import State


class Snapshot:
    """A copy of all that a state trains, on its device."""

    def __init__(self, state: State) -> None:
        self._parts = {
            name: copy.deepcopy(part.state_dict()) for name, part in state.parts().items()
        }
        self._trained = {
            name: [p.requires_grad for p in part.parameters()]
            for name, part in state.parts().items()
            if isinstance(part, nn.Module)
        }
        self.step, self._updates = state.step, state.ema.updates

    def restore(self, state: State) -> None:
        """Put the state back, its step too."""
        self.restore_weights(state)
        for name, part in state.parts().items():
            if name not in self._trained:
                part.load_state_dict(copy.deepcopy(self._parts[name]))

    def restore_weights(self, state: State) -> None:
        """Put the networks and the step back, and leave the optimisers as they are."""
        for name, part in state.parts().items():
            if name in self._trained:
                part.load_state_dict(self._parts[name])
                for parameter, trained in zip(part.parameters(), self._trained[name], strict=True):
                    parameter.requires_grad_(trained)
                    parameter.grad = None
        state.step, state.ema.updates = self.step, self._updates
