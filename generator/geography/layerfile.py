"""Files of layers: 8 bytes that name the format, 8 that name the kind, then what the kind says."""

from __future__ import annotations

import contextlib
import lzma
from collections.abc import Iterator
from pathlib import Path

from generator.grid.errors import GeographyError

MAGIC = b"ELSWGEO1"
"""The first bytes of every layer's file."""


def to_layer(kind: str, body: bytes) -> bytes:
    """Return the bytes of a file of a kind, a name of at most 8 ASCII letters."""
    return MAGIC + kind.encode("ascii").ljust(8) + body


def read_layer(path: Path, kind: str) -> bytes:
    """Return what follows a file's first 16 bytes.

    Raises GeographyError if the file is missing or of another kind.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise GeographyError(f"cannot read the layer {path}: {error}") from error
    if data[:16] != to_layer(kind, b""):
        raise GeographyError(f"{path} is no layer of the kind {kind!r}")
    return data[16:]


@contextlib.contextmanager
def damage(path: Path) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into one sentence."""
    try:
        yield
    except (ValueError, IndexError, lzma.LZMAError, EOFError, OverflowError) as error:
        raise GeographyError(f"the layer {path} is damaged or cut short: {error}") from error
