"""How built-up the windows of scenes are, told from their layout codes by a linear probe.

For each number of a code its mean, its mean absolute value and its mean absolute differences down
and across a window are weighted and added. All of it is whole numbers. The weights belong to one
encoder; `python -m experiments.fitprobe` fits them to labels.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generator.geography.choice import EARTH_FOLDER
from generator.grid.errors import GeographyError
from generator.memory.bank import Codes, Scene
from generator.memory.config import STEP, WINDOW, choosing_scale

UNIT_BITS = 8
"""Statistics are in 2**-UNIT_BITS of a level of a code, weights in 2**-UNIT_BITS of a degree."""

FORMAT = "elsewhere-probe-1"

PROBE = EARTH_FOLDER / "builtup.json"
"""The probe of the shipped encoder."""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class BuiltUpProbe:
    """Weights by the zoom at which scenes are chosen: int64 [statistics + 1], the last the bias.

    encoder: digest of the encoder whose codes they are for.
    """

    encoder: str
    weights: Mapping[int, Integers]

    @classmethod
    def open(cls, path: Path) -> BuiltUpProbe:
        """Read the JSON that `to_json` returns; raises GeographyError for any other file."""
        try:
            described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if described["format"] != FORMAT:
                raise ValueError(f"its format is {described['format']!r}, expected {FORMAT!r}")
            weights = {
                int(zoom): np.array(row, np.int64) for zoom, row in described["weights"].items()
            }
            return cls(str(described["encoder"]), weights)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise GeographyError(f"cannot read the probe {path}: {error}") from error

    def to_json(self) -> str:
        """Return the text of a file of this probe."""
        weights = {str(zoom): row.tolist() for zoom, row in sorted(self.weights.items())}
        described = {"format": FORMAT, "encoder": self.encoder, "weights": weights}
        return json.dumps(described, indent=1) + "\n"

    @property
    def digest(self) -> str:
        """Return hexadecimal digits that change with all that decides degrees."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def degrees(self, scene: Scene) -> NDArray[np.uint8] | None:
        """Return the built-up degree of a scene's windows, uint8 [rows, columns], None if unknown.

        Raises GeographyError for codes of another size than the weights are for.
        """
        weights = self.weights.get(scene.chosen_at)
        if weights is None:
            return None
        known = statistics(scene)
        if known.shape[-1] + 1 != len(weights):
            raise GeographyError(
                f"a probe has {len(weights) - 1} weights for zoom {scene.chosen_at}, "
                f"expected {known.shape[-1]}"
            )
        total = known @ weights[:-1] + (weights[-1] << UNIT_BITS)
        degrees: NDArray[np.uint8] = (total >> 2 * UNIT_BITS).clip(0, 255).astype(np.uint8)
        return degrees


def statistics(scene: Scene) -> Integers:
    """Return statistics of the codes in a scene's windows, int64 [rows, columns, n].

    n: 4 for each number of a code and each zoom of the scene.
    """
    grid = scene.valid.shape
    parts = [_of_zoom(scene.codes[z], choosing_scale(z), grid) for z in sorted(scene.codes)]
    return np.concatenate(parts, -1)


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
