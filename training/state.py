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
from generator.network import PIN_MARGIN, ExactUNet, channels_last, padded
from training.critic import Critic
from training.ema import Ema
from training.errors import TrainingError

STATE = "state.pt"


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run trains with; stored beside its state and in the shipped weights' record.

    core: parent pixels of a window that the losses see, on each side; margin: those round it.
    denoise, pairs, chains: samples of a batch that are denoised at random times, sampled twice in
    one step from real parents, and the same from parents that the network made itself.
    accumulate: batches whose gradients make one step.
    perceptual, adversarial: share of the gradient at the image that the energy score of pretrained
    features, and the critic, have beside that of pixel patches, whose share is 1.
    penalty: weight of the critic's gradient penalty.
    """

    preset: str = "exact-s"
    core: int = 64
    margin: int = 12
    denoise: int = 0
    pairs: int = 2
    chains: int = 1
    accumulate: int = 1
    rate: float = 2e-4
    critic_rate: float = 2e-4
    perceptual: float = 2.0
    adversarial: float = 1.0
    penalty: float = 0.3
    ema: float = 0.998
    seed: int = 0

    @property
    def batch(self) -> int:
        """Samples of one step."""
        return (self.denoise + self.pairs + self.chains) * self.accumulate

    @property
    def window(self) -> int:
        """Parent pixels of a sample on each side."""
        return self.core + 2 * self.margin


class State:
    """Networks and optimisers of one run, moved to `device`."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        if config.margin % 2 or config.core % 4 or config.margin < PIN_MARGIN:
            raise TrainingError(
                f"a window has core {config.core} and margin {config.margin}, expected a core "
                f"that 4 divides and an even margin of at least {PIN_MARGIN} parent pixels"
            )
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.network = channels_last(padded(ExactUNet(_preset(config.preset))).to(device))
        self.ema = Ema(self.network, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        self.critic = Critic().to(device)
        self.critic_optimiser = torch.optim.AdamW(
            self.critic.parameters(), config.critic_rate, betas=(0.0, 0.99), weight_decay=0.0
        )
        self.step = 0
        self.seconds = 0.0

    def parts(self) -> dict[str, Any]:
        """Return the named parts that a checkpoint holds."""
        return {
            "network": self.network,
            "ema": self.ema.network,
            "optimiser": self.optimiser,
            "critic": self.critic,
            "critic_optimiser": self.critic_optimiser,
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
        return True


def _preset(name: str) -> NetworkConfig:
    if name not in PRESETS:
        raise TrainingError(f"there is no preset {name!r}; choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


Batch = dict[str, Tensor]
