"""A small made-up set of imagery with a manifest, for the tests of training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from generator.imagery.sources import read_manifest
from training.imagery.prepare import prepare


def write_imagery(folder: Path, *, deep: bool = False) -> Path:
    """Write a few textured images of several resolutions; returns the manifest's path.

    deep: also of 1 m per pixel, as stage 17 needs them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    rows = []
    for number, (gsd, split) in enumerate(
        [(600.0, "train"), (200.0, "train"), (60.0, "train"), (16.0, "train"), (4.0, "train")]
        + [(4.0, "test"), (60.0, "test")]
        + ([(1.0, "train")] if deep else [])
    ):
        coarse = Image.fromarray(random.integers(40, 200, (40, 40, 3), np.uint8))
        coarse.resize((640, 640), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg")
        mask = None
        if number == 4:
            mask = f"{number}.mask.png"
            valid = np.full((160, 160), 255, np.uint8)
            valid[:10] = 0
            Image.fromarray(valid).convert("1").save(folder / mask)
        rows.append(
            {
                "file": f"{number}.jpg",
                "mask": mask,
                "gsd_m": gsd,
                "lat": 10.0 * number,
                "lon": 5.0,
                "source": f"source-{gsd:.0f}",
                "split": split,
            }
        )
    manifest = folder / "manifest.json"
    manifest.write_text(json.dumps(rows))
    return manifest


def prepared_imagery(folder: Path) -> Path:
    """Write that imagery and prepare it for training; returns the folder of what was prepared."""
    prepare(read_manifest(write_imagery(folder / "in")), None, folder / "out")
    return folder / "out"
