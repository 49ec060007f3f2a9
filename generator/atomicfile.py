"""Writes a file whole or not at all: under another name first, then in the place of the old one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_replace(
    target: Path, *, folder: Path | None = None, durable: bool = False
) -> Iterator[Path]:
    """Give a path to write to; what is there when the block ends replaces `target` in one step.

    Nobody ever sees half a file, and an older one stays as it was if the block fails. folder: where
    the new file lies until then, on the same file system; None for beside the target. durable:
    whether the disk has all bytes before the name stands for them. Raises OSError.
    """
    part = (folder or target.parent) / f".{target.name}.{os.getpid()}.part"
    try:
        yield part
        if durable:
            with part.open("rb") as file:
                os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
