"""`python -m training distill`: a many-step teacher's quality in one evaluation.

Adversarial diffusion distillation (Sauer et al. 2023). A one-step sample of the student is diffused
to a random time and denoised by the frozen teacher; the sample is pulled towards the result. That
pull alone seeks the teacher's modes: samples fade into a mean. Distribution matching distillation
(Yin et al. 2024) takes away the pull that the student's own samples would feel, which needs a third
network, trained all the while. Here the energy scores play that part: their second term drives two
samples of a condition apart, and they are least for the true distribution. A critic of parent,
child and resolution adds the sharpness that no regression has.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.cascade import checkpoint
from generator.nets.blocks import crop
from generator.nets.config import PRESETS
from generator.nets.diffusion import TIMESTEPS, diffuse
from generator.nets.unet import SCALE, ExactUNet
from training.distributed import Group, join
from training.errors import TrainingError
from training.frozen import load_frozen
from training.loop import train
from training.state import Batch, DistillConfig, State
from training.trainer import Trainer, evaluate

EARLIEST, LATEST = 20, 980
"""Times that samples are diffused to: at the ends the teacher says nothing, or only its mean."""
CHAINS_SHARE = 0.2
"""Share of the steps, the last ones, that train on the cascade's own chains by default."""


class DistillTrainer(Trainer):
    """Runs steps of a State of a DistillConfig, with a frozen, padded teacher on its device."""

    def __init__(self, state: State, teacher: ExactUNet, group: Group | None = None) -> None:
        super().__init__(state, group)
        if state.config.margin < teacher.least_margin:
            raise TrainingError(
                f"margin is {state.config.margin}, expected at least the teacher's "
                f"{teacher.least_margin} parent pixels"
            )
        self.teacher = teacher

    def step(self, batch: Batch) -> dict[str, float]:
        """Update the network, and the critic, once; returns the losses."""
        config = self.state.config
        if isinstance(config, DistillConfig) and self.state.step < config.chains_from:
            pairs = config.pairs + config.chains
            self.state.config = dataclasses.replace(config, pairs=pairs, chains=0)
        try:
            return super().step(batch)
        finally:
            self.state.config = config

    def _teach(
        self, residual: Tensor, condition: Batch, unit: Tensor
    ) -> tuple[Tensor, Tensor] | None:
        """The teacher's loss, and its gradient at the images, of its share of the length `unit`.

        residual: samples [B, 3, 4(w-2m), 4(w-2m)], m the student's least margin.
        """
        config = self.state.config
        share = config.distillation if isinstance(config, DistillConfig) else 0.0
        if not share:
            return None
        student = self.state.network.least_margin
        count, device = len(residual), residual.device
        t = torch.randint(EARLIEST, LATEST + 1, (count,), generator=self.random, device=device)
        whole = F.pad(residual, (SCALE * student,) * 4)
        noise = torch.randn(whole.shape, generator=self.random, device=device)
        x = diffuse(whole, noise, self.abar[t])
        with torch.no_grad():
            denoised = evaluate(self.teacher, x, condition, t / TIMESTEPS)
        inner = [
            crop(image, SCALE * (config.margin - margin))
            for image, margin in ((residual, student), (denoised, self.teacher.least_margin))
        ]
        loss, gradient = pull(inner[0], inner[1], self.abar[t])
        return loss, gradient * (share * unit / (gradient.norm() + 1e-12))


def pull(sample: Tensor, denoised: Tensor, abar: Tensor) -> tuple[Tensor, Tensor]:
    """Half the weighted squared distance to the teacher's results, and its gradient in samples.

    sample, denoised: residuals [B, 3, H, W], the second taken as fixed; abar: [B] of the times.
    The weight is sqrt(abar), the signal's share: noisier means less (Sauer et al. 2023, Eq. 5).
    """
    error = sample - denoised
    gradient = abar.sqrt().view(-1, 1, 1, 1) * error
    return 0.5 * (gradient * error).mean(), gradient / error.numel()


def distilling(state: State, path: Path) -> DistillTrainer:
    """Return the trainer of a state with the teacher in a file; raises GeneratorError."""
    return DistillTrainer(state, load_frozen(path, state.device)[0])


def preset_of(network: ExactUNet) -> str:
    """Return the preset that a network is of; raises TrainingError."""
    for name, config in PRESETS.items():
        if config == network.config:
            return name
    raise TrainingError(
        f"the teacher is of {network.config}, of no preset; expected --preset with --init"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("--teacher", type=Path, required=True, help="safetensors, many-step")
    parser.add_argument("--data", type=Path, required=True, help="folder made by prepare")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run's state and log")
    parser.add_argument("--steps", type=int, required=True, help="train until this step")
    parser.add_argument("--init", type=Path, help="start the student from these [the teacher]")
    parser.add_argument("--workers", type=int, default=1, help="processes that make samples [1]")
    parser.add_argument("--threads", type=int, help="threads of the network [all cores]")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    own = {"preset": "[the teacher's]", "chains_from": "step of the first own chains [4/5 of all]"}
    for field in dataclasses.fields(DistillConfig):
        if field.name != "teacher":
            name = "--" + field.name.replace("_", "-")
            default = None if field.name in own else field.default
            help_ = own.get(field.name, f"as in train [{field.default}]")
            parser.add_argument(name, type=type(field.default), default=default, help=help_)


def run(args: argparse.Namespace) -> int:
    """Distil, or continue; returns the exit status. Raises TrainingError, GeneratorError."""
    from training.dataset import samples_for
    from training.imagery.pyramid import Pyramid

    if args.threads:
        torch.set_num_threads(args.threads)
    group = join(args.device)
    group.share(args.accumulate)
    teacher, digest = load_frozen(args.teacher, group.device)
    config = _config(args, teacher, digest)
    pyramid = Pyramid(args.data)
    state = State(config, group.device)
    if state.load(args.run):
        if group.leads:
            print(f"continuing {args.run} at step {state.step}", flush=True)
    else:
        start = checkpoint.load(args.init).network if args.init else teacher
        state.start_from(start)
    args.run.mkdir(parents=True, exist_ok=True)
    samples = samples_for(config, pyramid, "train")
    trainer = DistillTrainer(state, teacher, group)
    train(state, samples, args.run, args.steps, args.workers, group=group, trainer=trainer)
    group.leave()
    return 0


def _config(args: argparse.Namespace, teacher: ExactUNet, digest: str) -> DistillConfig:
    """What the command line asks for; raises TrainingError where nothing would be distilled."""
    names = {field.name for field in dataclasses.fields(DistillConfig)} - {"teacher"}
    values = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    if args.preset is None:
        values["preset"] = preset_of(teacher)
    values.setdefault("chains_from", args.steps - round(CHAINS_SHARE * args.steps))
    config = DistillConfig(**values, teacher=digest)
    if not config.pairs + config.chains:
        raise TrainingError(
            f"--pairs is {config.pairs} and --chains {config.chains}; the student learns from "
            "one-step samples, expected at least one"
        )
    if config.distillation < 0:
        raise TrainingError(f"--distillation is {config.distillation:g}, expected 0 or more")
    return config
