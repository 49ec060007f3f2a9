"""What ground the windows of scenes show, told from layout codes and descriptors by linear probes.

For each number of a code its mean, its mean absolute value and its mean absolute differences down
and across a window are weighted and added, and so are numbers of the window's descriptor for colour
and texture, and their squares. All of it is whole numbers. The weights belong to one encoder;
`python -m experiments.fitprobe` fits them to labels. Labelled scenes keep their labels in
the mean, and the probes tell how their windows differ.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.geography.choice import EARTH_FOLDER
from generator.geography.layers import FIGURES
from generator.grid.errors import GeographyError
from generator.memory.bank import Codes, Scene
from generator.memory.config import STEP, WINDOW, choosing_scale

UNIT_BITS = 8
"""Statistics are in 2**-UNIT_BITS of a level of a code, weights in 2**-UNIT_BITS of a degree."""

FORMAT = "elsewhere-probe-3"

PROBE = EARTH_FOLDER / "probe.json"
"""The probe of the shipped encoder."""

DESCRIBED = (0, 1, 2, 23, 24, 25, 26, 27)
"""Numbers of a descriptor that are weighted: mean colour and texture."""

Integers = NDArray[np.int64]
ZoomWeights = Mapping[str, Integers]
"""Weights of figures by their name: int64 [statistics + 1], the last the bias."""


@dataclass(frozen=True, slots=True, eq=False)
class GroundProbe:
    """Weights by the zoom at which scenes are chosen, then by figure.

    encoder: digest of the encoder whose codes they are for. labels: mean degrees of scenes that
    were labelled, 0 to 255, by figure, then by `scene_key`.
    """

    encoder: str
    weights: Mapping[int, ZoomWeights]
    labels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> GroundProbe:
        """Read the JSON that `to_json` returns; raises GeographyError for any other file."""
        try:
            described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if described["format"] != FORMAT:
                raise ValueError(f"its format is {described['format']!r}, expected {FORMAT!r}")
            weights = {
                int(zoom): {str(name): np.array(row, np.int64) for name, row in rows.items()}
                for zoom, rows in described["weights"].items()
            }
            labels = {
                str(name): {str(key): int(degree) for key, degree in rows.items()}
                for name, rows in described["labels"].items()
            }
            for name in sorted({name for rows in weights.values() for name in rows} | set(labels)):
                if name not in FIGURES:
                    raise ValueError(f"a figure is {name!r}, expected: {', '.join(FIGURES)}")
            return cls(str(described["encoder"]), weights, labels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise GeographyError(f"cannot read the probe {path}: {error}") from error

    def to_json(self) -> str:
        """Return the text of a file of this probe."""
        weights = {
            str(zoom): {name: rows[name].tolist() for name in sorted(rows)}
            for zoom, rows in sorted(self.weights.items())
        }
        labels = {name: dict(sorted(rows.items())) for name, rows in sorted(self.labels.items())}
        described = {
            "format": FORMAT, "encoder": self.encoder, "weights": weights, "labels": labels
        }  # fmt: skip
        return json.dumps(described, indent=1) + "\n"

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides figures."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def tells(self, zoom: int) -> NDArray[np.bool_]:
        """Say which figures are told of scenes chosen at a zoom: bool [figures]."""
        return np.array([name in self.weights.get(zoom, {}) for name in FIGURES])

    def figures(self, scene: Scene) -> NDArray[np.uint8]:
        """Return figures of a scene's windows, uint8 [rows, columns, figures], 0 where untold.

        Raises GeographyError for codes of another size than the weights are for.
        """
        found = np.zeros((*scene.valid.shape, len(FIGURES)), np.uint8)
        rows = self.weights.get(scene.chosen_at, {})
        if not rows:
            return found
        known, key = statistics(scene), scene_key(scene)
        for k, name in enumerate(FIGURES):
            weights = rows.get(name)
            if weights is None:
                continue
            if known.shape[-1] + 1 != len(weights):
                raise GeographyError(
                    f"a probe has {len(weights) - 1} weights for zoom {scene.chosen_at}, "
                    f"expected {known.shape[-1]}"
                )
            told = (known @ weights[:-1] + (weights[-1] << UNIT_BITS)) >> 2 * UNIT_BITS
            label = self.labels.get(name, {}).get(key)
            if label is not None and scene.valid.any():
                within = told.clip(0, 255)
                told = within + label - int(within[scene.valid].sum()) // int(scene.valid.sum())
            found[..., k] = told.clip(0, 255)
        return found


def scene_key(scene: Scene) -> str:
    """Return 16 hexadecimal digits of a scene's codes of its choice, whatever it is called."""
    codes = np.ascontiguousarray(scene.codes[scene.chosen_at])
    return hashlib.sha256(codes.tobytes()).hexdigest()[:16]


def statistics(scene: Scene) -> Integers:
    """Return statistics of the codes in a scene's windows, int64 [rows, columns, n].

    n: 4 for each number of a code and each zoom of the scene, and two for each of DESCRIBED.
    """
    grid = scene.valid.shape
    parts = [_of_zoom(scene.codes[z], choosing_scale(z), grid) for z in sorted(scene.codes)]
    described = scene.descriptors[..., DESCRIBED].astype(np.int64)
    return np.concatenate([*parts, described << UNIT_BITS, described * described], -1)


def _of_zoom(codes: Codes, scale: int, grid: tuple[int, ...]) -> Integers:
    """Return the four statistics of every number of a code in windows: [rows, columns, 4 D]."""
    across, down = np.zeros_like(codes), np.zeros_like(codes)
    down[1:] = np.abs(np.diff(codes, axis=0))
    across[:, 1:] = np.abs(np.diff(codes, axis=1))
    # A window is a square of blocks, each as long as windows are apart.
    side, blocks = STEP * scale, WINDOW // STEP
    rows, columns = (count + blocks - 1 for count in grid)
    means = []
    for plane in (codes, np.abs(codes), down, across):
        covered = plane[: rows * side, : columns * side].reshape(rows, side, columns, side, -1)
        sums = covered.sum(1, dtype=np.int16).sum(2, dtype=np.int64)
        total = sum(
            sums[i : i + grid[0], j : j + grid[1]] for i in range(blocks) for j in range(blocks)
        )
        means.append((total << UNIT_BITS) // (side * blocks) ** 2)
    return np.concatenate(means, -1)
