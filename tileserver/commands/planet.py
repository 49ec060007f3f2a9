"""The command `elsewhere planet`: a made-up planet as a picture that `--base` takes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from PIL import Image

from generator.atomicfile import atomic_replace
from generator.base import tone
from generator.grid.errors import ImageError
from generator.grid.pixels import Pixels
from generator.planets.planet import Planet
from generator.rasters import notice
from tileserver.batch.progress import bar
from tileserver.commands.basics import say

OPTIONS: dict[str, dict[str, Any]] = {".png": {}, ".jpg": {"quality": 95, "subsampling": 0}}
"""Suffixes of pictures, and how each is written: PNG exactly."""


def planet(args: argparse.Namespace) -> int:
    """Draw a planet and write it. Raises BaseMapError, ImageError."""
    path, which = Path(args.output), Planet(args.seed, args.style)
    suffix = path.suffix.lower().replace(".jpeg", ".jpg")
    if suffix not in OPTIONS:
        raise ImageError(f"{path} has the suffix {path.suffix!r}, expected .png or .jpg")
    if not path.absolute().parent.is_dir():
        raise ImageError(f"the folder {path.absolute().parent} does not exist")
    with bar("rows") as report:
        picture = which.picture(args.width, report)
    # In the tone that the planet has when it is named, which a file is not given again.
    _write(tone.apply(picture), path, suffix)
    say(f"Wrote {path}: {which}, {args.width} x {args.width // 2} pixels")
    return 0


def _write(picture: Pixels, path: Path, suffix: str) -> None:
    """Replace a picture in one step. Raises ImageError."""
    format = "PNG" if suffix == ".png" else "JPEG"
    options = OPTIONS[suffix] | notice.save_options(format)
    try:
        with atomic_replace(path) as part:
            Image.fromarray(picture).save(part, format, **options)
    except OSError as error:
        raise ImageError(f"{path} cannot be written ({error.strerror or error})") from error
