"""Pictures of a manifest with half their metres per pixel.

A cascade's own stage enlarges a real picture by four and keeps what it shows; averaged by two, it
is as sharp as a real picture of that resolution, where cubic interpolation would be soft.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from generator.atomicfile import atomic_replace
from generator.grid.averaging import averaged
from generator.grid.errors import GeneratorError
from generator.grid.pixels import Pixels
from generator.grid.tile import SCALE
from generator.imagery.folder import MANIFEST
from generator.imagery.sources import Source, read_rows
from generator.upscaling.upscale import CascadeLike, upscale
from training.errors import TrainingError
from training.progress import track

FINER = 2
"""How many times as many pixels each way the written pictures have."""
MADE_WITH = "sharpened_with"
"""Field of a written row: the first digits of the weights' digest."""

_UNREADABLE = (
    OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError, GeneratorError,
    TrainingError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures are taken: metres per pixel from finest to coarsest, and a glob of each
    that its file or its source matches one of; raises TrainingError for an empty range.
    """

    finest: float = 21.0
    coarsest: float = 32.0
    globs: tuple[str, ...] = ("*",)

    def __post_init__(self) -> None:
        """Refuse ranges that hold nothing."""
        if not 0 < self.finest <= self.coarsest < math.inf:
            raise TrainingError(
                f"finest is {self.finest:g} and coarsest {self.coarsest:g}, expected metres "
                "per pixel above 0, the coarsest not below the finest"
            )

    def takes(self, source: Source) -> bool:
        """Return whether a picture is one of them: only those of the split `train` are."""
        return (
            source.split == "train"
            and self.finest <= source.gsd <= self.coarsest
            and any(source.matches(glob) for glob in self.globs)
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """A picture to sharpen: its source, its row in the manifest, and the file to write."""

    source: Source
    row: dict[str, Any]
    target: Path

    @property
    def mask(self) -> Path:
        """Return the file of its mask, which is written where the source has one."""
        return self.target.with_name(f"{self.target.stem}.mask.png")


def plan(manifest: Path, folder: Path, wanted: Wanted) -> list[Planned]:
    """Return the pictures of a manifest that are wanted, in its order; raises TrainingError."""
    made: dict[str, Planned] = {}
    for source, row in read_rows(manifest):
        if not wanted.takes(source):
            continue
        name = f"{source.source.replace('/', '_')}__{Path(source.name).stem}.png"
        if name in made:
            raise TrainingError(
                f"{made[name].source.name} and {source.name} would both become {name}, expected "
                "pictures of one source to differ in name"
            )
        made[name] = Planned(source, row, folder / name)
    if not made:
        raise TrainingError(
            f"{manifest} has no picture of the split train with {wanted.finest:g} to "
            f"{wanted.coarsest:g} metres per pixel that matches {', '.join(wanted.globs)}, "
            "expected at least one"
        )
    return list(made.values())


def sharpen(
    cascade: CascadeLike, digest: str, plans: Sequence[Planned], folder: Path
) -> tuple[int, list[str]]:
    """Write the pictures that are not there yet, and the manifest of all of them after each.

    digest: of the cascade's weights. Returns how many pictures the manifest names, and a sentence
    for each that cannot be used; raises TrainingError where `folder` holds other imagery.
    """
    mark = digest[:16]
    _refuse_foreign(folder, mark)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {each.target: size for each in plans if (size := _size(each.target)) is not None}
    failed: list[str] = []

    def write() -> None:
        rows = [_row(p, sizes[p.target], mark) for p in plans if p.target in sizes]
        text = json.dumps(rows, indent=1)
        with atomic_replace(folder / MANIFEST) as part:
            part.write_text(text)

    todo = [each for each in plans if each.target not in sizes]
    for each in track(todo, "pictures", len(todo)) if todo else ():
        try:
            pixels, mask = _sharp(cascade, each.source)
        except _UNREADABLE as error:
            said = str(error)
            name = each.source.name
            failed.append(said if said.startswith(name) else f"{name} cannot be used: {said}")
            continue
        # A picture that is there is finished, so its mask comes first.
        if mask is not None:
            _save(mask, each.mask)
        _save(pixels, each.target)
        sizes[each.target] = pixels.shape[1], pixels.shape[0]
        write()
    if sizes:
        write()
    return len(sizes), failed


def _sharp(cascade: CascadeLike, source: Source) -> tuple[Pixels, Pixels | None]:
    """Return a picture, cut to whole multiples of 4, at half its metres per pixel, and its mask.

    uint8 [FINER h, FINER w, 3]; the mask, uint8 of the source's size, or None where it has none.
    """
    decoded = source.read()
    assert decoded is not None  # a manifest's pictures are read whole
    height, width = (side // SCALE * SCALE for side in decoded.pixels.shape[:2])
    if not height or not width:
        raise TrainingError(f"{source.name} has a side below {SCALE} pixels, expected more")
    # Enlarge what the picture shows by one stage, then average the detail to what is wanted.
    enlarged = upscale(cascade, decoded.pixels[:height, :width], source.gsd)
    pixels = averaged(enlarged, SCALE // FINER)
    if decoded.mask is None:
        return pixels, None
    # Keep of the mask, which may be of any size, what covers the same ground.
    sides = zip((height, width), decoded.pixels.shape, decoded.mask.shape, strict=False)
    rows, columns = (max(1, round(kept * cells / whole)) for kept, whole, cells in sides)
    return pixels, decoded.mask[:rows, :columns]


def _row(made: Planned, size: tuple[int, int], mark: str) -> dict[str, Any]:
    """Return the manifest's row of a written picture."""
    own = {
        "file": made.target.name,
        "mask": made.mask.name if made.row.get("mask") else None,
        "width": size[0],
        "height": size[1],
        "gsd_m": made.source.gsd / FINER,
        "split": made.source.split,
    }
    return {**made.row, **own, MADE_WITH: mark}


def _refuse_foreign(folder: Path, mark: str) -> None:
    """Refuse a folder whose manifest is not of pictures that were sharpened with the weights."""
    path = folder / MANIFEST
    if not path.exists():
        return
    try:
        rows = json.loads(path.read_text())
        marks = {row.get(MADE_WITH) for row in rows}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise TrainingError(f"{path} is no manifest of sharpened pictures: {error}") from error
    if marks - {mark}:
        raise TrainingError(
            f"{path} lists pictures that were not made with these weights, expected another "
            "folder as --out"
        )


def _size(picture: Path) -> tuple[int, int] | None:
    """Return width and height of a picture, None where it is not there."""
    try:
        with Image.open(picture) as opened:
            return opened.size
    except (OSError, SyntaxError):
        return None


def _save(pixels: Pixels, target: Path) -> None:
    with atomic_replace(target) as part:
        Image.fromarray(pixels).save(part, "PNG")
