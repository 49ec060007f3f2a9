"""Files of layers: 8 bytes that name the format, 8 that name the kind, then what the kind says.

Water and lines begin what follows with the SHA-256 of their rest.
"""

from __future__ import annotations

import contextlib
import hashlib
import lzma
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from generator.grid.errors import GeographyError

MAGIC = b"ELSWGEO1"
"""The first bytes of every layer's file."""

_HEADER = 16
_SEAL = hashlib.sha256().digest_size
_UNPACKING = (lzma.LZMAError, zlib.error, struct.error)


def to_layer(kind: str, body: bytes, sealed: bool = False) -> bytes:
    """Return the bytes of a file of a kind, a name of at most 8 ASCII letters."""
    seal = hashlib.sha256(body).digest() if sealed else b""
    return MAGIC + kind.encode("ascii").ljust(8) + seal + body


@dataclass(frozen=True)
class LayerFile:
    """A file of a layer that was read.

    name: what errors call it; named: the SHA-256 of `data` where an index rightly names it.
    """

    name: str
    data: bytes
    named: str | None = None

    @classmethod
    def read(cls, path: Path, named: str | None = None) -> LayerFile:
        """Read a file. Raises GeographyError where it is missing, or not what an index names."""
        try:
            found = cls(str(path), path.read_bytes(), named)
        except OSError as error:
            reason = error.strerror or error
            raise GeographyError(
                f"the layer {path} cannot be read ({reason}), expected a file"
            ) from None
        if named is not None and (digest := hashlib.sha256(found.data).hexdigest()) != named:
            raise GeographyError(
                f"the layer {path} is damaged: its SHA-256 begins {digest[:8]}, "
                f"expected {named[:8]}"
            )
        return found

    @cached_property
    def digest(self) -> str:
        """The hexadecimal SHA-256 of the whole file."""
        return self.named or hashlib.sha256(self.data).hexdigest()

    def body(self, kind: str) -> bytes:
        """Return what follows the header. Raises GeographyError for a file of another kind."""
        if self.data[: len(MAGIC)] != MAGIC:
            raise GeographyError(f"{self.name} is no layer of geography, expected one of {kind!r}")
        if self.data[:_HEADER] != to_layer(kind, b""):
            given = self.data[len(MAGIC) : _HEADER].decode("ascii", "replace").strip()
            raise GeographyError(f"{self.name} is a layer of {given!r}, expected one of {kind!r}")
        return self.data[_HEADER:]

    def sealed(self, kind: str) -> tuple[bytes, str]:
        """Return what follows header and SHA-256, and that; it is compared unless an index was.

        Raises GeographyError for a file of another kind, and for one that is damaged.
        """
        body = self.body(kind)
        seal, rest = body[:_SEAL], body[_SEAL:]
        with self.damage():
            if self.named is None and hashlib.sha256(rest).digest() != seal:
                raise ValueError("its content has another SHA-256")
        return rest, seal.hex()

    @contextlib.contextmanager
    def damage(self) -> Iterator[None]:
        """Turn whatever reading a damaged file raises into one sentence."""
        try:
            yield
        except (ValueError, IndexError, OverflowError, EOFError, *_UNPACKING) as error:
            raise GeographyError(
                f"{self.name} is damaged or cut short ({error}), expected a whole layer"
            ) from error
