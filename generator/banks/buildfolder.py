"""The folder in which a build keeps what is done, so that the same command goes on with it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from generator.atomicfile import atomic_replace
from generator.banks.boxes import Box
from generator.banks.options import BuildOptions, OfferedImage
from generator.banks.stageimage import Resampling
from generator.banks.survey import CandidateBlock, StageCandidate, Survey
from generator.banks.warp import MOST
from generator.grid.errors import BankError
from generator.imagery.sources import Decoded
from generator.memory.bank import Scene

VERSION = 3
"""Raised when what is kept changes its meaning."""

_MARK = "build.json"
_TEXTS = ("name", "source", "licence", "credit", "latitude", "longitude")
_ARRAYS = ("descriptors", "gates", "valid")
_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, BankError)

Array = NDArray[Any]


class BuildFolder:
    """A folder of finished parts, each a file that appears whole or not at all."""

    def __init__(self, folder: Path) -> None:
        """Make the folder; raises BankError if it holds something else, or cannot be written."""
        self.folder = folder
        try:
            if folder.exists() and any(folder.iterdir()) and not (folder / _MARK).is_file():
                raise BankError(f"{folder} holds other files, expected none or those of a build")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _MARK).write_text(json.dumps({"version": VERSION}))
        except OSError as error:
            raise BankError(f"cannot keep the build's parts in {folder}: {error}") from error

    def remove(self) -> None:
        """Delete all parts; nothing happens where the folder cannot be deleted."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def survey(self, key: str) -> Survey | None:
        """Return what was seen of an image, None where it is not kept."""
        arrays = self._arrays(f"survey-{key}.npz")
        try:
            return None if arrays is None else _to_survey(arrays)
        except _DAMAGED:
            return None

    def keep_survey(self, key: str, seen: Survey) -> None:
        """Keep what was seen of an image."""
        self._keep(f"survey-{key}.npz", _from_survey(seen))

    def pixels(self, key: str) -> Decoded | None:
        """Return the pixels of an image, filled and quilted; None where they are not kept."""
        arrays = self._arrays(f"pixels-{key}.npz")
        if arrays is None or "pixels" not in arrays:
            return None
        return Decoded(arrays["pixels"], arrays.get("mask"))

    def keep_pixels(self, key: str, decoded: Decoded) -> None:
        """Keep the pixels of an image that is dear to read: from a server, filled or quilted."""
        mask = {} if decoded.mask is None else {"mask": decoded.mask}
        self._keep(f"pixels-{key}.npz", {"pixels": decoded.pixels, **mask})

    def scenes(self, key: str) -> tuple[Scene, ...] | None:
        """Return the encoded scenes of an image, None where they are not kept."""
        arrays = self._arrays(f"scenes-{key}.npz")
        try:
            return None if arrays is None else tuple(_to_scenes(arrays))
        except _DAMAGED:
            return None

    def keep_scenes(self, key: str, scenes: Sequence[Scene]) -> None:
        """Keep the encoded scenes of an image."""
        self._keep(f"scenes-{key}.npz", _from_scenes(scenes))

    def _arrays(self, name: str) -> dict[str, Array] | None:
        path = self.folder / name
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as opened:
                return dict(opened)
        except _DAMAGED:
            return None

    def _keep(self, name: str, arrays: Mapping[str, Array]) -> None:
        try:
            with atomic_replace(self.folder / name) as part, part.open("wb") as file:
                np.savez(file, **arrays)  # type: ignore[arg-type]  # numpy's stub has a flag there
        except OSError as error:
            raise BankError(f"cannot keep the build's parts in {self.folder}: {error}") from error


def source_key(offer: OfferedImage, options: BuildOptions) -> str:
    """Return what changes with anything that decides what is seen of an image."""
    source = offer.source
    files = []
    for file in source.files:
        found = file.stat() if file.exists() else None
        files.append([str(file), found and found.st_size, found and found.st_mtime_ns])
    about = [source.name, source.gsd, source.lat, source.lon, source.source, files]
    terms = [source.licence, source.credit]
    wanted = [VERSION, list(offer.zooms), sorted(options.block.items())]
    wanted += ["warp", MOST] if options.warp else []
    wanted += ["fill"] if options.fills(source) else []
    wanted += ["quilt", side] if (side := options.quilts(source)) else []
    wanted += ["extend", side] if (side := options.extends(source)) else []
    wanted += ["mute", share] if (share := options.mutes(source)) != 1 else []
    wanted += [source.reading] if source.reading else []
    return _hash([about, terms, wanted])


def scenes_key(key: str, encoder: str, chosen: Mapping[int, Sequence[int]]) -> str:
    """Return what changes with the encoder and the chosen blocks of an image, by zoom."""
    return _hash([key, encoder, sorted((zoom, list(each)) for zoom, each in chosen.items())])


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _from_survey(seen: Survey) -> dict[str, Array]:
    about = {
        "refused": seen.refused,
        "candidates": [
            {
                "zoom": zoom,
                "how": [each.how.zoom, each.how.shrink, each.how.grow],
                "size": each.size,
                "blocks": [
                    [b.frame, b.box.y, b.box.x, b.box.height, b.box.width]
                    + [b.texture, b.water, b.area]
                    for b in each.blocks
                ],
                "left": each.left,
            }
            for zoom, each in seen.candidates.items()
        ],
    }
    arrays: dict[str, Array] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for zoom, each in seen.candidates.items():
        arrays[f"descriptors-{zoom}"] = np.stack([block.descriptor for block in each.blocks])
    if seen.thumbnail is not None:
        arrays["thumbnail"] = seen.thumbnail
    return arrays


def _to_survey(arrays: Mapping[str, Array]) -> Survey:
    about = json.loads(arrays["about"].tobytes())
    found = {}
    for row in about["candidates"]:
        descriptors = arrays[f"descriptors-{row['zoom']}"]
        blocks = tuple(
            CandidateBlock(frame, Box(*box), descriptor, texture, water, area)
            for (frame, *box, texture, water, area), descriptor in zip(
                row["blocks"], descriptors, strict=True
            )
        )
        high, wide = row["size"]
        how, left = Resampling(*row["how"]), tuple(row["left"])
        found[int(row["zoom"])] = StageCandidate(how, (high, wide), blocks, left)
    return Survey(found, tuple(about["refused"]), arrays.get("thumbnail"))


def _from_scenes(scenes: Sequence[Scene]) -> dict[str, Array]:
    about = [
        {name: getattr(scene, name) for name in _TEXTS} | {"zooms": sorted(scene.codes)}
        for scene in scenes
    ]
    arrays: dict[str, Array] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for number, scene in enumerate(scenes):
        arrays |= {f"{number}-{name}": getattr(scene, name) for name in _ARRAYS}
        arrays |= {f"{number}-{zoom}": codes for zoom, codes in scene.codes.items()}
    return arrays


def _to_scenes(arrays: Mapping[str, Array]) -> Iterator[Scene]:
    for number, row in enumerate(json.loads(arrays["about"].tobytes())):
        descriptors, gates, valid = (arrays[f"{number}-{name}"] for name in _ARRAYS)
        codes = {zoom: arrays[f"{number}-{zoom}"] for zoom in row.pop("zooms")}
        yield Scene(codes=codes, descriptors=descriptors, gates=gates, valid=valid, **row)
