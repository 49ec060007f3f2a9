"""Imagery listed by a manifest: one row per image, validated, with its ground resolution."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.errors import TrainingError

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, slots=True)
class Source:
    """One image: where it lies, how fine it is, and what it may be used for.

    gsd: true ground resolution in metres per pixel; lat, lon: centre in degrees or None.
    mask: 1-bit image (1 = valid) of any size, or None where all is valid.
    """

    file: Path
    mask: Path | None
    gsd: float
    lat: float | None
    lon: float | None
    source: str
    split: str


def read_manifest(path: Path) -> list[Source]:
    """Read `manifest.json` (or the folder that holds it); raises TrainingError."""
    path = path / "manifest.json" if path.is_dir() else path
    try:
        rows = json.loads(path.read_text())
    except OSError as error:
        raise TrainingError(f"cannot read the manifest {path}: {error.strerror}") from error
    except ValueError as error:
        raise TrainingError(f"{path} is not JSON, expected a list of images") from error
    if not isinstance(rows, list) or not rows:
        raise TrainingError(f"{path} lists no image, expected a list with one row per image")
    return [_source(row, path.parent, number) for number, row in enumerate(rows)]


def _source(row: Any, folder: Path, number: int) -> Source:
    try:
        gsd = float(row["gsd_m"])
        file, name, split = row["file"], str(row["source"]), row["split"]
    except (KeyError, TypeError, ValueError) as error:
        raise TrainingError(
            f"row {number} of the manifest needs file, gsd_m, source and split, got {row!r:.120}"
        ) from error
    if not 0.05 <= gsd <= 20000:
        raise TrainingError(f"{file} has gsd_m {gsd}, expected 0.05 to 20000 metres per pixel")
    if split not in SPLITS:
        raise TrainingError(f"{file} has split {split!r}, expected one of {', '.join(SPLITS)}")
    mask = row.get("mask")
    return Source(
        folder / file,
        folder / mask if mask else None,
        gsd,
        row.get("lat"),
        row.get("lon"),
        name,
        split,
    )
