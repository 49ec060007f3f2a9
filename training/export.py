"""Write a run's averaged weights as shippable safetensors with their training record."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from generator.cascade import checkpoint
from generator.nets.config import SamplerConfig
from training.errors import TrainingError
from training.state import STATE, RunConfig, open_state, read_config


def run_config(run: Path) -> RunConfig:
    """Read the configuration that a run's state was made with; raises TrainingError."""
    path = run / STATE
    try:
        data = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        return read_config(data["config"])
    except (OSError, KeyError, TypeError, RuntimeError) as error:
        raise TrainingError(f"{path} is not the state of a run made by train: {error}") from error


def export(run: Path, out: Path, data_digest: str, sampler: SamplerConfig) -> dict[str, object]:
    """Export the averaged weights of `run` to `out`; returns the training record."""
    config = run_config(run)
    state = open_state(config, torch.device("cpu"))
    state.load(run)
    record: dict[str, object] = {
        "licence": "CC BY-SA 4.0",
        "steps": state.step,
        "hours": round(state.seconds / 3600, 2),
        "config": dataclasses.asdict(config),
        "data": data_digest,
        "torch": torch.__version__.split("+")[0],
    }
    checkpoint.save(out, state.ema.network, sampler, record)
    return record
