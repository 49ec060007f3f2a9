"""Joins the scenes of banks of one encoder, without those that they replace."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

from generator.memory.bank import Bank, Scene
from generator.memory.config import STEP, WINDOW, choosing_scale
from generator.memory.descriptor import grid_shape
from training.errors import TrainingError


def without(bank: Bank, drop: Mapping[str, Sequence[str]]) -> Bank:
    """Return a bank without scenes that globs match, by the zoom of the choice as text.

    A glob is for the name of a scene or of its source. Raises TrainingError for one that matches
    nothing.
    """
    gone: set[int] = set()
    for zoom, globs in drop.items():
        for glob in globs:
            found = {n for n, scene in enumerate(bank.scenes) if matches(scene, zoom, glob)}
            if not found:
                raise TrainingError(
                    f"drop names {glob!r} of zoom {zoom}, expected globs that match a scene of the "
                    "bank or its source"
                )
            gone |= found
    kept = tuple(scene for n, scene in enumerate(bank.scenes) if n not in gone)
    return dataclasses.replace(bank, scenes=kept)


def cropped(bank: Bank, crop: Mapping[str, Sequence[float]]) -> Bank:
    """Return a bank whose scenes are cut to rectangles, by globs on their names.

    crop: left, top, right and bottom as shares of a scene's width and height; scenes are cut at
    multiples of STEP pixels of their choosing grids. Raises TrainingError for a glob that matches
    nothing, and for a rectangle that has no room for a window.
    """
    scenes = list(bank.scenes)
    for glob, shares in crop.items():
        found = [n for n, scene in enumerate(scenes) if fnmatchcase(scene.name, glob)]
        if not found:
            raise TrainingError(
                f"crop names {glob!r}, expected globs that match a scene of the bank"
            )
        for number in found:
            scenes[number] = _cut(scenes[number], shares)
    return dataclasses.replace(bank, scenes=tuple(scenes))


def _cut(scene: Scene, shares: Sequence[float]) -> Scene:
    """Return the part of a scene within left, top, right and bottom, shares of its sides."""
    left, top, right, bottom = (
        int(share * side) // STEP * STEP
        for share, side in zip(shares, 2 * scene.shape[::-1], strict=True)
    )
    if min(right - left, bottom - top) < WINDOW:
        raise TrainingError(
            f"crop leaves {right - left} x {bottom - top} pixels of the scene {scene.name!r}, "
            f"expected at least {WINDOW} x {WINDOW}"
        )
    # Codes by the pixel of their zoom, all else by the window.
    codes = {}
    for zoom, whole in scene.codes.items():
        scale = choosing_scale(zoom)
        rows, columns = (slice(scale * a, scale * b) for a, b in ((top, bottom), (left, right)))
        codes[zoom] = whole[rows, columns]
    height, width = grid_shape(bottom - top, right - left)
    y, x = top // STEP, left // STEP
    windows = (slice(y, y + height), slice(x, x + width))
    return dataclasses.replace(
        scene,
        codes=codes,
        descriptors=scene.descriptors[windows],
        gates=scene.gates[windows],
        valid=scene.valid[windows],
    )


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


def matches(scene: Scene, zoom: str, glob: str) -> bool:
    """Say whether a scene is chosen at a zoom, and a glob is for its name or that of its source."""
    named = fnmatchcase(scene.name, glob) or fnmatchcase(scene.source, glob)
    return named and scene.chosen_at == int(zoom)
