"""Decoding sources into a pyramid's folder, level by level, in a way that can be resumed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from generator.atomicfile import atomic_replace
from generator.base import planetfile
from generator.grid.errors import GeneratorError
from generator.imagery.sources import Decoded, Source
from training.errors import TrainingError
from training.imagery.pyramid import INDEX, mask_shape
from training.imagery.shards import Journal, ShardWriter, refuse_foreign
from training.progress import track

LEVELS = (1, 2, 4, 8)
SMALLEST = 96
"""Shorter side of the smallest level that is kept, in pixels."""
SHARD_SIZE = 1 << 30
"""Bytes of a shard unless something else is asked for."""
_FORMAT = 2
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    MemoryError,
    Pillow.DecompressionBombError,
    TrainingError,
    GeneratorError,
)


def prepare(
    sources: Sequence[Source], base_map: Path | None, out: Path, shard_size: int = SHARD_SIZE
) -> list[str]:
    """Write the pyramid of `sources` to `out`; returns what could not be read, a sentence each.

    base_map: equirectangular picture whose colours the tone can be matched to, or None.
    shard_size: bytes of a file of pixels. The same call goes on where an earlier one was stopped,
    and does nothing where it had ended. Raises TrainingError when `out` holds another pyramid, or
    when nothing can be read.
    """
    refuse_foreign(out, INDEX)
    out.mkdir(parents=True, exist_ok=True)
    base = planetfile.read(base_map) if base_map else None
    tone = hashlib.sha256(base_map.read_bytes()).hexdigest() if base_map else None
    journal = Journal(out, {"format": _FORMAT, "shard_size": shard_size, "base": tone})
    keys = [_key(source) for source in sources]
    if (out / INDEX).exists():
        if [entry["key"] for entry in journal.entries] != keys:
            raise TrainingError(
                f"{out} holds a pyramid of other imagery or settings; give another folder as "
                "--out, or delete it"
            )
        return _failures(journal)
    # Keep what fits, and go on behind it.
    writer = ShardWriter(out, shard_size, journal.keep(keys, out))
    done = len(journal.entries)
    for number in track(range(done, len(sources)), "decoding", len(sources), done):
        journal.add({"key": keys[number], **_entry(writer, sources[number], base)})
    _write_index(out, journal, writer)
    return _failures(journal)


def _entry(writer: ShardWriter, source: Source, base: NDArray[np.uint8] | None) -> dict[str, Any]:
    """Decode a source and write its levels; returns what the journal keeps of it."""
    empty: dict[str, Any] = {"rows": [], "digest": None, "shards": [], "failed": []}
    # Decode; the digest is of the files, or of the pixels where a server gave them.
    try:
        files = [_file_digest(file, file.stat().st_mtime_ns) for file in source.files]
        decoded = source.read()
        if not files and decoded is not None:  # from a server
            files = [hashlib.sha256(decoded.pixels.tobytes()).hexdigest()]
        digest = hashlib.sha256("".join(files).encode()).hexdigest()
    except _UNREADABLE as error:
        reason = str(error)
        named = reason if reason.startswith(source.name) else f"{source.name}: {reason}"
        return empty | {"failed": [named]}
    if decoded is None:
        return empty
    # Write the levels; what is too small for any of them is named.
    rows = _write_levels(writer, source, decoded, _base_colour(base, source))
    failed = list(decoded.failed)
    if not rows:
        height, width = decoded.pixels.shape[:2]
        failed.append(
            f"{source.name}: {width} x {height} pixels, expected at least {SMALLEST} each way"
        )
        return empty | {"failed": failed}
    last = asdict(writer.shards[-1])
    return {"rows": rows, "digest": digest, "shards": [list(last.values())], "failed": failed}


def _write_levels(
    writer: ShardWriter, source: Source, decoded: Decoded, base: list[float] | None
) -> list[dict[str, Any]]:
    """Write an image, uint8 [h, w, 3], averaged by each of LEVELS; returns a row for each level."""
    height, width = decoded.pixels.shape[:2]
    full_mask = None if decoded.mask is None else _reduced(decoded.mask, height, width)
    # Average down until a side is too short.
    arrays: list[NDArray[np.uint8]] = []
    rows: list[dict[str, Any]] = []
    for level in LEVELS:
        image = _average(decoded.pixels, level)
        height, width = image.shape[:2]
        if min(height, width) < SMALLEST:
            break
        arrays.append(image)
        if full_mask is not None:
            arrays.append(_reduced(full_mask * np.uint8(255), height, width))
        row = {"offset": None, "mask_offset": None, "height": height, "width": width}
        row |= {"gsd": source.gsd * level, "level": level, "lat": source.lat, "lon": source.lon}
        rows.append(row | {"source": source.source, "split": source.split, "base": base})
    # All levels lie in one shard, each before its mask.
    offsets = iter(writer.write(arrays) if arrays else [])
    for row in rows:
        row["offset"] = next(offsets)
        if full_mask is not None:
            row["mask_offset"] = next(offsets)
    return rows


def _reduced(mask: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return the mask (255 = valid) of an image's size as 1 where a cell is valid all over."""
    shape = mask_shape(height, width)
    small = Pillow.fromarray(mask).resize(shape[::-1], Pillow.Resampling.BOX)
    return (np.asarray(small) > 250).astype(np.uint8)


def _average(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Average pixels [h, w, 3] over squares of `factor`; partial ones at the edges count too."""
    if factor == 1:
        return pixels
    return np.asarray(Pillow.fromarray(pixels).reduce(factor))


def _base_colour(base: NDArray[np.uint8] | None, source: Source) -> list[float] | None:
    """Return the base map's mean colour, RGB, over 5 x 5 of its pixels round a source."""
    if base is None or source.lat is None or source.lon is None:
        return None
    height, width = base.shape[:2]
    y = round((90 - source.lat) / 180 * height - 0.5)
    x = round((source.lon + 180) / 360 * width - 0.5)
    area = base[max(0, y - 2) : y + 3, max(0, x - 2) : x + 3].reshape(-1, 3).mean(0)
    return [float(value) for value in area]


def _write_index(out: Path, journal: Journal, writer: ShardWriter) -> None:
    """Write the index of all rows and shards; raises TrainingError where there are none."""
    rows = [row for entry in journal.entries for row in entry["rows"]]
    if not rows:
        reasons = "; ".join(_failures(journal)[:3])
        raise TrainingError(f"none of the {len(journal.entries)} images could be used: {reasons}")
    digest = hashlib.sha256("".join(e["digest"] or "" for e in journal.entries).encode())
    shards = [asdict(shard) for shard in writer.shards]
    index = {"digest": digest.hexdigest(), "shards": shards, "images": rows}
    with atomic_replace(out / INDEX) as part:
        part.write_text(json.dumps(index))


def _failures(journal: Journal) -> list[str]:
    return [line for entry in journal.entries for line in entry["failed"]]


def _key(source: Source) -> str:
    """Return what changes with anything that decides a source's pixels or row."""
    files = []
    for file in source.files:
        found = file.stat() if file.exists() else None
        files.append([file.name, found and found.st_size, found and found.st_mtime_ns])
    place = [source.name, source.gsd, source.lat, source.lon, source.source, source.split]
    place += [source.reading] if source.reading else []
    return hashlib.sha256(json.dumps([place, files]).encode()).hexdigest()[:32]


@lru_cache(maxsize=1024)
def _file_digest(file: Path, changed: int) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
