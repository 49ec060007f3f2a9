"""Fit the probe of built-up ground, land cover and relief to labels of a bank's windows.

    python -m experiments.fitprobe --out generator/geography/earth/probe.json

Labels are by the scene's name and judged by eye from the scenes as the network draws them. Those of
built-up ground and of relief, `builtup.json` and `relief.json`, are degrees from 0 to 255, a number
or rows of numbers that are spread out over the scene's windows; those of cover, `cover.json`, rows
of words (see `shares`). A bank that is encoded again keeps its scenes' names, so that new weights
need no new labels; scenes without one are left out. Printed is how well scenes are told that were
left out of the fit.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.banks.weights import open_weights
from generator.memory.bank import Bank
from generator.memory.groundprobe import UNIT_BITS, GroundProbe, scene_key, statistics

RIDGE = 1.0
"""Weight of the squared weights, of statistics of variance one."""

MUCH, LITTLE = 120, 60
"""Labels from which on a window is a town, forest, mountains and so on, and below which none."""

LEAST = 0.7
"""How often a figure must be told right of scenes left out of the fit."""

LABELS = Path(__file__).parent
"""Folder of the labels: builtup.json, cover.json and relief.json."""

LETTERS = {"crop": "C", "forest": "F", "bare": "B", "sea": "W"}
"""Letters of the labels of cover, by figure."""

Reals = NDArray[np.float64]


def samples(bank: Bank, labels: Mapping[str, Any], zoom: int) -> tuple[Reals, Reals, Reals]:
    """Return statistics [n, k], labels [n] and scenes' numbers [n] of a stage's labelled windows.

    Windows that are not valid, or whose label is NaN, are left out.
    """
    rows, wanted, scenes = [], [], []
    for number, scene in enumerate(bank.scenes):
        if scene.chosen_at != zoom or scene.name not in labels:
            continue
        degrees = spread_out(labels[scene.name], scene.valid.shape)
        known = scene.valid & ~np.isnan(degrees)
        rows.append(statistics(scene)[known].astype(float))
        wanted.append(degrees[known])
        scenes.append(np.full(len(wanted[-1]), number, float))
    return np.concatenate(rows), np.concatenate(wanted), np.concatenate(scenes)


def spread_out(label: Any, shape: tuple[int, ...]) -> Reals:
    """Return labels of all windows [rows, columns] from a number, or from rows of fewer."""
    given = np.atleast_2d(np.array(label, float))
    rows, columns = (np.arange(n) * m // n for n, m in zip(shape, given.shape, strict=True))
    return given[np.ix_(rows, columns)]


def shares(rows: list[str], letter: str) -> list[list[float]]:
    """Return 255ths of one letter's cover from rows of words, NaN where a word is all water.

    Each letter of a word has the same share of its part of a scene: C crops, F forest, B bare
    ground, G grass and shrubs, I ice, U buildings, W water, which counts only for itself.
    """
    left_out = "" if letter == "W" else "W"
    lands = [[word.replace(left_out, "") for word in row.split()] for row in rows]
    return [
        [255 * word.count(letter) / len(word) if word else math.nan for word in words]
        for words in lands
    ]


def read_labels(folder: Path) -> dict[str, dict[str, Any]]:
    """Return labels by figure and by the scene's name, of the files in a folder."""
    built_up, cover, relief = (
        json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("builtup", "cover", "relief")
    )
    labels = {"built-up": built_up, "relief": relief}
    for figure, letter in LETTERS.items():
        labels[figure] = {name: shares(rows, letter) for name, rows in cover.items()}
    return labels


def fit(x: Reals, y: Reals, scenes: Reals) -> Reals:
    """Return weights and bias of a ridge regression, float64 [k + 1].

    A scene counts with the root of its windows. Predictions are then stretched, so that open
    country has 0 and towns their labels in the mean: a regression draws both to the middle.
    """
    middle, spread = x.mean(0), x.std(0) + 1e-9
    wide = np.concatenate([(x - middle) / spread, np.ones((len(x), 1))], 1)
    counts = {scene: np.sum(scenes == scene) for scene in np.unique(scenes)}
    heavy = wide * np.array([counts[scene] ** -0.5 for scene in scenes])[:, None]
    penalty = RIDGE * np.eye(wide.shape[1])
    penalty[-1, -1] = 0
    solved = np.linalg.solve(heavy.T @ wide + penalty, heavy.T @ y)
    # Stretch: the mean of country to its label, that of towns to theirs.
    told = wide @ solved
    low, high = y < LITTLE, y >= MUCH
    gain = (y[high].mean() - y[low].mean()) / (told[high].mean() - told[low].mean())
    solved *= gain
    solved[-1] += y[low].mean() - gain * told[low].mean()
    weights = solved[:-1] / spread
    return np.append(weights, solved[-1] - weights @ middle)


def predicted(weights: Reals, x: Reals) -> Reals:
    """Return degrees of statistics [n, k]."""
    degrees: Reals = (x @ weights[:-1] + weights[-1]).clip(0, 255)
    return degrees


def separation(told: Reals, labels: Reals) -> float:
    """Return how often a town's window is told to be more built-up than one of the country."""
    return float((told[labels >= MUCH][:, None] > told[labels < LITTLE][None]).mean())


def fitted(bank: Bank, labels: Mapping[str, Mapping[str, Any]]) -> tuple[GroundProbe, list[str]]:
    """Fit the probe of a bank's encoder; returns it, and lines on how well each figure is told."""
    said: list[str] = []
    weights: dict[int, dict[str, NDArray[np.int64]]] = {}
    for figure, known in labels.items():
        for zoom in sorted({scene.chosen_at for scene in bank.scenes if scene.name in known}):
            x, y, scenes = samples(bank, known, zoom)
            # Each side needs two scenes, for one of them is left out in turn.
            if min(len(np.unique(scenes[side])) for side in (y >= MUCH, y < LITTLE)) < 2:
                continue
            found = fit(x, y, scenes)
            # Each scene told by a fit to the others.
            left = np.empty(len(y))
            for scene in np.unique(scenes):
                out = scenes == scene
                left[out] = predicted(fit(x[~out], y[~out], scenes[~out]), x[out])
            both = separation(predicted(found, x), y), separation(left, y)
            said.append(
                f"{figure}, zoom {zoom}: {len(y):,} windows of {len(np.unique(scenes))} scenes, "
                f"much told above little {both[0]:.3f}, left out {both[1]:.3f}"
            )
            if both[1] < LEAST:
                said.append("which is too little: left out of the probe")
                continue
            unit = 1 << UNIT_BITS
            whole = np.append(found[:-1] * unit * unit, found[-1] * unit)
            weights.setdefault(zoom, {})[figure] = np.round(whole).astype(np.int64)
    return GroundProbe(bank.encoder, weights, means(bank, labels)), said


def means(bank: Bank, labels: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, int]]:
    """Return the mean labels of a bank's scenes, 0 to 255, by figure and by `scene_key`."""
    found: dict[str, dict[str, int]] = {}
    for figure, known in labels.items():
        for scene in bank.scenes:
            degrees = np.array(known.get(scene.name, np.nan), float)
            if not np.isnan(degrees).all():
                found.setdefault(figure, {})[scene_key(scene)] = round(float(np.nanmean(degrees)))
    return found


def main() -> None:
    """Fit, write the probe, and print how well it tells."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--labels", type=Path, default=LABELS, help="folder of the three files")
    parser.add_argument("--weights", type=Path, help="weights with a bank, or the shipped ones")
    parser.add_argument("--out", type=Path, required=True, help="file of the probe to write")
    options = parser.parse_args()
    bank = open_weights(options.weights).bank
    if bank is None:
        parser.error("the weights hold no bank")
    probe, said = fitted(bank, read_labels(options.labels))
    # Before anything is printed, whose reader may be gone.
    options.out.write_text(probe.to_json(), encoding="utf-8")
    try:
        print(*said, f"written to {options.out}", sep="\n", flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
