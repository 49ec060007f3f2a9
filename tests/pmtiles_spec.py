"""A PMTiles 3 reader written from the specification alone, to judge what the library wrote.

https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import gzip
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PNG, JPEG, WEBP = 2, 3, 4


@dataclass(frozen=True)
class Archive:
    """A whole archive. tiles: by tile number; offsets: of each tile's bytes, by tile number."""

    header: dict[str, Any]
    metadata: dict[str, Any]
    tiles: dict[int, bytes]
    offsets: dict[int, int]


def read(path: Path) -> Archive:
    data = path.read_bytes()
    assert data[:8] == b"PMTiles\x03"
    names = "root_at root_size meta_at meta_size leaves_at leaves_size data_at data_size"
    counts = "addressed entries contents"
    eleven = struct.unpack_from("<11Q", data, 8)
    header: dict[str, Any] = dict(zip(f"{names} {counts}".split(), eleven, strict=True))
    flags = ["clustered", "internal", "compression", "type", "min_zoom", "max_zoom"]
    header |= dict(zip(flags, data[96:102], strict=True))
    header["bounds"] = [value / 1e7 for value in struct.unpack_from("<4i", data, 102)]
    header["centre"] = [data[118], *(v / 1e7 for v in struct.unpack_from("<2i", data, 119))]
    assert header["internal"] == 2  # gzip
    metadata = json.loads(gzip.decompress(data[header["meta_at"] :][: header["meta_size"]]))
    archive = Archive(header, metadata, {}, {})
    _directory(archive, data, header["root_at"], header["root_size"])
    return archive


def _directory(archive: Archive, data: bytes, at: int, size: int) -> None:
    numbers = _varints(gzip.decompress(data[at : at + size]))
    count = numbers[0]
    steps, runs, lengths, places = (
        numbers[1 + part * count : 1 + (part + 1) * count] for part in range(4)
    )
    number, offset = 0, 0
    for index in range(count):
        number += steps[index]
        offset = offset + lengths[index - 1] if places[index] == 0 else places[index] - 1
        if runs[index] == 0:
            _directory(archive, data, archive.header["leaves_at"] + offset, lengths[index])
        for tile in range(number, number + runs[index]):
            start = archive.header["data_at"] + offset
            assert tile not in archive.tiles
            archive.tiles[tile] = data[start : start + lengths[index]]
            archive.offsets[tile] = offset


def _varints(data: bytes) -> list[int]:
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
    return numbers
