"""Everything that a training of the layout memory needs to go on to the step."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from generator.cascade import checkpoint
from generator.nets.blocks import channels_last
from generator.nets.body import padded
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from generator.nets.paper import PaperUNet
from training.errors import TrainingError
from training.losses.adversary import Adversary
from training.losses.critic import Standard
from training.run.ema import Ema
from training.run.recipe import Recipe

STATE = "state.pt"


class Pair(nn.Module):
    """Encoder and decoder, trained and averaged together: codes mean what both agree on."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = Encoder(recipe.network)
        self.decoder = LayoutDecoder(recipe.network)

    def forward(self, *_: Tensor) -> Tensor:
        """Not called: the parts are."""
        raise AssertionError("a pair is not called as a whole")


class State:
    """Networks, their average, optimiser, the features' moments, critic and counters of a run."""

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, torch.device(device)
        pair = Pair(recipe)
        padded(pair.decoder)
        self.pair = channels_last(pair.to(self.device))
        self.ema: Ema[Pair] = Ema(self.pair, recipe.ema)
        self.optimiser = torch.optim.AdamW(
            self.pair.parameters(), 4e-4, betas=(0.85, 0.99), weight_decay=0.0
        )
        self.standard = Standard().to(self.device)
        self.adversary = Adversary(self.device)
        self.step = 0
        self.seconds = 0.0
        self.init = ""

    def record(self) -> dict[str, Any]:
        """Return the record of the training that the weights carry: a JSON object."""
        return {
            "licence": "CC BY-SA 4.0",
            "recipe": dataclasses.asdict(self.recipe),
            "init": self.init,
            "steps": self.step,
            "hours": round(self.seconds / 3600, 2),
            "torch": torch.__version__.split("+")[0],
        }

    def start(self) -> None:
        """Take what fits of the recipe's initial weights; raises GeneratorError."""
        if not self.recipe.init:
            return
        loaded = checkpoint.load(Path(self.recipe.init))
        if isinstance(loaded.network, PaperUNet):
            raise TrainingError(f"{self.recipe.init} holds the paper's network, expected another")
        self.init = loaded.digest
        for pair in (self.pair, self.ema.network):
            _take(pair.decoder, loaded.network)
            if loaded.encoder is not None:
                _take(pair.encoder, loaded.encoder)

    def save(self, folder: Path) -> None:
        """Write the state to `folder`, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        data: dict[str, Any] = {
            "pair": self.pair.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "standard": self.standard.state_dict(),
            "adversary": self.adversary.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "updates": self.ema.updates,
            "init": self.init,
        }
        partial = folder / (STATE + ".part")
        torch.save(data, partial)
        os.replace(partial, folder / STATE)

    def load(self, folder: Path) -> bool:
        """Continue from `folder`; returns False where there is nothing to continue."""
        if not (folder / STATE).exists():
            return False
        try:
            data = torch.load(folder / STATE, map_location="cpu", weights_only=True)
            self.pair.load_state_dict(data["pair"])
            self.ema.network.load_state_dict(data["ema"])
            self.optimiser.load_state_dict(data["optimiser"])
            self.standard.load_state_dict(data["standard"])
            self.adversary.load_state_dict(data["adversary"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{folder / STATE} is no state of this recipe: {error}") from error
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.ema.updates, self.init = int(data["updates"]), str(data.get("init", ""))
        return True


def judges(folder: Path) -> dict[str, Any]:
    """Return a saved run's `standard` and `adversary`, as their `load_state_dict` takes them.

    Raises TrainingError where there is no run.
    """
    try:
        data = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        return {name: data[name] for name in ("standard", "adversary")}
    except (OSError, KeyError, RuntimeError) as error:
        raise TrainingError(
            f"{folder} holds no run with a critic, expected the --run of a training: {error}"
        ) from error


def _take(ours: nn.Module, theirs: nn.Module) -> None:
    """Take over the tensors of the same names and shapes."""
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    taken = {n: v for n, v in theirs.state_dict().items() if shapes.get(n) == v.shape}
    ours.load_state_dict(taken, strict=False)
