"""Sources of pixels with their place and resolution, and a manifest that lists them."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.grid.errors import ImageryError
from generator.imagery.split import SPLITS, Splitter
from generator.rasters import Reading, read_whole

MIN_GSD, MAX_GSD = 0.05, 20000.0
"""Ground resolutions that are believed, in metres per pixel."""

log = logging.getLogger("elsewhere")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Pixels of a source: uint8 RGB [H, W, 3].

    mask: uint8 of any size that covers the same ground, 255 = valid; None where all is valid.
    failed: parts that could not be read (they are masked), one sentence each.
    """

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None = None
    failed: tuple[str, ...] = ()


class Terms(TypedDict, total=False):
    """On what terms an image may be used: its licence, the kind of that, whom to credit."""

    licence: str | None
    licence_class: str | None
    credit: str | None


@dataclass(frozen=True, slots=True)
class Source:
    """One image, or one piece of a large one.

    name: what messages call it, and what it is known by when a preparation is resumed.
    files: all that its pixels are read from; none where they come from a server.
    gsd: true ground resolution in metres per pixel. lat, lon: centre in degrees or None.
    source: the name that sampling balances by. licence, licence_class, credit: as the imagery
    states them, or None. read: decode; None where too little of it is valid. Raises OSError,
    ValueError or ImageryError. reading: how its samples are scaled and its bands chosen, as text
    that tells one way from another.
    """

    name: str
    files: tuple[Path, ...]
    gsd: float
    lat: float | None
    lon: float | None
    source: str
    split: str
    read: Callable[[], Decoded | None]
    licence: str | None = None
    licence_class: str | None = None
    credit: str | None = None
    reading: str = ""

    def matches(self, glob: str) -> bool:
        """Return whether its source or its name matches a glob."""
        return fnmatchcase(self.source, glob) or fnmatchcase(self.name, glob)

    def told(self, table: Mapping[str, Value], usual: Value) -> Value:
        """Return what a table says of it by globs, the first that matches; else what is usual."""
        return next((value for glob, value in table.items() if self.matches(glob)), usual)


@dataclass(slots=True)
class Imagery:
    """All that was found: sources in their order, what is left out and why, and remarks."""

    sources: list[Source] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_manifest(
    path: Path, splitter: Splitter | None = None, reading: Reading | None = None
) -> list[Source]:
    """Read the images of `manifest.json` (or the folder that holds it); raises ImageryError.

    splitter: decides for rows that name no split [8:1:1 by place]. reading: of the images.
    """
    return [source for source, _ in read_rows(path, splitter, reading)]


def read_rows(
    path: Path, splitter: Splitter | None = None, reading: Reading | None = None
) -> list[tuple[Source, dict[str, Any]]]:
    """Read a manifest as `read_manifest` does, each image with its row; raises ImageryError."""
    path = path / "manifest.json" if path.is_dir() else path
    try:
        rows = json.loads(path.read_text())
    except OSError as error:
        raise ImageryError(f"cannot read the manifest {path}: {error.strerror}") from error
    except ValueError as error:
        raise ImageryError(f"{path} is not JSON, expected a list of images") from error
    if not isinstance(rows, list) or not rows:
        raise ImageryError(f"{path} lists no image, expected a list with one row per image")
    splitter, reading = splitter or Splitter(), reading or Reading()
    return [
        (_source(row, path.parent, number, splitter, reading), row)
        for number, row in enumerate(rows)
    ]


def check_gsd(name: str, gsd: float) -> float:
    """Return a ground resolution that can be true; raises ImageryError."""
    if not MIN_GSD <= gsd <= MAX_GSD:
        raise ImageryError(
            f"{name} has gsd_m {gsd:g}, expected {MIN_GSD} to {MAX_GSD:.0f} metres per pixel"
        )
    return gsd


def check_split(name: str, split: str) -> str:
    """Return the name of a split; raises ImageryError."""
    if split not in SPLITS:
        raise ImageryError(f"{name} has split {split!r}, expected one of {', '.join(SPLITS)}")
    return split


def read_terms(row: Mapping[str, Any]) -> Terms:
    """Return what a manifest's row, or a sidecar with its fields, says of licence and credit."""
    licence, kind, credit = (
        None if row.get(key) is None else str(row[key])
        for key in ("licence", "licence_class", "credit")
    )
    return Terms(licence=licence, licence_class=kind, credit=credit)


def _source(row: Any, folder: Path, number: int, splitter: Splitter, reading: Reading) -> Source:
    try:
        gsd = float(row["gsd_m"])
        file, name = str(row["file"]), str(row["source"])
        lat, lon = (None if row.get(key) is None else float(row[key]) for key in ("lat", "lon"))
    except (KeyError, TypeError, ValueError) as error:
        raise ImageryError(
            f"row {number} of the manifest needs file, gsd_m and source, got {row!r:.120}"
        ) from error
    split = row.get("split")
    if split is None:
        split = splitter.split(lat, lon, file)
    mask = folder / row["mask"] if row.get("mask") else None
    return Source(
        name=file,
        files=(folder / file,) if mask is None else (folder / file, mask),
        gsd=check_gsd(file, gsd),
        lat=lat,
        lon=lon,
        source=name,
        split=check_split(file, split),
        read=partial(_read, folder / file, mask, reading),
        reading="" if reading == Reading() else repr(reading),
        **read_terms(row),
    )


def _read(file: Path, mask: Path | None, reading: Reading) -> Decoded:
    whole = read_whole(file, reading, str(file))
    for note in whole.notes:
        log.warning("%s", note)
    if mask is None:
        return Decoded(whole.pixels, None if whole.mask is None else _opaque(whole.mask))
    with Pillow.open(mask) as opened:
        return Decoded(whole.pixels, np.asarray(opened.convert("L")))


def _opaque(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.where(mask == 255, 255, 0).astype(np.uint8)
