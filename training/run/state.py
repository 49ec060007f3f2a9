"""Everything that a training needs to go on to the step: networks, average, critic, counters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from generator.atomicfile import atomic_replace
from generator.cascade import checkpoint
from generator.nets.blocks import channels_last
from generator.nets.config import LayoutConfig
from generator.nets.paper import PaperUNet
from training.errors import TrainingError
from training.losses.context import Judges
from training.run.ema import Ema
from training.run.networks import take, trainable
from training.run.recipe import Recipe

STATE = "state.pt"
_FIRST_RATE = 4e-4


class TrainingState:
    """Networks, their average, optimiser, features' moments, critic and counters of a run.

    data: digest of the imagery. init: digest of the initial weights, or ""; lineage: records of the
    trainings that they came from, the first one first.
    """

    def __init__(self, recipe: Recipe, device: str = "cpu") -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.device = recipe, torch.device(device)
        self.network: nn.Module = channels_last(trainable(recipe.network).to(self.device))
        self.ema: Ema[nn.Module] = Ema(self.network, recipe.ema)
        layout = isinstance(recipe.network, LayoutConfig)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(),
            _FIRST_RATE,
            betas=(0.85 if layout else 0.9, 0.99),
            weight_decay=0.0 if layout else 1e-4,
        )
        self.judges = Judges(self.device)
        self.step = 0
        self.seconds = 0.0
        self.init, self.data = "", ""
        self.lineage: list[dict[str, Any]] = []

    def record(self) -> dict[str, Any]:
        """Return the record of the training that the weights carry: a JSON object."""
        return {
            "licence": "CC BY-SA 4.0",
            "recipe": self.recipe.as_json(),
            "init": self.init,
            "lineage": self.lineage,
            "data": self.data,
            "steps": self.step,
            "hours": round(self.seconds / 3600, 2),
            "torch": torch.__version__.split("+")[0],
        }

    def start(self) -> None:
        """Take what fits of the recipe's initial weights; raises GeneratorError, TrainingError."""
        recipe = self.recipe
        if not recipe.init:
            return
        loaded = checkpoint.load(Path(recipe.init))
        if isinstance(loaded.network, PaperUNet) != (recipe.family == "paper"):
            raise TrainingError(
                f"init is {recipe.init}, which holds {loaded.network.config}, expected weights of "
                f"the family {recipe.family}"
            )
        if recipe.init_digest and loaded.digest != recipe.init_digest:
            raise TrainingError(
                f"init is {recipe.init} with the digest {loaded.digest}, expected "
                f"init_digest, {recipe.init_digest}"
            )
        # Their record ends the lineage that they carry.
        earlier = dict(loaded.record)
        self.lineage = [*earlier.pop("lineage", []), earlier | {"digest": loaded.digest}]
        self.init = loaded.digest
        for network in (self.network, self.ema.network):
            take(network, loaded.network, loaded.encoder)

    def save(self, folder: Path) -> None:
        """Write the state to `folder`, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        data: dict[str, Any] = {
            "network": self.network.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "standard": self.judges.moments.state_dict(),
            "adversary": self.judges.adversary.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "updates": self.ema.updates,
            "init": self.init,
            "lineage": self.lineage,
            "data": self.data,
        }
        with atomic_replace(folder / STATE) as part:
            torch.save(data, part)

    def load(self, folder: Path) -> bool:
        """Continue from `folder`; returns False where there is nothing to continue.

        Raises TrainingError for a state of another recipe.
        """
        if not (folder / STATE).exists():
            return False
        try:
            data = torch.load(folder / STATE, map_location="cpu", weights_only=True)
            # Older states call their networks a pair.
            self.network.load_state_dict(data["network"] if "network" in data else data["pair"])
            self.ema.network.load_state_dict(data["ema"])
            self.optimiser.load_state_dict(data["optimiser"])
            load_judges(self.judges, data)
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{folder / STATE} is no state of this recipe: {error}") from error
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.ema.updates, self.init = int(data["updates"]), str(data.get("init", ""))
        self.data, self.lineage = str(data.get("data", "")), list(data.get("lineage", []))
        return True


def load_judges(judges: Judges, data: dict[str, Any]) -> None:
    """Take the features' moments and the critic of a saved run; raises KeyError, RuntimeError."""
    judges.moments.load_state_dict(data["standard"])
    judges.adversary.load_state_dict(data["adversary"])


def judges_of(folder: Path) -> dict[str, Any]:
    """Return what `load_judges` takes from a saved run; raises TrainingError without one."""
    try:
        data = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        return {name: data[name] for name in ("standard", "adversary")}
    except (OSError, KeyError, RuntimeError) as error:
        raise TrainingError(
            f"{folder} holds no run with a critic, expected the --run of a training: {error}"
        ) from error
