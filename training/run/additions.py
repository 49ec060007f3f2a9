"""Adds scenes to the bank of finished weights, addition by addition, as a recipe says.

Scenes that are there are dropped, cropped and quilted; an addition may be no more than that. Of an
addition's candidates those are chosen that serve the world's land best; their entries are trained
alone, the decoder staying as it is; then they are joined with the scenes that are there.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import generator
from generator.cascade import checkpoint
from generator.cascade.checkpoint import Checkpoint
from generator.memory.bank import Scene
from training.drawing import decoder_and_bank
from training.errors import TrainingError
from training.run.bank import bank_of
from training.run.codequilt import quilted
from training.run.decodertraining import train_decoder
from training.run.demand import DemandFile
from training.run.entrystep import EntryStep
from training.run.export import BANKED, check_there, described_size, weights_before
from training.run.joining import cropped, joined, without
from training.run.machine import Machine
from training.run.recipe import AdditionRecipe, Recipe
from training.run.selection import area_of, costs, select

_AFTER = ("entries", "strengths", "contrast", "saturation", "sharpness")
"""Keys of an addition that do not decide its scenes."""


def train_additions(
    recipe: Recipe, data: Path, folder: Path, imagery: Sequence[str], machine: Machine
) -> bool:
    """Make each addition of a recipe, or go on; returns whether all are done.

    Begins with the weights of the last stage before. Raises TrainingError and GeneratorError.
    """
    began, parts = time.monotonic(), recipe.additions
    weights = weights_before("additions", recipe, folder)
    for number in range(1, len(parts) + 1):
        before, weights = weights, folder / f"additions-{number}.safetensors"
        if _is_there(weights, parts[:number], before):
            print(f"{weights} is there already", flush=True)
            continue
        check_there(before)
        addition = Addition(before, parts[:number], folder / f"additions-{number}", machine)
        if not addition.make(weights, data, imagery, began):
            return False
    return True


def _is_there(weights: Path, parts: Sequence[AdditionRecipe], before: Path) -> bool:
    """Say whether weights hold these additions, to the weights before, where those are kept."""
    if not weights.exists():
        return False
    record = checkpoint.load(weights).record
    if not record.get("additions") or record["recipe"]["additions"] != _as_json(parts):
        return False
    return not before.exists() or checkpoint.load(before).digest == record["additions"][-1]["to"]


class Addition:
    """The last of some additions, to weights, in a folder of its own for its work."""

    def __init__(
        self, weights: Path, parts: Sequence[AdditionRecipe], folder: Path, machine: Machine
    ) -> None:
        self.weights, self.parts, self.part = weights, parts, parts[-1]
        self.folder, self.machine = folder, machine
        self.loaded = checkpoint.load(weights)
        self.decoder, self.bank = decoder_and_bank(self.loaded)
        kept = cropped(without(self.bank, self.part.drop), self.part.crop)
        self.kept = quilted(kept, self.part.quilt_codes)

    def make(self, out: Path, data: Path, imagery: Sequence[str], began: float) -> bool:
        """Write the weights with the addition; returns False where the machine's time is over."""
        if not self.part.megapixels:
            self._join(None, out)
            return True
        banked = self.folder / BANKED
        if not self._is_chosen(banked) and not self._choose(banked, imagery, began):
            return False
        entries, made = self.part.entries, banked
        if entries.steps:
            left = self.machine.since(began)
            if not train_decoder(EntryStep, (entries,), banked, data, left):
                return False
            made = self.folder / "entries-1.safetensors"
        self._join(checkpoint.load(made), out)
        return True

    @property
    def _about(self) -> dict[str, Any]:
        """What decides the scenes of the addition, as a record."""
        whole: dict[str, Any] = _as_json(self.part)
        decides = {name: value for name, value in whole.items() if name not in _AFTER}
        return {"addition": decides, "to": self.loaded.digest}

    def _is_chosen(self, banked: Path) -> bool:
        """Say whether the scenes of the addition are there."""
        return banked.exists() and checkpoint.load(banked).record == self._about

    def _choose(self, banked: Path, imagery: Sequence[str], began: float) -> bool:
        """Write networks and chosen scenes; returns False where the machine's time is over."""
        loaded = self.loaded
        assert loaded.encoder is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        built = bank_of(self.part, loaded.encoder, imagery, banked.with_suffix(".work"))
        chosen: list[Scene] = []
        for zoom in sorted({scene.chosen_at for scene in built.bank.scenes}):
            scenes = [scene for scene in built.bank.scenes if scene.chosen_at == zoom]
            if str(zoom) in self.part.keep:
                found = self._serving(zoom, scenes, began)
                if found is None:
                    return False
                scenes = found
            print(f"zoom {zoom}: {len(scenes)} new scenes", flush=True)
            chosen += scenes
        new = dataclasses.replace(built.bank, scenes=tuple(chosen))
        joined(self.kept, new)  # refuses before the entries are trained
        checkpoint.save(
            banked, self.decoder, loaded.sampler, self._about, None, loaded.encoder, new
        )
        return True

    def _serving(self, zoom: int, scenes: list[Scene], began: float) -> list[Scene] | None:
        """Return the scenes that serve the world's land best; None where time is over."""
        part = self.part
        cascade = generator.load(
            weights=self.weights, device=torch.device(self.machine.device).type
        )
        asked = DemandFile(
            self.folder / f"demand-{zoom}.npz", zoom, part.places, self.loaded.digest
        ).collect(cascade, self.machine.since(began).seconds)
        if asked is None:
            return None
        # What stays counts as there already.
        demand = asked.on_land()
        ground = None if cascade.memory is None else cascade.memory.ground_at(zoom)
        there = [scene for scene in self.kept.scenes if scene.chosen_at == zoom]
        present, offered = (costs(each, demand, ground) for each in (there, scenes))
        areas = np.array([area_of(scene) for scene in scenes], np.int64)
        taken = select(offered, areas, 1e6 * part.keep[str(zoom)], present)
        if not taken:
            raise TrainingError(
                f"keep is {part.keep[str(zoom)]:g} megapixels of zoom {zoom}, expected as much as "
                "one scene has that serves the world's land better than the bank does"
            )
        # Say how well all of them serve, and those that are taken.
        every, now = (
            np.median(np.concatenate([present, some]).min(0)) for some in (offered, offered[taken])
        )
        print(
            f"zoom {zoom}: {len(taken)} of {len(scenes)} candidates, "
            f"{areas[taken].sum() / 1e6:.1f} of {areas.sum() / 1e6:.1f} MP, serve "
            f"{len(demand.gates):,} cells of land at a median squared distance of {now:.0f}, "
            f"all of them at {every:.0f}",
            flush=True,
        )
        return [scenes[number] for number in sorted(taken)]

    def _join(self, made: Checkpoint | None, out: Path) -> None:
        """Write the weights with the bank that has new scenes, if any; say so in the record."""
        loaded, part = self.loaded, self.part
        new = None if made is None else made.bank
        bank = self.kept if new is None else joined(self.kept, new)
        sampler = part.sampler if part.strengths else loaded.sampler
        dropped = len(self.bank.scenes) - len(self.kept.scenes)
        about = {
            "to": loaded.digest,
            "scenes": 0 if new is None else len(new.scenes),
            "dropped": dropped,
            "entry_steps": 0 if made is None else made.record.get("entry_steps", 0),
        }
        record = loaded.record | {
            "recipe": {**loaded.record.get("recipe", {}), "additions": _as_json(self.parts)},
            "additions": [*loaded.record.get("additions", []), about],
        }
        checkpoint.save(
            out, self.decoder, sampler, record, None, loaded.encoder, bank, loaded.reorientation
        )
        print(
            f"wrote {out} ({described_size(out)}), {len(bank.scenes)} scenes: {about['scenes']} "
            f"new, {dropped} dropped",
            flush=True,
        )


def _as_json(parts: AdditionRecipe | Sequence[AdditionRecipe]) -> Any:
    """Return additions as a record has them."""
    if isinstance(parts, AdditionRecipe):
        return json.loads(json.dumps(dataclasses.asdict(parts)))
    return [_as_json(part) for part in parts]
