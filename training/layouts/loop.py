"""The training loop of a recipe: groups, log, checkpoints, resuming."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor
from torch.utils.data import DataLoader

from training.layouts.groups import Groups
from training.layouts.recipe import Recipe
from training.layouts.state import State
from training.layouts.trainer import Trainer
from training.pyramid import Pyramid
from training.stop import Stop

_LOG_EVERY = 20


def train(recipe: Recipe, data: Path, folder: Path, steps: int, save_every: float = 180) -> State:
    """Train until `steps`, or go on with the run in `folder`; prints rate and ETA.

    Saves every `save_every` seconds and when it is stopped. Raises TrainingError.
    """
    state = State(recipe)
    if state.load(folder):
        print(f"continuing {folder} at step {state.step}", flush=True)
    else:
        state.start()
    folder.mkdir(parents=True, exist_ok=True)
    groups = Groups(Pyramid(data), recipe.window, recipe.group, recipe.shares, recipe.seed)
    drawn = stream(groups, state.step)
    try:
        _go(Trainer(state), drawn, folder, steps, save_every)
    finally:
        # Ends the process that makes groups, whatever is raised.
        del drawn
    state.save(folder)
    return state


def _go(
    trainer: Trainer, drawn: Iterator[dict[str, Tensor]], folder: Path, steps: int, every: float
) -> None:
    """Take steps until `steps` or a signal; logs, prints and saves every so many seconds."""
    state, stop = trainer.state, Stop().listen()
    began = saved = last = time.monotonic()
    first, rows = state.step, list[dict[str, float]]()
    with (folder / "log.jsonl").open("a", buffering=1) as log:
        while state.step < steps and not stop.asked:
            rows.append(trainer.step(next(drawn)))
            now = time.monotonic()
            state.seconds += now - last
            last = now
            if state.step % _LOG_EVERY == 0:
                means = _means(rows)
                rows.clear()
                row = {"step": state.step, "seconds": state.seconds, **means}
                log.write(json.dumps(row) + "\n")
                rate = (state.step - first) / (now - began)
                eta = (steps - state.step) / rate / 60
                text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
                print(f"{state.step}/{steps}  {rate:.2f}/s  ETA {eta:.0f} min  {text}", flush=True)
            if now - saved > every:
                state.save(folder)
                saved = now


def stream(groups: Groups, first: int) -> Iterator[dict[str, Tensor]]:
    """Yield groups from number `first` on, made by a process of their own."""
    loader = DataLoader(
        groups, batch_size=None, sampler=range(first, len(groups)), num_workers=1,
        prefetch_factor=6, worker_init_fn=_leave_signals,
    )  # fmt: skip
    return iter(loader)


def _leave_signals(_: int) -> None:
    """Let a signal to the whole group stop the loop alone, which then ends its worker."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    every = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: round(sum(values) / len(values), 5) for name, values in every.items()}
