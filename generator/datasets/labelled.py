"""A folder of labelled images, a folder per class, and the variants of all of them.

The order, the names and the noise of the variants depend on the images' names alone.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from generator.datasets.dataset import DatasetFolder, Row
from generator.datasets.samplesheet import enlarged, strips
from generator.datasets.variants import VariantConfig, degraded, vary
from generator.grid.errors import DatasetError, ImageError
from generator.grid.pixels import Pixels
from generator.rasters import Reading, filled, is_picture, read_whole
from generator.upscaling.upscale import CascadeLike
from generator.upscaling.upscalefile import ground_of, resolution_notes

SHOWN = 4
"""Variants of an image on the sheet."""

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """A labelled image: its path under the folder of classes, and the stem of its variants."""

    name: str
    label: str
    stem: str


def find(folder: Path) -> tuple[list[LabelledImage], list[str]]:
    """Find images in folders named by class; also what is left out, a sentence each.

    The order depends on names only. Raises DatasetError where there is none.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is no folder, expected one that holds a folder per class")
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if is_picture(path))
    left_out = [
        f"{path} lies in no class, expected {folder}/CLASS/{path}"
        for path in files
        if len(path.parts) < 2
    ]
    inside = [path for path in files if len(path.parts) >= 2]
    if not inside:
        raise DatasetError(f"{folder} holds no picture in a folder of its class")
    stems = Counter(path.with_suffix("") for path in inside)
    return [
        LabelledImage(
            path.as_posix(),
            path.parts[0],
            (path.with_suffix("") if stems[path.with_suffix("")] == 1 else path).as_posix(),
        )
        for path in inside
    ], left_out


def seed_of(seed: int, name: str, number: int) -> int:
    """Return the seed of an image's variant: its noise depends on its name and number alone."""
    digest = hashlib.sha256(f"{seed}/{number}/{name}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


class VariantSet:
    """The variants of a folder of labelled images.

    notes: what their owner should know of them, a sentence each, as they are read.
    """

    def __init__(
        self,
        folder: Path,
        images: Sequence[LabelledImage],
        recipe: VariantConfig,
        per_image: int,
        seed: int,
        *,
        reading: Reading | None = None,
    ) -> None:
        if not 1 <= per_image <= 1000:
            raise DatasetError(f"variants per image are {per_image}, expected 1 to 1000")
        self.folder, self.images, self.recipe = folder, images, recipe
        self.per_image, self.seed, self.reading = per_image, seed, reading or Reading()
        self.notes: list[str] = []

    def __len__(self) -> int:
        """Return the number of variants."""
        return len(self.images) * self.per_image

    def settings(self, identity: bytes) -> Row:
        """Return what decides the pixels, as a JSON object; more per image may be asked later."""
        recipe = self.recipe
        read = {} if self.reading == Reading() else {"reading": repr(self.reading)}
        return read | {
            "kind": "variants", "model": identity.hex(), "gsd_m": recipe.gsd,
            "stages": recipe.stages, "strength": recipe.strength, "seed": self.seed,
        }  # fmt: skip

    def write(self, cascade: CascadeLike, folder: DatasetFolder, progress: Progress) -> list[str]:
        """Write what is not there; return what could not be used, a sentence each.

        progress: called with variants (done, in all, made now). Raises DatasetError.
        """
        folder.open()
        failed: list[str] = []
        made = 0
        try:
            for number, image in enumerate(self.images):
                progress(number * self.per_image, len(self), made)
                try:
                    made += self._write_image(cascade, folder, image)
                except ImageError as error:
                    said = str(error)
                    failed.append(said if image.name in said else f"image {image.name} {said}")
            progress(len(self), len(self), made)
        finally:
            rows = list(self._rows(folder))
            shown = strips(self._shown(rows), lambda image: self._strip(folder, image))
            folder.finish(rows, [_listed(row) for row in rows], shown)
        return failed

    def count_absent(self, folder: DatasetFolder) -> int:
        """Return how many variants are not there yet."""
        return len(self) - len(list(self._rows(folder)))

    def samples(self, cascade: CascadeLike) -> Iterator[Pixels]:
        """Yield the first variant of each image that can be used."""
        for image in self.images:
            with contextlib.suppress(ImageError):
                pixels = self._read(image)[0]
                yield vary(cascade, pixels, self.recipe, seed_of(self.seed, image.name, 0))

    def _write_image(
        self, cascade: CascadeLike, folder: DatasetFolder, image: LabelledImage
    ) -> int:
        source = self.folder / image.name
        names = self._names(image, folder.format)
        absent = [n for n, name in enumerate(names) if not folder.has(name, newer_than=source)]
        if not absent:
            return 0
        pixels, mask = self._read(image)
        for number in absent:
            seed = seed_of(self.seed, image.name, number)
            made = vary(cascade, pixels, self.recipe, seed)
            folder.save(names[number], made if mask is None else np.dstack([made, mask]))
        return len(absent)

    def _read(self, image: LabelledImage) -> tuple[Pixels, Pixels | None]:
        """Return an image with its holes filled, and its mask. Raises ImageError."""
        path = self.folder / image.name
        whole = read_whole(path, self.reading)
        height, width = whole.pixels.shape[:2]
        ground = None if whole.place is None else ground_of(whole.place, width, height)
        self.notes += (*whole.notes, *resolution_notes(f"image {path}", ground, self.recipe.gsd))
        return filled(whole.pixels, whole.mask), whole.mask

    def _shown(self, rows: Sequence[Row]) -> list[LabelledImage]:
        """Return the images that have variants."""
        names = {row["source_file"] for row in rows}
        return [image for image in self.images if image.name in names]

    def _strip(self, folder: DatasetFolder, image: LabelledImage) -> list[Pixels]:
        """Return an image, what is kept of it, and its first variants."""
        source = self.folder / image.name
        pixels, factor = self._read(image)[0], self.recipe.factor
        kept = enlarged(degraded(pixels, factor), factor)[: pixels.shape[0], : pixels.shape[1]]
        names = [n for n in self._names(image, folder.format) if folder.has(n, newer_than=source)]
        return [pixels, kept, *(folder.read(name) for name in names[:SHOWN])]

    def _names(self, image: LabelledImage, format: str) -> list[str]:
        return [f"{image.stem}-{number}.{format}" for number in range(self.per_image)]

    def _rows(self, folder: DatasetFolder) -> Iterator[Row]:
        for image in self.images:
            for number, name in enumerate(self._names(image, folder.format)):
                if folder.has(name, newer_than=self.folder / image.name):
                    yield {
                        "file": name, "class": image.label, "source_file": image.name,
                        "variant": number, "seed": seed_of(self.seed, image.name, number),
                        "gsd_m": self.recipe.gsd, "stages": self.recipe.stages,
                        "strength": self.recipe.strength,
                    }  # fmt: skip


def _listed(row: Row) -> Row:
    """Return a variant's row of manifest.json: its class stands as its source."""
    return {"file": row["file"], "gsd_m": row["gsd_m"], "source": row["class"]}
