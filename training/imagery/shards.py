"""Files of bounded size that hold the pixels of a pyramid, and the journal of what is in them.

A preparation that was stopped goes on from its journal: one JSON line of settings, then one line
per source done, in order. What was written after the last whole line is written anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

JOURNAL = "journal.jsonl"
_PATTERN = "pixels-{:05d}.bin"


@dataclass(frozen=True, slots=True)
class Shard:
    """One file: `start` is its first byte's offset in the pyramid, `size` its length in bytes."""

    file: str
    start: int
    size: int


class ShardWriter:
    """Appends to a pyramid's files, beginning a new one before a group of arrays that fits no more.

    limit: bytes of a file; only a group that is larger by itself exceeds it. Everything in the
    folder's files beyond `shards` is dropped.
    """

    def __init__(self, folder: Path, limit: int, shards: Sequence[Shard]) -> None:
        self.folder, self.limit = folder, limit
        self.shards = list(shards)
        for old in folder.glob(_PATTERN.replace("{:05d}", "*")):
            if old.name not in {shard.file for shard in shards}:
                old.unlink()
        for shard in shards:
            with (folder / shard.file).open("r+b") as file:
                file.truncate(shard.size)

    @property
    def end(self) -> int:
        """Offset of the next byte."""
        return self.shards[-1].start + self.shards[-1].size if self.shards else 0

    def write(self, group: Sequence[NDArray[np.uint8]]) -> list[int]:
        """Append arrays to one file; returns their offsets in the pyramid."""
        size = sum(array.nbytes for array in group)
        if not self.shards or (self.shards[-1].size and self.shards[-1].size + size > self.limit):
            self.shards.append(Shard(_PATTERN.format(len(self.shards)), self.end, 0))
        last = self.shards[-1]
        offsets, offset = [], self.end
        with (self.folder / last.file).open("ab") as file:
            for array in group:
                file.write(np.ascontiguousarray(array).tobytes())
                offsets.append(offset)
                offset += array.nbytes
        self.shards[-1] = Shard(last.file, last.start, last.size + size)
        return offsets


class Journal:
    """The entries of a preparation, each with its `key`, its `shard` and the length of that."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.path, self.settings = folder / JOURNAL, settings
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        entries: list[dict[str, Any]] = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:
                break  # the line that was being written when the preparation was stopped
        self.entries = entries[1:] if entries and entries[0] == settings else []

    def keep(self, keys: Sequence[str], folder: Path) -> list[Shard]:
        """Drop all from the first entry on that does not fit `keys`; returns the files to keep.

        An entry whose bytes are missing from its file does not fit either.
        """
        kept, shards = 0, list[Shard]()
        for entry, key in zip(self.entries, keys, strict=False):
            grown = [Shard(*row) for row in entry["shards"]]
            if entry["key"] != key or not all(_holds(folder, shard) for shard in grown):
                break
            names = {shard.file for shard in grown}
            shards = [shard for shard in shards if shard.file not in names] + grown
            kept += 1
        self.entries = self.entries[:kept]
        lines = [json.dumps(row) for row in (self.settings, *self.entries)]
        self.path.write_text("\n".join(lines) + "\n")
        return shards

    def add(self, entry: dict[str, Any]) -> None:
        """Append an entry."""
        self.entries.append(entry)
        with self.path.open("a") as file:
            file.write(json.dumps(entry) + "\n")


def _holds(folder: Path, shard: Shard) -> bool:
    file = folder / shard.file
    return file.exists() and file.stat().st_size >= shard.size


def refuse_foreign(folder: Path, index: str) -> None:
    """Raise TrainingError where a folder holds a pyramid whose making left no journal."""
    if (folder / index).exists() and not (folder / JOURNAL).exists():
        raise TrainingError(
            f"{folder} holds imagery that cannot be added to (it has no {JOURNAL}); "
            "give another folder as --out, or delete it"
        )
