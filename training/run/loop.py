"""The loop that takes steps: batches made ahead, rate and ETA, saves, and an end in good order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from training.run.machine import Machine
from training.run.step import TrainingStep
from training.run.stop import Stop, outlive

LOWEST = 0.05
"""Factor on learning rates at the end of a cool-down."""
_LOG_EVERY = 20


def run(
    step: TrainingStep,
    batches: Dataset[dict[str, Tensor]],
    steps: int,
    save: Callable[[], None],
    machine: Machine,
    save_every: float = 180,
    log: Callable[[dict[str, float]], None] = lambda _: None,
) -> bool:
    """Take steps until `steps` are done, a signal or the machine's time; saves now and at the end.

    Prints rate, ETA and the losses' means, which `log` is given too, with the number of the step.
    Returns whether all are done.
    """
    drawn, report = stream(batches, step.done, machine.workers), _Report(step, steps, log)
    began = saved = time.monotonic()
    with Stop() as stop:
        try:
            while step.done < steps and not stop.asked:
                # Slow down before the machine's time is over, then stop.
                left = machine.seconds - (time.monotonic() - began)
                if left <= 0:
                    break
                step.slowing = cooled(left, machine.cool_down)
                report.add(step.step(next(drawn)), left)
                if time.monotonic() - saved > save_every:
                    save()
                    saved = time.monotonic()
        finally:
            # Ends the processes that make batches, whatever is raised.
            del drawn
        save()
    print(f"saved at step {step.done} of {steps}", flush=True)
    return step.done >= steps


class _Report:
    """Says every few steps how a training goes: rate, ETA, and means of the losses."""

    def __init__(
        self, step: TrainingStep, steps: int, log: Callable[[dict[str, float]], None]
    ) -> None:
        self.step, self.steps, self.log = step, steps, log
        self.began, self.first = time.monotonic(), step.done
        self.rows: list[dict[str, Tensor]] = []

    def add(self, losses: dict[str, Tensor], left: float) -> None:
        """Take the losses of a step, scalars; left: seconds that the machine has."""
        self.rows.append(losses)
        done = self.step.done
        if done % _LOG_EVERY:
            return
        means = _means(self.rows)
        self.rows.clear()
        self.log({"step": done, **means})
        rate = (done - self.first) / (time.monotonic() - self.began)
        eta = min((self.steps - done) / rate, left) / 60
        text = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        print(f"{done}/{self.steps}  {rate:.2f}/s  ETA {eta:.0f} min  {text}", flush=True)


def cooled(left: float, cool_down: float) -> float:
    """Return the factor on learning rates with `left` seconds to go, of which the last `cool_down`
    bring it from 1 to LOWEST; 1 without a cool-down."""
    return max(LOWEST, min(1.0, left / cool_down)) if cool_down else 1.0


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
