"""Joins the scenes of banks of one encoder, without those that they replace."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from generator.memory.bank import Bank, Scene
from training.errors import TrainingError


def without(bank: Bank, drop: Mapping[str, Sequence[str]]) -> Bank:
    """Return a bank without scenes that globs match, by the zoom of the choice as text.

    A glob is for the name of a scene or of its source. Raises TrainingError for one that matches
    nothing.
    """
    gone: set[int] = set()
    for zoom, globs in drop.items():
        for glob in globs:
            found = {n for n, scene in enumerate(bank.scenes) if _matches(scene, zoom, glob)}
            if not found:
                raise TrainingError(
                    f"drop names {glob!r} of zoom {zoom}, expected globs that match a scene of the "
                    "bank or its source"
                )
            gone |= found
    kept = tuple(scene for n, scene in enumerate(bank.scenes) if n not in gone)
    return dataclasses.replace(bank, scenes=kept)


def joined(bank: Bank, added: Bank) -> Bank:
    """Return a bank with the scenes of both, by zoom, those that were there first.

    Raises TrainingError for codes of another encoder, and for a name that comes twice at a zoom.
    """
    if added.encoder != bank.encoder:
        raise TrainingError(
            f"the new scenes have codes of the encoder {added.encoder[:16]}, expected those of "
            f"{bank.encoder[:16]} as in the bank"
        )
    scenes = sorted((*bank.scenes, *added.scenes), key=lambda scene: scene.chosen_at)
    counts = Counter((scene.chosen_at, scene.name) for scene in scenes)
    (zoom, name), count = counts.most_common(1)[0]
    if count > 1:
        raise TrainingError(
            f"the scene {name!r} of zoom {zoom} is in the bank already, expected it in drop, or "
            "not among the new ones"
        )
    return dataclasses.replace(bank, scenes=tuple(scenes))


def _matches(scene: Scene, zoom: str, glob: str) -> bool:
    named = fnmatchcase(scene.name, glob) or fnmatchcase(scene.source, glob)
    return named and scene.chosen_at == int(zoom)
