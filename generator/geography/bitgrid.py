"""A file of one bit for each pixel of zoom 9, read in chunks of 512 x 512 pixels.

Layout, behind header and SHA-256 (`generator.geography.layerfile`): the length of the
index (uint32), the index (zlib: counts of set bits, uint32, then lengths of strips, uint16, of
256 x 256 chunks row by row), then the strips. All numbers are little-endian. A strip holds a chunk
in ITU-T T.6 (CCITT group 4), as one strip of a TIFF; chunks with all bits equal have none.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generator.atomicfile import atomic_replace
from generator.geography.layerfile import LayerFile, to_layer
from generator.grid.rectangle import Rectangle, pieces
from generator.grid.tile import TILE_SIZE
from generator.grid.window import rows_of

ZOOM = 9
CHUNK = 512
CHUNKS = (TILE_SIZE << ZOOM) // CHUNK
"""Chunks along each side of the world."""

Counts = NDArray[np.uint32]
Packed = NDArray[np.uint8]
"""A chunk with eight pixels in a byte, the first in its highest bit: uint8 [512, 64]."""

_KEPT = 256
_ONES = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


class BitGrid:
    """A file of bits that is open. All methods may be called by several threads."""

    def __init__(self, payload: bytes, digest: str) -> None:
        """Take a file's contents from the index on; see `of`."""
        (size,) = struct.unpack_from("<I", payload)
        index = zlib.decompress(payload[4 : 4 + size])
        chunks = CHUNKS * CHUNKS
        self.digest = digest
        self._counts = np.frombuffer(index, "<u4", chunks)
        lengths = np.frombuffer(index, "<u2", chunks, 4 * chunks).astype(np.int64)
        self._ends = np.cumsum(lengths) + 4 + size
        self._starts = self._ends - lengths
        if len(payload) != self._ends[-1]:
            raise ValueError("strips of other lengths")
        self._payload = payload
        self._decoded = lru_cache(_KEPT)(self._decode)

    @classmethod
    def of(cls, file: LayerFile, kind: str) -> BitGrid:
        """Take a file of a kind. Raises GeographyError for another kind, or a damaged one."""
        payload, digest = file.sealed(kind)
        with file.damage():
            return cls(payload, digest)

    def counts(self, zoom: int, area: Rectangle) -> Counts | None:
        """Count the bits set in each pixel of a zoom from 0 to 9: uint32 [height, width].

        area: world pixels of `zoom`; x wraps, y is mirrored. None where no bit is set.
        """
        rows = rows_of(area, zoom)
        top, bottom = int(rows.min()), int(rows.max()) + 1
        found = self._rows(zoom, Rectangle(area.x0, top, area.width, bottom - top))
        if found is None or (area.y0 == top and area.height == bottom - top):
            return found
        return found[rows - top]

    def _rows(self, zoom: int, area: Rectangle) -> Counts | None:
        """Return `counts` of a rectangle that lies within the map's upper and lower edge."""
        by = 1 << (ZOOM - zoom)
        side = CHUNK // by
        out: Counts | None = None
        for row, into_y, from_y in pieces(area.y0, area.height, side):
            for column, into_x, from_x in pieces(area.x0, area.width, side):
                chunk = row * CHUNKS + column % CHUNKS
                count = int(self._counts[chunk])
                if not count:
                    continue
                if out is None:
                    out = np.zeros((area.height, area.width), np.uint32)
                if count == CHUNK * CHUNK:
                    out[into_y, into_x] = by * by
                elif by == CHUNK:
                    out[into_y, into_x] = count
                else:
                    part = slice(from_y.start * by, from_y.stop * by)
                    out[into_y, into_x] = _summed(self._decoded(chunk)[part], by)[:, from_x]
        return out if out is not None and out.any() else None

    def _decode(self, chunk: int) -> Packed:
        strip = self._payload[int(self._starts[chunk]) : int(self._ends[chunk])]
        with Image.open(BytesIO(_tiff(strip))) as image:
            packed = np.frombuffer(image.tobytes(), np.uint8)
        return packed.reshape(CHUNK, CHUNK // 8)


def write(path: Path, kind: str, chunks: Mapping[tuple[int, int], Packed]) -> None:
    """Write a file of bits; chunks: those with any bit set, by (row, column)."""
    counts = np.zeros(CHUNKS * CHUNKS, "<u4")
    lengths = np.zeros(CHUNKS * CHUNKS, "<u2")
    strips = []
    for (row, column), packed in sorted(chunks.items()):
        chunk = row * CHUNKS + column
        counts[chunk] = _ONES[packed].sum()
        if 0 < counts[chunk] < CHUNK * CHUNK:
            strips.append(_strip(packed))
            lengths[chunk] = len(strips[-1])
    index = zlib.compress(counts.tobytes() + lengths.tobytes(), 9)
    payload = struct.pack("<I", len(index)) + index + b"".join(strips)
    with atomic_replace(path) as part:
        part.write_bytes(to_layer(kind, payload, sealed=True))


def _summed(packed: Packed, by: int) -> Counts:
    """Count bits in squares of by x by pixels, uint8 [h, 64] to [h / by, 512 / by]."""
    sums = np.unpackbits(packed, axis=1) if by < 8 else _ONES[packed]
    sums = sums.astype(np.uint16)
    for _ in range(by.bit_length() - 1):
        sums = sums[0::2] + sums[1::2]
    counts: Counts = sums.astype(np.uint32)
    while counts.shape[1] > CHUNK // by:
        counts = counts[:, 0::2] + counts[:, 1::2]
    return counts


def _tiff(strip: bytes) -> bytes:
    """Put a strip behind the header of a TIFF file of one strip."""
    tags = (
        (256, CHUNK), (257, CHUNK), (258, 1), (259, 4), (262, 1), (273, 8 + 2 + 8 * 12 + 4),
        (278, CHUNK), (279, len(strip)),
    )  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    return struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + entries + bytes(4) + strip


def _strip(packed: Packed) -> bytes:
    """Return a chunk in ITU-T T.6."""
    image = Image.frombytes("1", (CHUNK, CHUNK), packed.tobytes())
    file = BytesIO()
    image.save(file, "TIFF", compression="group4", tiffinfo={278: CHUNK})
    with Image.open(file) as written:
        (offset,), (length,) = written.tag_v2[273], written.tag_v2[279]  # type: ignore[attr-defined]
    return file.getvalue()[offset : offset + length]
