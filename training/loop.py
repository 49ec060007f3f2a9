"""The training loop: batches, logging, checkpoints, resuming."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

from torch.utils.data import DataLoader

from training.distributed import Addresses, Group
from training.paper import PaperTrainer
from training.run.stop import Stop, outlive
from training.samples.windows import Samples
from training.state import Batch, PaperState, State
from training.trainer import Trainer

_LOG_EVERY = 20


def batches(
    samples: Samples,
    size: int,
    step: int,
    workers: int,
    accumulate: int = 1,
    group: Group | None = None,
) -> Iterator[Batch]:
    """Samples of every step from the given one on, the same whether or not a run was interrupted.

    size: samples of a step, in `accumulate` batches, of which this process gets its share.
    """
    group = group or Group()
    addresses = Addresses(size // accumulate, accumulate, step, group)
    loader = DataLoader(
        samples, size // group.size, sampler=addresses, num_workers=workers, drop_last=True,
        worker_init_fn=outlive,
    )  # fmt: skip
    return iter(loader)


def train(
    state: State | PaperState,
    samples: Samples,
    folder: Path,
    steps: int,
    workers: int,
    save_every: float = 180,
    group: Group | None = None,
    trainer: Trainer | PaperTrainer | None = None,
) -> None:
    """Train until `steps`, printing rate and ETA and saving every `save_every` seconds.

    In a group, the leading process prints, logs and saves; all end at the same step.
    trainer: of the state and the group; None for the one that belongs to the state.
    """
    group = group or Group(device=state.device)
    config = state.config
    if trainer is None:
        trainer = Trainer(state, group) if isinstance(state, State) else PaperTrainer(state, group)
    stream = batches(samples, config.batch, state.step, workers, config.accumulate, group)
    began = saved = last = time.monotonic()
    first, sums, counts = state.step, dict[str, float](), dict[str, int]()
    stop = Stop().listen()
    group.copy_first(state.network)
    with (folder / "log.jsonl").open("a", buffering=1) as log:
        while state.step < steps and not group.any(stop.asked):
            for name, value in trainer.step(next(stream)).items():
                sums[name] = sums.get(name, 0.0) + value
                counts[name] = counts.get(name, 0) + 1
            now = time.monotonic()
            state.seconds += now - last
            last = now
            if state.step % _LOG_EVERY == 0 and group.leads:
                row = {name: round(sums[name] / counts[name], 5) for name in sums}
                log.write(json.dumps({"step": state.step, "seconds": state.seconds, **row}) + "\n")
                rate = (state.step - first) / (now - began)
                text = "  ".join(f"{name} {value:.4f}" for name, value in row.items())
                eta = (steps - state.step) / rate / 60
                line = f"{state.step}/{steps}  {rate:.2f} steps/s  ETA {eta:.0f} min  {text}"
                print(line, flush=True)
                sums.clear()
                counts.clear()
            if now - saved > save_every:
                if group.leads:
                    state.save(folder)
                saved = now
    if group.leads:
        state.save(folder)
    group.wait()
