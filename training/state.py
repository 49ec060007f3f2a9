"""Everything a run needs to go on to the step: weights, averages, optimisers, counters."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generator.config import PRESETS, NetworkConfig
from generator.network import ExactUNet, channels_last
from training.ema import Ema
from training.errors import TrainingError

STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run trains with; stored beside its state and in the shipped weights' record.

    core: parent pixels of a window that the losses see, on each side.
    denoise, pairs, chains: samples of a batch that are denoised at random times, sampled twice in
    one step from real parents, and the same from parents that the network made itself.
    features: weight of the energy score of random features beside that of pixel patches.
    """

    preset: str = "exact-s"
    core: int = 48
    denoise: int = 1
    pairs: int = 1
    chains: int = 1
    rate: float = 4e-4
    features: float = 4.0
    ema: float = 0.998
    seed: int = 0

    @property
    def batch(self) -> int:
        """Samples of one batch."""
        return self.denoise + self.pairs + self.chains


class State:
    """Networks and optimisers of one run, moved to `device`."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.network = channels_last(ExactUNet(_preset(config.preset)).to(device))
        self.ema = Ema(self.network, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        self.step = 0
        self.seconds = 0.0

    def parts(self) -> dict[str, Any]:
        """Return the named parts that a checkpoint holds."""
        return {
            "network": self.network,
            "ema": self.ema.network,
            "optimiser": self.optimiser,
        }

    def save(self, folder: Path) -> None:
        """Write the state to `folder`, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        data = {name: part.state_dict() for name, part in self.parts().items()}
        data |= {"step": self.step, "seconds": self.seconds, "updates": self.ema.updates}
        data["config"] = dataclasses.asdict(self.config)
        partial = folder / (STATE + ".part")
        torch.save(data, partial)
        os.replace(partial, folder / STATE)

    def start_from(self, network: ExactUNet) -> None:
        """Begin a new run with another network's weights; raises TrainingError if they differ."""
        if network.config != self.network.config:
            raise TrainingError(
                f"the weights are of {network.config}, preset {self.config.preset} is "
                f"{self.network.config}"
            )
        for ours in (self.network, self.ema.network):
            ours.load_state_dict(network.state_dict())

    def load(self, folder: Path) -> bool:
        """Continue from `folder`; returns False where there is nothing to continue."""
        if not (folder / STATE).exists():
            return False
        try:
            data = torch.load(folder / STATE, map_location=self.device, weights_only=True)
            for name, part in self.parts().items():
                part.load_state_dict(data[name])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{folder / STATE} is not a state of preset {self.config.preset}: {error}"
            ) from error
        self.step, self.seconds = int(data["step"]), float(data["seconds"])
        self.ema.updates = int(data["updates"])
        for group in self.optimiser.param_groups:
            group["lr"] = self.config.rate
        return True


def _preset(name: str) -> NetworkConfig:
    if name not in PRESETS:
        raise TrainingError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


Batch = dict[str, Tensor]
