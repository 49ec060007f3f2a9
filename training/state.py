"""Everything a run needs to go on to the step: weights, averages, optimisers, counters."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from generator.nets.blocks import channels_last
from generator.nets.body import padded
from generator.nets.build import AnyNetwork, build, preset
from generator.nets.config import AnyConfig, NetworkConfig, PaperConfig
from generator.nets.paper import PaperUNet
from generator.nets.unet import ExactUNet
from training.errors import TrainingError
from training.losses.critic import Critic
from training.run.ema import Ema

STATE = "state.pt"
WARM_UP = 100
"""Steps over which the learning rates rise."""
Network = TypeVar("Network", ExactUNet, PaperUNet)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """What a run trains with; stored beside its state and in the shipped weights' record.

    core: parent pixels of a window that the losses see, on each side; margin: those round it.
    denoise, pairs, chains: samples of a batch that are denoised at random times, sampled twice in
    one step from real parents, and the same from parents that the network made itself in a chain
    of up to `hops` stages.
    accumulate: batches whose gradients make one step.
    perceptual, adversarial: share of the gradient that the energy score of pretrained features,
    and the critic, have beside that of pixel patches, whose share is 1.
    penalty: weight of the critic's gradient penalty.
    degradation: how real parents are weakened, a kind of training.samples.degradation.
    focus: zoom of the stage that the network is for alone; 0: every stage.
    omit: zoom of a stage that has another network, and gets no samples; 0: none.
    upstream: weights that make the chains' parents instead of the network itself.
    """

    preset: str = "exact-s"
    core: int = 64
    margin: int = 12
    denoise: int = 0
    pairs: int = 1
    chains: int = 2
    hops: int = 3
    accumulate: int = 1
    rate: float = 2e-4
    critic_rate: float = 2e-4
    perceptual: float = 0.5
    adversarial: float = 2.5
    penalty: float = 0.3
    ema: float = 0.998
    degradation: str = "high-order"
    focus: int = 0
    omit: int = 0
    upstream: str = ""
    seed: int = 0

    @property
    def batch(self) -> int:
        """Samples of one step."""
        return (self.denoise + self.pairs + self.chains) * self.accumulate

    @property
    def window(self) -> int:
        """Parent pixels of a sample on each side."""
        return self.core + 2 * self.margin


def read_config(fields: dict[str, Any]) -> RunConfig:
    """Return the configuration of a state's fields; raises TypeError if they are of another."""
    known = {field.name for field in dataclasses.fields(RunConfig)}
    if unknown := fields.keys() - known:
        raise TypeError(
            f"its configuration has {', '.join(sorted(unknown))}, expected only what this "
            "version's train takes"
        )
    return RunConfig(**fields)


class RunState(Generic[Network]):
    """Network, average, optimiser and counters of one run, moved to `device`."""

    def __init__(self, config: RunConfig, device: torch.device, network: Network) -> None:
        self.config, self.device = config, device
        self.network: Network = channels_last(network.to(device))
        self.ema: Ema[Network] = Ema(self.network, config.ema)
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), config.rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        self.step = 0
        self.seconds = 0.0

    def rates(self) -> list[tuple[torch.optim.Optimizer, float]]:
        """Return each optimiser with its learning rate."""
        return [(self.optimiser, self.config.rate)]

    def begin_step(self) -> None:
        """Forget the last step's gradients and set the rates, which rise over the first steps."""
        for optimiser, rate in self.rates():
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, (self.step + 1) / WARM_UP)

    def parts(self) -> dict[str, Any]:
        """Return the named parts that a checkpoint holds."""
        return {
            "network": self.network,
            "ema": self.ema.network,
            "optimiser": self.optimiser,
        }

    def seed_of(self, batch: int) -> int:
        """Return the seed of all that is drawn for a batch of the present step."""
        return self.config.seed * 1_000_003 + self.step + (batch << 40)

    def save(self, folder: Path) -> None:
        """Write the state to `folder`, atomically."""
        folder.mkdir(parents=True, exist_ok=True)
        data = {name: part.state_dict() for name, part in self.parts().items()}
        data |= {"step": self.step, "seconds": self.seconds, "updates": self.ema.updates}
        data["config"] = dataclasses.asdict(self.config)
        partial = folder / (STATE + ".part")
        torch.save(data, partial)
        os.replace(partial, folder / STATE)

    def start_from(self, network: AnyNetwork) -> None:
        """Begin a new run with another network's weights; raises TrainingError if they differ.

        A context branch that only the new network has keeps its start, which adds nothing.
        """
        if not _continues(self.network.config, network.config):
            raise TrainingError(
                f"the weights are of {network.config}, preset {self.config.preset} is "
                f"{self.network.config}"
            )
        for ours in (self.network, self.ema.network):
            ours.load_state_dict(network.state_dict(), strict=False)

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


class State(RunState[ExactUNet]):
    """A run of an exact network, with its critic; raises TrainingError for a faulty window."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        network = build(preset(config.preset))
        if not isinstance(network, ExactUNet):
            raise TrainingError(f"preset is {config.preset!r}, expected one of an exact network")
        least = network.least_margin
        if config.margin % 2 or config.core % 4 or config.margin < least:
            raise TrainingError(
                f"a window has core {config.core} and margin {config.margin}, expected a core "
                f"that 4 divides and an even margin of at least {least} parent pixels"
            )
        super().__init__(config, device, padded(network))
        self.critic = Critic().to(device)
        self.critic_optimiser = torch.optim.AdamW(
            self.critic.parameters(), config.critic_rate, betas=(0.0, 0.99), weight_decay=0.0
        )

    def rates(self) -> list[tuple[torch.optim.Optimizer, float]]:
        """Return each optimiser with its learning rate."""
        return [*super().rates(), (self.critic_optimiser, self.config.critic_rate)]

    def parts(self) -> dict[str, Any]:
        """Return the named parts that a checkpoint holds."""
        critic = {"critic": self.critic, "critic_optimiser": self.critic_optimiser}
        return super().parts() | critic


class PaperState(RunState[PaperUNet]):
    """A run of the paper's network; raises TrainingError for a window that is not its own."""

    def __init__(self, config: RunConfig, device: torch.device) -> None:
        torch.manual_seed(config.seed)
        network = build(preset(config.preset))
        if not isinstance(network, PaperUNet):
            raise TrainingError(f"preset is {config.preset!r}, expected one of the paper's network")
        if (config.core, config.margin) != (network.config.window, 0):
            raise TrainingError(
                f"a window has core {config.core} and margin {config.margin}, expected "
                f"--core {network.config.window} --margin 0 for preset {config.preset}"
            )
        super().__init__(config, device, network)


def open_state(config: RunConfig, device: torch.device) -> State | PaperState:
    """Return a new state of the preset's family; raises TrainingError."""
    paper = isinstance(preset(config.preset), PaperConfig)
    return PaperState(config, device) if paper else State(config, device)


def _continues(ours: AnyConfig, theirs: AnyConfig) -> bool:
    """Whether weights of one configuration are a start for another."""
    if not (isinstance(ours, NetworkConfig) and isinstance(theirs, NetworkConfig)):
        return ours == theirs
    plain = dataclasses.replace(ours, context=(0, 0))
    return theirs in (ours, plain)


Batch = dict[str, Tensor]
