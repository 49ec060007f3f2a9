"""`python -m training entries`: a bank's entries become the world's, and no longer their place's.

Each entry is drawn under parents of many other places, real ones and those of whole chains, and
moved towards what such places look like in the small; the decoder learns with them. Descriptors,
gates and the encoder stay.
"""

from __future__ import annotations

import argparse
import copy
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generator import checkpoint
from generator.blocks import crop
from generator.checkpoint import Checkpoint
from generator.memory.bank import Bank
from generator.nets.codes import quantise
from generator.nets.decoder import LayoutDecoder, padded
from generator.network import SCALE, channels_last
from generator.tile import STAGE_ZOOMS
from training.dataset import BANDS
from training.ema import Ema
from training.errors import TrainingError
from training.layouts.chainwindows import ChainWindows
from training.layouts.entrybank import Addresses, Entries
from training.layouts.groups import Groups
from training.layouts.loop import stream
from training.layouts.state import judges
from training.layouts.style import Style
from training.layouts.trainer import draw, rounded
from training.pyramid import Pyramid
from training.stop import Stop

NEAR = 0.2
"""In chains windows are drawn at the product's strength, and by up to this below and above it."""

_LOG_EVERY = 10
_SAVE_EVERY = 180.0
_MOMENTUM = 0.05


@dataclass(frozen=True, slots=True)
class EntryOptions:
    """rate: levels that a number moves in a visit at most. decoder_rate: learning rate of the
    decoder. anchor: weight of the distance from an entry's first drawing; adversarial: how many
    times as long as that of all distances the critic's gradient is. window, edge: parent
    pixels along a window, and those on each side that no loss sees; group: windows of a step.
    chained: share of the steps on windows of whole chains, which are made anew after every
    `renewed` steps, at `places` places.
    """

    rate: float = 0.7
    decoder_rate: float = 5e-5
    anchor: float = 0.3
    adversarial: float = 2.0
    window: int = 48
    edge: int = 4
    group: int = 4
    chained: float = 0.5
    renewed: int = 600
    places: int = 16
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Laid:
    """Windows to be drawn: parents [B, 3, w, w] in [-1, 1], addresses of the entries shown, metres
    per child pixel [B], strengths, and the factor on the entries' detail."""

    parent: Tensor
    addresses: list[Addresses]
    gsd: Tensor
    strengths: list[float]
    contrast: float = 1.0


class EntryTrainer:
    """Moves the entries of weights, and their decoder; raises TrainingError for other weights."""

    def __init__(self, loaded: Checkpoint, options: EntryOptions) -> None:
        decoder, bank = parts(loaded)
        torch.manual_seed(options.seed)
        self.options, self.loaded = options, loaded
        self.sampler = loaded.sampler
        self.entries = Entries(bank, options.window)
        self.first = padded(channels_last(decoder))
        self.decoder = copy.deepcopy(self.first).requires_grad_(True)
        self.ema: Ema[LayoutDecoder] = Ema(self.decoder, 0.99)
        self.optimiser = torch.optim.AdamW(
            self.decoder.parameters(), options.decoder_rate, betas=(0.85, 0.99), weight_decay=0.0
        )
        self.style = Style(options.anchor, options.adversarial)
        self.slopes: dict[int, float] = {}
        self.chains = ChainWindows()
        self.done = self.renewals = 0

    @property
    def shares(self) -> tuple[float, ...]:
        """Return each stage's share of the steps: its codes' share of all."""
        areas = [self.entries.area(band.zoom) for band in BANDS]
        return tuple(area / sum(areas) for area in areas)

    def step(self, group: dict[str, Tensor]) -> dict[str, float]:
        """Draw entries under a group's parents or a chain's, and move them; returns the losses."""
        options, zoom = self.options, BANDS[int(group["band"])].zoom
        random = np.random.Generator(np.random.Philox(key=[options.seed + 1, self.done]))
        self.done += 1
        child = group["child"].float() / 127.5 - 1
        laid = self._chained(zoom, child, random) if random.random() < options.chained else None
        if laid is None:
            laid, kept = self._home(zoom, child, group["gsd"], random)
            child = child[kept]
        if not laid.addresses:
            return {}
        # Draw the entries as they are, and as they were at first.
        codes = self.entries.read(zoom, laid.addresses).requires_grad_(True)
        how = laid.parent, laid.gsd, laid.strengths, laid.contrast
        images = draw(self.decoder, quantise(codes), *how)
        with torch.no_grad():
            before = draw(self.first, self.entries.read_first(zoom, laid.addresses), *how)
        edge = SCALE * options.edge
        made, real, first = (crop(each, edge) for each in (images, child, before))
        gradient, losses = self.style(made, real, first, laid.gsd)
        # Move the decoder, then the entries.
        self.optimiser.zero_grad(set_to_none=True)
        made.backward(gradient)  # type: ignore[no-untyped-call]  # torch
        torch.nn.utils.clip_grad_norm_(self.decoder.parameters(), 1.0)
        self.optimiser.step()
        self.ema.update(self.decoder)
        assert codes.grad is not None
        self.entries.move(zoom, laid.addresses, self._moves(zoom, codes.grad))
        return {name: float(value.detach()) for name, value in losses.items()}

    def _home(
        self, zoom: int, child: Tensor, gsd: Tensor, random: np.random.Generator
    ) -> tuple[Laid, list[int]]:
        """Lay entries that fit under real parents; returns also which parents have one."""
        parent = rounded(F.avg_pool2d(child, SCALE))
        pixels = ((parent + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        spots = [self.entries.choose(zoom, each, random) for each in pixels]
        # A parent that nothing fits would only teach its entry to fade.
        kept = [row for row, spot in enumerate(spots) if spot.fits]
        addresses = [self.entries.addresses(spots[row]) for row in kept]
        strengths = [_sixteenths(random.random()) for _ in kept]
        return Laid(parent[kept], addresses, gsd[kept], strengths), kept

    def _chained(self, zoom: int, child: Tensor, random: np.random.Generator) -> Laid | None:
        """Take windows of chains of the children's colours; None where there are too few."""
        windows = self.chains.like(zoom, child, random)
        if len(windows) < len(child):
            return None
        parent = torch.from_numpy(np.stack([w.parent for w in windows])).permute(0, 3, 1, 2)
        stage = STAGE_ZOOMS.index(zoom)
        lead = self.sampler.augmentation[stage]
        return Laid(
            parent.float() / 127.5 - 1,
            [window.addresses for window in windows],
            torch.tensor([window.gsd for window in windows]),
            [_sixteenths(lead + random.uniform(-NEAR, NEAR)) for _ in windows],
            self.sampler.contrast[stage],
        )

    def renew(self, weights: Path, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Make windows of chains anew where that is due, by way of `weights`, a file to write.

        Returns whether that was done; `stopped` is asked now and then, and leaves them as they are.
        """
        options = self.options
        if not options.chained or self.done // options.renewed < self.renewals:
            return False
        self.write(weights)
        random = np.random.default_rng([options.seed, self.renewals])
        made = self.chains.gather(weights, options.window, options.places, random, stopped)
        self.renewals = self.done // options.renewed + 1 if made else self.renewals
        return made

    def write(self, path: Path) -> None:
        """Write weights with the entries and the decoder as they are now."""
        held = self.loaded
        record = held.record | {"entry_steps": self.done}
        bank, decoder = self.entries.rounded(), self.ema.network
        checkpoint.save(path, decoder, held.sampler, record, None, held.encoder, bank)

    def _moves(self, zoom: int, slopes: Tensor) -> Tensor:
        """Return steps against slopes [B, D, w, w]: of one size where those are usual or more."""
        size = float(slopes.square().mean().sqrt())
        usual = self.slopes.get(zoom, size)
        self.slopes[zoom] = usual + _MOMENTUM * (size - usual)
        return -self.options.rate * torch.tanh(slopes / (self.slopes[zoom] + 1e-12))

    def save(self, path: Path) -> None:
        """Write what a later call goes on from, atomically."""
        part = path.with_name(f"{path.name}.part")
        state = {
            "weights": self.loaded.digest, "done": self.done, "slopes": self.slopes,
            "entries": self.entries.state(), "decoder": self.decoder.state_dict(),
            "ema": self.ema.network.state_dict(), "updates": self.ema.updates,
            "optimiser": self.optimiser.state_dict(), "standard": self.style.standard.state_dict(),
            "adversary": self.style.adversary.state_dict(),
            "chains": self.chains.state(), "renewals": self.renewals,
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
            state = torch.load(path, weights_only=True)
            if state["weights"] != self.loaded.digest:
                raise ValueError("it was begun with other weights")
            self.entries.load_state(state["entries"])
            self.decoder.load_state_dict(state["decoder"])
            self.ema.network.load_state_dict(state["ema"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.style.standard.load_state_dict(state["standard"])
            self.style.adversary.load_state_dict(state["adversary"])
            self.chains.load_state(state.get("chains", []))
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(f"{path} cannot be continued: {error}") from error
        self.slopes, self.done = state["slopes"], int(state["done"])
        self.renewals = int(state.get("renewals", 0))
        self.ema.updates = int(state["updates"])
        return True


def _sixteenths(strength: float) -> float:
    """Round a strength to sixteenths within [0, 1]."""
    return round(16 * min(max(strength, 0.0), 1.0)) / 16


def parts(loaded: Checkpoint) -> tuple[LayoutDecoder, Bank]:
    """Return decoder and bank of weights; raises TrainingError where they lack one."""
    if not isinstance(loaded.network, LayoutDecoder) or loaded.encoder is None:
        raise TrainingError("the weights hold no decoder and encoder of layouts, expected both")
    if loaded.bank is None or not any(scene.valid.any() for scene in loaded.bank.scenes):
        raise TrainingError("the weights hold no bank of layouts, expected one to train")
    if loaded.specialists:
        raise TrainingError("the weights hold networks of single stages, expected one network")
    return loaded.network, loaded.bank


def train(trainer: EntryTrainer, data: Path, out: Path, steps: int) -> None:
    """Take steps until `steps` are done or it is stopped; prints the ETA.

    Goes on from its state beside `out`, where weights are written before chains are made anew.
    """
    options, state = trainer.options, out.with_name(f"{out.name}.state")
    state.parent.mkdir(parents=True, exist_ok=True)
    if trainer.load(state):
        print(f"continuing at step {trainer.done}", flush=True)
    groups = Groups(Pyramid(data), options.window, options.group, trainer.shares, options.seed)
    drawn, stop = stream(groups, trainer.done), Stop().listen()
    try:
        _go(trainer, drawn, stop, steps, out, state)
    finally:
        # Ends the process that makes groups, whatever is raised.
        del drawn
    trainer.save(state)


def _go(
    trainer: EntryTrainer,
    drawn: Iterator[dict[str, Tensor]],
    stop: Stop,
    steps: int,
    out: Path,
    state: Path,
) -> None:
    began = saved = time.monotonic()
    first, rows = trainer.done, list[dict[str, float]]()
    while trainer.done < steps and not stop.asked:
        if trainer.renew(out, lambda: stop.asked):
            trainer.save(state)
        rows.append(trainer.step(next(drawn)))
        now = time.monotonic()
        if trainer.done % _LOG_EVERY == 0:
            rate = (trainer.done - first) / (now - began)
            full = [row for row in rows if row]
            names = full[0] if full else ()
            means = {name: sum(row[name] for row in full) / len(full) for name in names}
            text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
            left = (steps - trainer.done) / rate / 60
            print(f"{trainer.done}/{steps}  {rate:.2f}/s  ETA {left:.0f} min  {text}", flush=True)
            rows.clear()
        if now - saved > _SAVE_EVERY:
            trainer.save(state)
            saved = now


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
    text = f"weight of what an entry was at first [{default.anchor}]"
    add("--anchor", type=float, default=default.anchor, help=text)
    text = f"share of the steps on windows of whole chains [{default.chained}]"
    add("--chained", type=float, default=default.chained, help=text)
    text = f"places at which whole chains are made, each {default.renewed} steps [{default.places}]"
    add("--places", type=int, default=default.places, help=text)
    add("--seed", type=int, default=0)
    add("--threads", type=int, help="threads of the network [all cores]")


def run(args: argparse.Namespace) -> int:
    """Train entries, or go on, and write weights; returns the exit status."""
    if args.threads:
        torch.set_num_threads(args.threads)
    options = EntryOptions(
        args.rate, anchor=args.anchor, chained=args.chained, places=args.places, seed=args.seed
    )
    loaded = checkpoint.load(args.weights)
    trainer = EntryTrainer(loaded, options)
    if args.run:
        told = judges(args.run)
        trainer.style.standard.load_state_dict(told["standard"])
        trainer.style.adversary.load_state_dict(told["adversary"])
    train(trainer, args.data, args.out, args.steps)
    trainer.write(args.out)
    sizes = (path.stat().st_size / 1e6 for path in (args.weights, args.out))
    print(f"{100 * trainer.entries.changed():.1f} % of the numbers are others than at first")
    print("wrote {}: {:.1f} MB before, {:.1f} MB now".format(args.out, *sizes))
    return 0
