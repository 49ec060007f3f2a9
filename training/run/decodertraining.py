"""Trains finished weights further, part by part, each going on where it was stopped."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from generator.cascade import checkpoint
from training.imagery.pyramid import Pyramid
from training.run import loop
from training.run.chainstep import ChainStep
from training.run.decoderstep import DecoderStep
from training.run.entrystep import EntryStep
from training.run.machine import Machine
from training.run.state import STATE, judges_of, load_judges


def train_decoder(
    kind: type[EntryStep | ChainStep],
    parts: Sequence[Any],
    weights: Path,
    data: Path,
    machine: Machine,
) -> bool:
    """Take the steps of each part, from weights on, in their folder; returns whether all are done.

    parts: the options that `kind` takes, each with its number of `steps`.
    """
    folder, began, pyramid = weights.parent, time.monotonic(), Pyramid(data)
    for number, options in enumerate(parts, 1):
        # Go on, or begin with the critic of the networks' training, where there is one.
        loaded = checkpoint.load(weights)
        step, path = kind(loaded, options, machine.device), folder / f"{kind.name}-{number}.pt"
        if step.load(path):
            print(f"continuing {kind.name} {number} at step {step.done}", flush=True)
        elif (folder / STATE).exists():
            load_judges(step.judges, judges_of(folder))
        begun, weights = weights, path.with_suffix(".safetensors")
        if step.done >= options.steps and weights.exists():
            continue
        # Train, then write the weights that the next part begins with.
        left = machine.since(began)
        if not step.prepare(begun, pyramid, path.with_suffix(""), left.seconds):
            return False
        batches, left = step.batches(pyramid), machine.since(began)
        with path.with_suffix(".jsonl").open("a", buffering=1) as log:
            save, write = partial(step.save, path), partial(write_row, log)
            done = loop.run(step, batches, options.steps, save, left, log=write)
        record = _continued(loaded.record, step, parts)
        decoder = step.ema.network.cpu()
        checkpoint.save(
            weights, decoder, loaded.sampler, record, None, loaded.encoder, step.bank,
            loaded.reorientation,
        )  # fmt: skip
        print(f"wrote {weights}{step.summary}", flush=True)
        if not done:
            return False
    return True


def _continued(record: dict[str, Any], step: DecoderStep, parts: Sequence[Any]) -> dict[str, Any]:
    """Return a record with a step's number of steps, and with its parts of the recipe."""
    recipe = {**record.get("recipe", {}), step.name: [dataclasses.asdict(part) for part in parts]}
    return record | {"recipe": recipe, step.counter: record.get(step.counter, 0) + step.done}


def write_row(file: TextIO, row: dict[str, float]) -> None:
    """Write a line of a training's log."""
    file.write(json.dumps(row) + "\n")
