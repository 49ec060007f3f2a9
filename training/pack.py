"""Imagery packed small, to travel: the most useful images of a prepared folder as WebP.

Layout: `pack.json` (digest of what it was made from, rows of images) and one WebP, and one PNG
mask where there is one, for each. `unpack` makes a prepared folder of it again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from rich.progress import Progress

from training.dataset import Samples
from training.errors import TrainingError
from training.imagery.pyramid import INDEX, LEVELS, PIXELS, Image, Pyramid

PACK = "pack.json"
MIB = 2**20
_SMALLEST = 96
_VALIDATION_SHARE = 0.04
"""Share of the size limit that images of the validation split get, for the sheet."""


@dataclass(slots=True)
class _Group:
    """Images of one source and split, in the order of packing, with their use in training."""

    images: list[Image]
    share: float
    spent: int = 0


def pack(
    pyramid: Pyramid, out: Path, limit_mib: float, window: int, quality: int = 85
) -> dict[str, float]:
    """Write at most `limit_mib` of imagery to `out`; returns megapixels by source.

    Sources get bytes in proportion to how often training draws windows of `window` parent pixels
    from them, as far as they have images; each image is kept at the finest level that any stage
    draws. quality: of WebP, 1 to 100. Raises TrainingError where nothing fits.
    """
    groups = _groups(pyramid, "train", window, 1 - _VALIDATION_SHARE)
    if any(image.split == "val" for image in pyramid.images):
        groups += _groups(pyramid, "val", window, _VALIDATION_SHARE)
    out.mkdir(parents=True, exist_ok=True)
    for old in (*out.glob("*.webp"), *out.glob("*.png")):
        old.unlink()
    limit = int(limit_mib * MIB)
    spent, rows, packed = 0, list[dict[str, Any]](), defaultdict[str, float](float)
    with Progress() as progress:
        task = progress.add_task("packing", total=limit)
        while open_groups := [g for g in groups if g.images]:
            group = min(open_groups, key=lambda g: g.spent / g.share)
            image = group.images.pop()
            name = f"{len(rows):05}"
            files = _files(pyramid, image, name, quality)
            size = sum(map(len, files.values()))
            if spent + size > limit:
                break
            for file, content in files.items():
                (out / file).write_bytes(content)
            spent += size
            group.spent += size
            packed[image.source] += image.height * image.width / 1e6
            rows.append({"name": name} | _row(image))
            progress.update(task, completed=spent)
        progress.update(task, completed=limit)
    if not rows:
        raise TrainingError(f"not one image fits into {limit_mib:g} MiB, expected a larger limit")
    (out / PACK).write_text(json.dumps({"digest": pyramid.digest, "images": rows}))
    return dict(packed)


def unpack(folder: Path, out: Path) -> Pyramid:
    """Decode a packed folder into a prepared one; where `out` is that already, it is opened.

    Raises TrainingError naming what is missing or damaged.
    """
    try:
        content = (folder / PACK).read_bytes()
        index = json.loads(content)
    except (OSError, ValueError) as error:
        raise TrainingError(
            f"{folder} holds no packed imagery; make it with "
            "`python -m training pack --data DATA --out FOLDER`"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if (out / INDEX).exists() and Pyramid(out).digest == digest:
        return Pyramid(out)
    out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with (out / PIXELS).open("wb") as data, ThreadPoolExecutor() as pool, Progress() as progress:
        decoded = pool.map(lambda row: _decode(folder, row), index["images"])
        found = zip(index["images"], decoded, strict=True)
        for row, (pixels, mask) in progress.track(
            found, len(index["images"]), description="unpacking"
        ):
            rows += _levels(data, row, pixels, mask)
    (out / INDEX).write_text(json.dumps({"digest": digest, "images": rows}))
    return Pyramid(out)


def _groups(pyramid: Pyramid, split: str, window: int, share: float) -> list[_Group]:
    """Sources of a split, with their share of the draws and their images, the next one last."""
    samples = Samples(pyramid, split, window)
    use: dict[str, float] = defaultdict(float)
    drawn: set[int] = set()
    for (images, weights), band in zip(samples.choices, samples.shares, strict=True):
        for image, weight in zip(images, weights, strict=True):
            use[image.source] += band * weight
            drawn.add(image.offset)
    chosen: dict[str, list[Image]] = defaultdict(list)
    finer: Image | None = None
    for image in (i for i in pyramid.images if i.split == split):
        if image.level == 1:
            finer = None
        if finer is None and image.offset in drawn:
            finer = image
            chosen[image.source].append(image)
    return [_Group(sorted(chosen[source], key=_shuffled), share * use[source]) for source in chosen]


def _shuffled(image: Image) -> str:
    address = f"{image.source} {image.lat} {image.lon} {image.offset}"
    return hashlib.sha256(address.encode()).hexdigest()


def _row(image: Image) -> dict[str, Any]:
    kept = ("gsd", "level", "lat", "lon", "source", "split", "base")
    row = dataclasses.asdict(image)
    return {name: row[name] for name in kept} | {"masked": image.mask_offset is not None}


def _files(pyramid: Pyramid, image: Image, name: str, quality: int) -> dict[str, bytes]:
    picture = io.BytesIO()
    pixels = np.ascontiguousarray(pyramid.pixels(image))
    Pillow.fromarray(pixels).save(picture, "WEBP", quality=quality, method=4)
    files = {f"{name}.webp": picture.getvalue()}
    mask = pyramid.mask(image)
    if mask is not None:
        encoded = io.BytesIO()
        Pillow.fromarray(np.ascontiguousarray(mask) * 255).convert("1").save(encoded, "PNG")
        files[f"{name}.png"] = encoded.getvalue()
    return files


def _decode(
    folder: Path, row: dict[str, Any]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    try:
        with Pillow.open(folder / f"{row['name']}.webp") as opened:
            pixels = np.asarray(opened.convert("RGB"))
        if not row["masked"]:
            return pixels, None
        with Pillow.open(folder / f"{row['name']}.png") as opened:
            return pixels, np.asarray(opened).astype(np.uint8)
    except OSError as error:
        raise TrainingError(f"the packed image {row['name']} in {folder}: {error}") from error


def _levels(
    data: BinaryIO,
    row: dict[str, Any],
    pixels: NDArray[np.uint8],
    mask: NDArray[np.uint8] | None,
) -> list[dict[str, Any]]:
    """Append an image and its coarser levels to `data`; returns their rows of the index."""
    rows = []
    for level in (level for level in LEVELS if level >= row["level"]):
        factor = level // row["level"]
        image = np.asarray(Pillow.fromarray(pixels).reduce(factor))
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            break
        offset = data.tell()
        data.write(image.tobytes())
        mask_offset = None
        if mask is not None:
            mask_offset = data.tell()
            small = Pillow.fromarray(mask * 255).reduce(factor)
            data.write((np.asarray(small) > 250).astype(np.uint8).tobytes())
        made = Image(
            offset, mask_offset, height, width, row["gsd"] * factor, level, row["lat"],
            row["lon"], row["source"], row["split"], row["base"],
        )  # fmt: skip
        rows.append(dataclasses.asdict(made))
    return rows
