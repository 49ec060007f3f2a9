"""Write a run's weights as shippable safetensors, and give single stages networks of their own."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.grid.tile import STAGE_ZOOMS
from generator.nets.build import build
from generator.nets.config import LayoutConfig
from generator.nets.decoder import LayoutDecoder
from generator.nets.encoder import Encoder
from training.errors import TrainingError
from training.run.networks import LayoutPair
from training.run.recipe import Recipe
from training.run.recipefile import read
from training.run.state import TrainingState

RECIPE = "recipe.toml"
BANKED = "banked.safetensors"
"""What a run's folder holds: the recipe, and the weights with their memory."""
PARTS = ("reorientation", "additions", "chains", "entries")
"""Stages whose trainings are numbered, the last one first."""
LARGEST = 24e6
"""Bytes of weights that are shipped, at most."""


def layout_networks(state: TrainingState) -> tuple[LayoutDecoder, Encoder]:
    """Return a run's averaged networks, rounded as weights are stored, for use."""
    average, config = state.ema.network, state.recipe.network
    assert isinstance(average, LayoutPair)
    assert isinstance(config, LayoutConfig)
    decoder, encoder = LayoutDecoder(config), Encoder(config)
    for ours, theirs in ((decoder, average.decoder), (encoder, average.encoder)):
        rounded = {k: v.to(torch.bfloat16).float() for k, v in theirs.state_dict().items()}
        ours.load_state_dict(rounded)
        ours.eval().requires_grad_(False)
    return decoder, encoder


def weights_before(stage: str, recipe: Recipe, run: Path) -> Path:
    """Return the weights that a stage of PARTS begins with: those of the last part before it."""
    for name in PARTS[PARTS.index(stage) + 1 :]:
        if count := len(getattr(recipe, name)):
            return run / f"{name}-{count}.safetensors"
    return run / BANKED


def check_there(weights: Path) -> None:
    """Raise TrainingError where weights that a stage begins with are missing."""
    if not weights.exists():
        stage = "bank" if weights.name == BANKED else weights.stem.rpartition("-")[0]
        raise TrainingError(f"{weights} is missing, expected the stage {stage} to be done")


def described_size(path: Path) -> str:
    """Return in words how large weights are, and whether that is too much to ship."""
    size = path.stat().st_size
    if size <= LARGEST:
        return f"{size / 1e6:.1f} MB"
    return f"{size / 1e6:.1f} MB, which is more than the {LARGEST / 1e6:.0f} MB of shipped weights"


def export(run: Path, out: Path) -> None:
    """Write the weights of a run's last stage: additions, chains, entries, bank or networks.

    Raises TrainingError where the folder holds no run.
    """
    parts = (sorted(run.glob(f"{name}-*.safetensors"), key=_number) for name in PARTS)
    made = [*(found[-1] for found in parts if found), run / BANKED]
    if path := next((path for path in made if path.exists()), None):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, out)
        return
    recipe = read(run / RECIPE)
    state = TrainingState(recipe)
    if not state.load(run):
        raise TrainingError(f"{run} holds no run, expected the --run of a training")
    if recipe.family == "layout":
        network, encoder = layout_networks(state)
        sampler = recipe.memory.sampler
        checkpoint.save(out, network, sampler, state.record(), None, encoder)
        return
    other = build(recipe.network)
    other.load_state_dict(state.ema.network.state_dict())
    checkpoint.save(out, other, recipe.sampler, state.record())


def _number(path: Path) -> int:
    """Return the number of a training in its file's name."""
    return int(path.stem.rpartition("-")[2])


def combine(
    common: Path,
    stages: Mapping[int, Path],
    out: Path,
    augmentation: list[float] | None = None,
) -> None:
    """Write the weights of `common` with other networks for some stages.

    What one stage gains in training another may lose; stages depend on each other by their parents
    alone, so each may have a network of its own. The strength that a stage is told comes from its
    file, unless `augmentation` gives all of them; encoder and memory of layouts come from `common`.
    Raises TrainingError where networks, numbers of steps or encoders differ, and for a stage that
    one of the files does not serve.
    """
    held = checkpoint.load(common)
    others = {zoom: checkpoint.load(path) for zoom, path in sorted(stages.items())}
    strengths = list(held.sampler.augmentation)
    for zoom, other in others.items():
        _check(held, common, other, stages[zoom], zoom)
        stage = STAGE_ZOOMS.index(zoom)
        strengths[stage] = other.sampler.augmentation[stage]
    if augmentation and len(augmentation) != len(strengths):
        raise TrainingError(
            f"{len(augmentation)} strengths are given, expected {len(strengths)}, one for each "
            f"stage of {common}"
        )
    record: dict[str, Any] = dict(held.record)
    if others:
        record["stages"] = dict(record.get("stages", {})) | {
            str(zoom): dict(other.record) for zoom, other in others.items()
        }
    sampler = dataclasses.replace(held.sampler, augmentation=tuple(augmentation or strengths))
    networks = dict(held.specialists) | {z: other.network_of(z) for z, other in others.items()}
    checkpoint.save(
        out,
        held.network,
        sampler,
        record,
        networks,
        held.encoder,
        held.bank,
        held.reorientation,
    )


def _check(held: Checkpoint, common: Path, other: Checkpoint, path: Path, zoom: int) -> None:
    """Raise TrainingError where a stage's weights do not fit beside the common ones."""
    finest = min(held.sampler.max_zoom, other.sampler.max_zoom)
    if zoom > finest:
        raise TrainingError(
            f"{path} is for the stage {zoom}, expected one up to {finest}, which both files serve"
        )
    network = other.network_of(zoom)
    if network.config != held.network.config or other.sampler.steps != held.sampler.steps:
        raise TrainingError(
            f"{path} holds {network.config} of {other.sampler.steps} step(s), expected "
            f"{held.network.config} of {held.sampler.steps}, as {common}"
        )
    if other.encoder_digest != held.encoder_digest:
        raise TrainingError(
            f"{path} draws codes of the encoder {other.encoder_digest[:16] or 'none'}, "
            f"expected those of {held.encoder_digest[:16] or 'none'}, as {common}"
        )
