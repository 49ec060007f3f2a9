"""`python -m training entries`: a bank's entries become the world's, and no longer their place's.

Each entry is drawn under parents of many other places and moved towards what such places look
like in the small; the decoder learns with them. Descriptors, gates and the encoder stay.
"""

from __future__ import annotations

import argparse
import copy
import os
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.grid.tile import SCALE, STAGE_ZOOMS
from generator.memory.bank import Bank
from generator.nets.blocks import channels_last, crop
from generator.nets.body import padded
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.losses.style import Style
from training.run.ema import Ema
from training.run.layoutstate import judges
from training.run.layoutstep import draw, rounded
from training.run.loop import Machine, add_machine, machine_of, run
from training.samples.entrybank import Entries
from training.samples.entrybatches import EntryBatches
from training.samples.groups import MOST_GROUPS, Groups
from training.samples.windows import BANDS

_MOMENTUM = 0.05


@dataclass(frozen=True, slots=True)
class EntryOptions:
    """rate: levels that a number moves in a visit at most. decoder_rate: learning rate of the
    decoder. anchor: weight of the distance from an entry's first drawing; adversarial: how many
    times as long as that of all distances the critic's gradient is. window, edge: parent
    pixels along a window, and those on each side that no loss sees; group: windows that are
    compared with each other, groups: in a step; zooms: of the stages whose entries move; shares:
    of the groups for zooms 7 to 15, none for each stage's share of the codes.
    """

    rate: float = 0.7
    decoder_rate: float = 5e-5
    anchor: float = 0.3
    adversarial: float = 2.0
    window: int = 48
    edge: int = 4
    group: int = 4
    groups: int = 1
    zooms: tuple[int, ...] = STAGE_ZOOMS
    shares: tuple[float, ...] = ()
    seed: int = 0


class EntryTrainer:
    """Moves the entries of weights, and their decoder; raises TrainingError for other weights."""

    def __init__(
        self, loaded: Checkpoint, options: EntryOptions, device: torch.device | str = "cpu"
    ) -> None:
        decoder, bank = parts(loaded)
        torch.manual_seed(options.seed)
        self.options, self.digest, self.device = options, loaded.digest, torch.device(device)
        self.entries = Entries(bank, options.window, self.device)
        self.first = padded(channels_last(decoder.to(self.device)))
        self.decoder = copy.deepcopy(self.first).requires_grad_(True)
        self.ema: Ema[LayoutDecoder] = Ema(self.decoder, 0.99)
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), options.decoder_rate, betas=(0.85, 0.99), weight_decay=0.0
        )
        self.style = Style(options.anchor, options.adversarial, options.group, self.device)
        self.slopes: dict[int, Tensor] = {}
        self.done, self.slowing = 0, 1.0

    @property
    def shares(self) -> tuple[float, ...]:
        """Return each stage's share of the groups: the options', or its codes' share of all."""
        chosen, asked = self.options.zooms, self.options.shares
        if any(share < 0 for share in asked):
            raise TrainingError(f"shares are {asked}, expected none below 0")
        areas = [float(self.entries.area(band.zoom) * (band.zoom in chosen)) for band in BANDS]
        if asked:
            areas = [share * bool(area) for share, area in zip(asked, areas, strict=True)]
        if not sum(areas):
            raise TrainingError(f"the bank has no entries of zooms {', '.join(map(str, chosen))}")
        return tuple(area / sum(areas) for area in areas)

    def batches(self, data: Path) -> EntryBatches:
        """Return the batches of all steps, from prepared imagery; raises TrainingError."""
        options = self.options
        groups = Groups(Pyramid(data), options.window, options.group, self.shares, options.seed)
        return EntryBatches(groups, self.entries, options.groups)

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Draw entries under a batch's parents, and move them; returns the losses, scalars."""
        zooms, strengths = batch["zoom"].tolist(), batch["strength"].tolist()
        batch = {name: each.to(self.device, non_blocking=True) for name, each in batch.items()}
        child, gsd, index = batch["child"].float() / 127.5 - 1, batch["gsd"], batch["index"]
        parent = rounded(F.avg_pool2d(child, SCALE))
        # Draw the entries as they are, and as they were at first.
        codes = self.entries.read(index).requires_grad_(True)
        images = draw(self.decoder, quantise(codes), parent, gsd, strengths)
        with torch.no_grad():
            before = draw(self.first, self.entries.read_first(index), parent, gsd, strengths)
        edge = SCALE * self.options.edge
        made, real, first = (crop(each, edge) for each in (images, child, before))
        has_entry = (index >= 0).flatten(1).any(1)
        gradient, losses = self.style(made, real, first, gsd, has_entry)
        # Move the decoder, then the entries.
        self.optimiser.zero_grad(set_to_none=True)
        made.backward(gradient)  # type: ignore[no-untyped-call]  # torch
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        for each in self.optimiser.param_groups:
            each["lr"] = self.options.decoder_rate * self.slowing
        self.optimiser.step()
        self.ema.update(self.decoder)
        assert codes.grad is not None
        self.entries.move(index, self._moves(zooms, codes.grad))
        self.done += 1
        return losses

    def _moves(self, zooms: list[int], slopes: Tensor) -> Tensor:
        """Return steps against slopes [B, D, w, w]: of one size where those are usual or more."""
        usual = torch.empty(len(zooms), device=self.device)
        for zoom in sorted(set(zooms)):
            rows = [row for row, each in enumerate(zooms) if each == zoom]
            size = slopes[rows].square().mean().sqrt()
            held = self.slopes.get(zoom, size)
            self.slopes[zoom] = held + _MOMENTUM * (size - held)
            usual[rows] = self.slopes[zoom]
        rate = self.options.rate * self.slowing
        return -rate * torch.tanh(slopes / (usual[:, None, None, None] + 1e-12))

    def save(self, path: Path) -> None:
        """Write what a later call goes on from, atomically."""
        part = path.with_name(f"{path.name}.part")
        state = {
            "weights": self.digest, "done": self.done, "slopes": self.slopes,
            "entries": self.entries.state(), "decoder": self.decoder.state_dict(),
            "ema": self.ema.network.state_dict(), "updates": self.ema.updates,
            "optimiser": self.optimiser.state_dict(), "standard": self.style.standard.state_dict(),
            "adversary": self.style.adversary.state_dict(),
        }  # fmt: skip
        torch.save(state, part)
        os.replace(part, path)

    def load(self, path: Path) -> bool:
        """Go on from what `save` wrote; returns False where there is nothing.

        Raises TrainingError for what belongs to other weights.
        """
        if not path.exists():
            return False
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["weights"] != self.digest:
                raise ValueError("it was begun with other weights")
            self.entries.load_state(state["entries"])
            self.decoder.load_state_dict(state["decoder"])
            self.ema.network.load_state_dict(state["ema"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.style.standard.load_state_dict(state["standard"])
            self.style.adversary.load_state_dict(state["adversary"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{path} cannot be continued: {error}") from error
        self.slopes = {zoom: size.to(self.device) for zoom, size in state["slopes"].items()}
        self.done = int(state["done"])
        self.ema.updates = int(state["updates"])
        return True


def parts(loaded: Checkpoint) -> tuple[LayoutDecoder, Bank]:
    """Return decoder and bank of weights; raises TrainingError where they lack one."""
    if not isinstance(loaded.network, LayoutDecoder) or loaded.encoder is None:
        raise TrainingError("the weights hold no decoder and encoder of layouts, expected both")
    if loaded.bank is None or not any(scene.valid.any() for scene in loaded.bank.scenes):
        raise TrainingError("the weights hold no bank of layouts, expected one to train")
    if loaded.specialists:
        raise TrainingError("the weights hold networks of single stages, expected one network")
    return loaded.network, loaded.bank


def train(
    trainer: EntryTrainer, data: Path, state: Path, steps: int, machine: Machine | None = None
) -> None:
    """Take steps until `steps` are done or it is stopped; goes on from `state`, prints the ETA."""
    state.parent.mkdir(parents=True, exist_ok=True)
    if trainer.load(state):
        print(f"continuing at step {trainer.done}", flush=True)
    run(trainer, trainer.batches(data), steps, lambda: trainer.save(state), machine or Machine())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command can be given."""
    default = EntryOptions()
    add = parser.add_argument
    add("--weights", type=Path, required=True, help="safetensors with a bank")
    add("--run", type=Path, help="folder of the run that made them, whose critic goes on")
    add("--data", type=Path, required=True, help="folder made by prepare")
    text = "safetensors to write; the same command goes on from its .state beside it"
    add("--out", type=Path, required=True, help=text)
    add("--steps", type=int, required=True, help="train until this step")
    text = f"levels that a code moves in a visit at most [{default.rate}]"
    add("--rate", type=float, default=default.rate, help=text)
    text = f"learning rate of the decoder, 0 to keep it [{default.decoder_rate}]"
    add("--decoder-rate", type=float, default=default.decoder_rate, help=text)
    text = f"weight of what an entry was at first [{default.anchor}]"
    add("--anchor", type=float, default=default.anchor, help=text)
    text = "zooms of the stages whose entries move [all]"
    add("--zooms", type=int, nargs="+", default=STAGE_ZOOMS, choices=STAGE_ZOOMS, help=text)
    text = "of the groups for zooms 7 to 15 [each zoom's share of the codes]"
    add("--shares", type=float, nargs=len(BANDS), default=(), metavar="SHARE", help=text)
    text = f"groups of {default.group} windows in a step [{default.groups}]"
    add("--groups", type=int, default=default.groups, help=text)
    add("--seed", type=int, default=0)
    add_machine(parser)
    add("--threads", type=int, help="threads of the network [all cores]")


def run_entries(args: argparse.Namespace) -> int:
    """Train entries, or go on, and write weights; returns the exit status."""
    if args.threads:
        torch.set_num_threads(args.threads)
    options = EntryOptions(
        args.rate, args.decoder_rate, args.anchor, groups=args.groups, zooms=tuple(args.zooms),
        shares=tuple(args.shares),
        seed=args.seed,
    )  # fmt: skip
    machine = machine_of(args)
    if not 1 <= args.groups <= MOST_GROUPS:
        raise TrainingError(f"--groups is {args.groups}, expected 1 to {MOST_GROUPS}")
    loaded = checkpoint.load(args.weights)
    trainer = EntryTrainer(loaded, options, machine.device)
    if args.run:
        told = judges(args.run)
        trainer.style.standard.load_state_dict(told["standard"])
        trainer.style.adversary.load_state_dict(told["adversary"])
    train(trainer, args.data, args.out.with_name(f"{args.out.name}.state"), args.steps, machine)
    record = loaded.record | {"entry_steps": trainer.done}
    bank, decoder = trainer.entries.rounded(), trainer.ema.network.cpu()
    checkpoint.save(args.out, decoder, loaded.sampler, record, None, loaded.encoder, bank)
    sizes = (path.stat().st_size / 1e6 for path in (args.weights, args.out))
    print(f"{100 * trainer.entries.changed():.1f} % of the numbers are others than at first")
    print("wrote {}: {:.1f} MB before, {:.1f} MB now".format(args.out, *sizes))
    return 0
