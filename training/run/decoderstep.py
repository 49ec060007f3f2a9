"""What the steps that go on from finished weights have in common: they move the decoder."""

from __future__ import annotations

import copy
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils.data import Dataset

from generator.atomicfile import atomic_replace
from generator.cascade.checkpoint import Checkpoint
from generator.memory.bank import Bank
from generator.nets.blocks import channels_last
from generator.nets.body import padded
from generator.nets.decoder import LayoutDecoder
from training.drawing import decoder_and_bank
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.context import Judges
from training.run.ema import Ema
from training.run.state import load_judges
from training.run.step import TrainingStep


class DecoderStep(TrainingStep):
    """Moves the decoder of weights; raises TrainingError for weights without layouts.

    first: the decoder as it was; decoder: as it is; ema: its average, which is kept in the end.
    name: of the stage; counter: of its steps in the weights' record.
    """

    name: ClassVar[str]
    counter: ClassVar[str]

    def __init__(
        self, loaded: Checkpoint, seed: int, average: float, device: torch.device | str
    ) -> None:
        decoder, self._bank = decoder_and_bank(loaded)
        torch.manual_seed(seed)
        super().__init__(Judges(device))
        self.digest, self.device = loaded.digest, torch.device(device)
        self.first = padded(channels_last(decoder.to(self.device)))
        self.decoder = copy.deepcopy(self.first).requires_grad_(True)
        self.ema: Ema[LayoutDecoder] = Ema(self.decoder, average)
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), self.rate, betas=(0.85, 0.99), weight_decay=0.0
        )
        self._done = 0

    @property
    def done(self) -> int:
        """Steps taken."""
        return self._done

    @property
    @abstractmethod
    def rate(self) -> float:
        """Learning rate of the decoder."""

    @property
    def bank(self) -> Bank:
        """The bank that the weights have after these steps."""
        return self._bank

    @property
    def summary(self) -> str:
        """What there is to say of the weights beyond the steps, after their name."""
        return ""

    def prepare(self, weights: Path, pyramid: Pyramid, folder: Path, seconds: float) -> bool:
        """Make in `folder` what the batches need beside imagery; what is there is kept.

        weights: the file that the step began with; seconds: left to do so. Returns whether all is
        there.
        """
        return True

    @abstractmethod
    def batches(self, pyramid: Pyramid) -> Dataset[dict[str, Tensor]]:
        """Return the batches of all steps; raises TrainingError where imagery is lacking."""

    def backward(self, made: list[Tensor], gradients: list[Tensor]) -> None:
        """Move the decoder by AdamW, and its average."""
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(made, gradients)
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        for each in self.optimiser.param_groups:
            each["lr"] = self.rate * self.slowing
        self.optimiser.step()
        self.ema.update(self.decoder)
        self._done += 1

    def state(self) -> dict[str, Any]:
        """Return all that moves, for `take`."""
        return {
            "weights": self.digest, "done": self.done,
            "decoder": self.decoder.state_dict(),
            "ema": self.ema.network.state_dict(), "updates": self.ema.updates,
            "optimiser": self.optimiser.state_dict(),
            "standard": self.judges.moments.state_dict(),
            "adversary": self.judges.adversary.state_dict(),
        }  # fmt: skip

    def take(self, state: dict[str, Any]) -> None:
        """Take what `state` returned; raises KeyError, RuntimeError, ValueError for another's."""
        if state["weights"] != self.digest:
            raise ValueError("it was begun with other weights")
        self.decoder.load_state_dict(state["decoder"])
        self.ema.network.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["optimiser"])
        load_judges(self.judges, state)
        self._done = int(state["done"])
        self.ema.updates = int(state["updates"])

    def save(self, path: Path) -> None:
        """Write what a later call goes on from, atomically."""
        with atomic_replace(path) as part:
            torch.save(self.state(), part)

    def load(self, path: Path) -> bool:
        """Go on from what `save` wrote; returns False where there is nothing.

        Raises TrainingError for what belongs to other weights.
        """
        if not path.exists():
            return False
        try:
            self.take(torch.load(path, map_location="cpu", weights_only=True))
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{path} cannot be continued: {error}") from error
        return True
