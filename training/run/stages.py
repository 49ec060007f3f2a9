"""The stages of a recipe: networks, bank, entries, chains, additions, reorientation.

Each can be stopped. What a run's folder holds: `recipe.toml`, `state.pt` and `log.jsonl` of the
networks, `banked.safetensors` with the memory, and of each training of entries its state,
`entries-N.pt`, `entries-N.jsonl` and `entries-N.safetensors`; of each of chains the same, and
`chains-N` with what was collected for it; of each addition `additions-N.safetensors`, and
`additions-N` with its work; and `reorientation-1.safetensors`, with `reorientation.npz`.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from generator.cascade import checkpoint
from training.errors import TrainingError
from training.imagery.pyramid import Pyramid
from training.run import loop
from training.run.additions import train_additions
from training.run.bank import bank_of, described
from training.run.chainstep import ChainStep
from training.run.decodertraining import train_decoder, write_row
from training.run.diffusionstep import ExactUNetStep, PaperStep
from training.run.entrystep import EntryStep
from training.run.export import (
    BANKED,
    PARTS,
    RECIPE,
    check_there,
    described_size,
    layout_networks,
    weights_before,
)
from training.run.layoutstep import LayoutStep
from training.run.machine import Machine
from training.run.recipe import Recipe
from training.run.recipefile import read
from training.run.reorienting import train_reorientation
from training.run.state import TrainingState
from training.run.statestep import StateStep
from training.samples.diffusionbatches import DiffusionBatches
from training.samples.groups import Groups
from training.samples.layoutbatches import LayoutBatches
from training.samples.windows import Samples

STAGES = ("networks", "bank", "entries", "chains", "additions", "reorientation")
_STEPS: dict[str, type[StateStep]] = {
    "layout": LayoutStep,
    "unet": ExactUNetStep,
    "paper": PaperStep,
}


def train(
    path: Path,
    data: Path,
    folder: Path,
    stages: Sequence[str] = (),
    imagery: Sequence[str] = (),
    machine: Machine | None = None,
) -> bool:
    """Run the stages of a recipe, or go on with them; returns whether they are done.

    path: of the recipe. stages: of STAGES, none for all that the recipe has. imagery: manifests,
    folders and catalogues that the bank is made of. Raises TrainingError and GeneratorError.
    """
    recipe, machine, began = read(path), machine or Machine(), time.monotonic()
    chosen = stages_of(recipe, stages)
    if {"bank", "additions"} & set(chosen) and not imagery:
        raise TrainingError(
            "--imagery is missing, expected the manifests that the bank is made of, or "
            "--stage networks"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if path.resolve() != (folder / RECIPE).resolve():
        shutil.copyfile(path, folder / RECIPE)
    done = True
    if "networks" in chosen:
        state = train_networks(recipe, data, folder, machine=machine)
        done = state.step >= recipe.phases[-1].until
    if done and "bank" in chosen:
        make_bank(recipe, folder, imagery)
    if done and "entries" in chosen:
        done = train_entries(recipe, data, folder, machine.since(began))
    if done and "chains" in chosen:
        done = train_chains(recipe, data, folder, machine.since(began))
    if done and "additions" in chosen:
        done = train_additions(recipe, data, folder, imagery, machine.since(began))
    if done and "reorientation" in chosen:
        train_reorientation(recipe, data, folder)
    return done


def stages_of(recipe: Recipe, asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the stages that are asked for, in their order; raises TrainingError for others."""
    has = {
        "networks": True,
        "bank": bool(recipe.memory.megapixels),
        "entries": bool(recipe.entries),
        "chains": bool(recipe.chains),
        "additions": bool(recipe.additions),
        "reorientation": bool(recipe.reorientation),
    }
    if recipe.family != "layout":
        has = dict.fromkeys(has, False) | {"networks": True}
    if lacking := [name for name in asked if not has[name]]:
        part = {"bank": "[memory] megapixels"}.get(lacking[0], f"[{lacking[0]}]")
        part = part if recipe.family == "layout" else "[network] family layout"
        raise TrainingError(f"the recipe has no stage {lacking[0]}, expected {part} in it")
    return tuple(name for name in STAGES if has[name] and (not asked or name in asked))


def train_networks(
    recipe: Recipe,
    data: Path,
    folder: Path,
    steps: int | None = None,
    *,
    save_every: float = 180,
    machine: Machine | None = None,
) -> TrainingState:
    """Train until `steps`, by default the last phase's, or go on with the run in `folder`.

    Prints rate and ETA; saves every `save_every` seconds and when it is stopped.
    """
    machine, pyramid = machine or Machine(), Pyramid(data)
    state = TrainingState(recipe, machine.device)
    if state.load(folder):
        print(f"continuing {folder} at step {state.step}", flush=True)
    else:
        state.start()
    state.data = pyramid.digest
    folder.mkdir(parents=True, exist_ok=True)
    step, batches = _STEPS[recipe.family](state), batches_of(recipe, pyramid)
    until = recipe.phases[-1].until if steps is None else steps
    with (folder / "log.jsonl").open("a", buffering=1) as log:

        def write(means: dict[str, float]) -> None:
            write_row(log, {**means, "seconds": state.seconds})

        loop.run(step, batches, until, lambda: state.save(folder), machine, save_every, write)
    return state


def batches_of(recipe: Recipe, pyramid: Pyramid) -> LayoutBatches | DiffusionBatches:
    """Return the batches of a recipe's networks; raises TrainingError where imagery is lacking."""
    if recipe.family == "layout":
        groups = Groups(pyramid, recipe.window, recipe.group, recipe.shares, recipe.seed)
        return LayoutBatches(groups, recipe, recipe.empty)
    samples = Samples(pyramid, "train", recipe.window, recipe.seed, recipe.shares)
    return DiffusionBatches(samples, recipe, recipe.group)


def make_bank(recipe: Recipe, folder: Path, imagery: Sequence[str]) -> None:
    """Build the bank of a run and write it with its networks, unless that is there."""
    state, out = TrainingState(recipe), folder / BANKED
    if not state.load(folder):
        raise TrainingError(f"{folder} holds no run, expected the stage networks to be done")
    # What follows a bank may change in the recipe.
    if out.exists() and _before_parts(checkpoint.load(out).record) == _before_parts(state.record()):
        print(f"{out} is there already", flush=True)
        return
    # Encode the imagery that is chosen, then write networks and bank as one file.
    decoder, encoder = layout_networks(state)
    built = bank_of(recipe.memory, encoder, imagery, out.with_suffix(".work"))
    sampler = recipe.memory.sampler
    checkpoint.save(out, decoder, sampler, state.record(), None, encoder, built.bank)
    size = described_size(out)
    print(f"wrote {out} ({size}), step {state.step}, {described(built)}", flush=True)


def _before_parts(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record without the parts of its recipe that follow a bank, as JSON has it."""
    recipe = {name: part for name, part in record["recipe"].items() if name not in PARTS}
    made: dict[str, Any] = json.loads(json.dumps(record | {"recipe": recipe}))
    return made


def train_entries(recipe: Recipe, data: Path, folder: Path, machine: Machine) -> bool:
    """Train a bank's entries by each part of the recipe, or go on; returns whether all are done."""
    return train_decoder(EntryStep, recipe.entries, folder / BANKED, data, machine)


def train_chains(recipe: Recipe, data: Path, folder: Path, machine: Machine) -> bool:
    """Train the decoder in chains by each part of the recipe, or go on; returns whether all are.

    Begins with the weights of the last training of entries, without one with those of the bank.
    """
    weights = weights_before("chains", recipe, folder)
    check_there(weights)
    return train_decoder(ChainStep, recipe.chains, weights, data, machine)
