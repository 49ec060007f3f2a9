"""The training loop of a recipe: groups, log, checkpoints, resuming."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.run.cooldown import cooled
from training.run.layoutstate import State
from training.run.layoutstep import Trainer
from training.run.recipe import Recipe
from training.run.stop import Stop, outlive
from training.samples.layoutbatches import Batches

_LOG_EVERY = 20


@dataclass(frozen=True, slots=True)
class Machine:
    """What a run may use: a torch device, processes that make batches, and an accelerator's time.

    seconds: after which it stops. cool_down: the last seconds, over which learning rates fall to a
    twentieth.
    """

    device: str = "cpu"
    workers: int = 1
    seconds: float = math.inf
    cool_down: float = 0.0


def train(
    recipe: Recipe,
    data: Path,
    folder: Path,
    steps: int,
    *,
    save_every: float = 180,
    machine: Machine | None = None,
) -> State:
    """Train until `steps`, or go on with the run in `folder`; prints rate and ETA.

    Saves every `save_every` seconds and when it is stopped. Raises TrainingError.
    """
    machine = machine or Machine()
    state = State(recipe, machine.device)
    if state.load(folder):
        print(f"continuing {folder} at step {state.step}", flush=True)
    else:
        state.start()
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(state)
    batches = Batches(Pyramid(data), recipe)
    with (folder / "log.jsonl").open("a", buffering=1) as log:

        def write(means: dict[str, float]) -> None:
            row = {"step": state.step, "seconds": state.seconds, **means}
            log.write(json.dumps(row) + "\n")

        run(trainer, batches, steps, lambda: state.save(folder), machine, save_every, write)
    return state


class Steps(Protocol):
    """What `run` asks for: steps, how many are done, and a factor on the learning rates."""

    slowing: float

    @property
    def done(self) -> int:
        """Steps taken, those of earlier runs among them."""

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Take a step and return its losses, scalars."""


def run(
    trainer: Steps,
    batches: Dataset[dict[str, Tensor]],
    steps: int,
    save: Callable[[], None],
    machine: Machine,
    save_every: float = 180,
    log: Callable[[dict[str, float]], None] = lambda _: None,
) -> None:
    """Take steps until `steps` are done, a signal or the machine's time; saves now and at the end.

    Prints rate, ETA and the losses' means, which `log` is given too.
    """
    torch.backends.cudnn.benchmark = True
    stop = Stop().listen()
    drawn = stream(batches, trainer.done, machine.workers)
    began = saved = time.monotonic()
    first, rows = trainer.done, list[dict[str, Tensor]]()
    try:
        while trainer.done < steps and not stop.asked:
            left = machine.seconds - (time.monotonic() - began)
            if left <= 0:
                break
            trainer.slowing = cooled(left, machine.cool_down)
            rows.append(trainer.step(next(drawn)))
            if trainer.done % _LOG_EVERY == 0:
                means = _means(rows)
                rows.clear()
                log(means)
                rate = (trainer.done - first) / (time.monotonic() - began)
                eta = min((steps - trainer.done) / rate, left) / 60
                text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
                print(
                    f"{trainer.done}/{steps}  {rate:.2f}/s  ETA {eta:.0f} min  {text}", flush=True
                )
            if time.monotonic() - saved > save_every:
                save()
                saved = time.monotonic()
    finally:
        # Ends the processes that make batches, whatever is raised.
        del drawn
    save()


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `machine_of` reads."""
    default = Machine()
    add = parser.add_argument
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    add("--workers", type=int, default=default.workers, help="processes that make batches [1]")
    add("--seconds", type=float, default=default.seconds, help="stop after so many [no limit]")
    text = "last of --seconds, over which learning rates fall to a twentieth [0]"
    add("--cool-down", type=float, default=default.cool_down, help=text)


def machine_of(args: argparse.Namespace) -> Machine:
    """Return the machine that flags describe; raises TrainingError for what is none."""
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"--device is {args.device!r}, expected one that torch has here, such as cpu or cuda"
        ) from error
    if args.workers < 1:
        raise TrainingError(f"--workers is {args.workers}, expected at least 1")
    if not 0 <= args.cool_down <= args.seconds:
        raise TrainingError(
            f"--cool-down is {args.cool_down:g}, expected from 0 to --seconds, {args.seconds:g}"
        )
    return Machine(args.device, args.workers, args.seconds, args.cool_down)


def stream(
    batches: Dataset[dict[str, Tensor]], first: int, workers: int = 1
) -> Iterator[dict[str, Tensor]]:
    """Yield batches from number `first` on, made by processes of their own."""
    loader = DataLoader(
        batches, batch_size=None, sampler=range(first, 2**40), num_workers=workers,
        prefetch_factor=6 if workers == 1 else 2, worker_init_fn=outlive,
    )  # fmt: skip
    return iter(loader)


def _means(rows: list[dict[str, Tensor]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    every = {name: torch.stack([row[name] for row in rows if name in row]) for name in names}
    return {name: round(float(values.mean()), 5) for name, values in every.items()}
