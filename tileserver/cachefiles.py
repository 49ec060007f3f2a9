"""The files of a cache directory before LMDB maps them: lock, check, and set damage aside.

LMDB trusts its file: a truncated one ends the process by SIGBUS. So nobody opens `data.mdb` before
whoever is alone in the directory has checked it without mapping it; damage is renamed, not deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import struct
import time
from collections.abc import Callable
from pathlib import Path

from lmdb.verify import VerifyError, verify

from tileserver.errors import CacheError

DATA = "data.mdb"
LOCK = "lock.mdb"
OWN_LOCK = "elsewhere.lock"

WALK_LIMIT = 4 << 30
"""Above this many bytes only the heads and the length are checked (a walk takes 0.1 s per GB)."""

_HEAD = struct.Struct("=16xI20xI92xQQ")
"""A head page: magic, page size, last page, transaction."""

_MAGIC = 0xBEEFC0DE

LOCK_SECONDS = 5.0

_verify: Callable[[str, bool], list[str]] = verify

log = logging.getLogger("elsewhere")


class DirectoryLock:
    """Holds a cache directory, shared with other programs of this kind. Raises CacheError."""

    def __init__(self, directory: Path, patience: float = LOCK_SECONDS) -> None:
        self.directory = directory
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = os.open(directory / OWN_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise CacheError(
                f"the cache directory {directory} cannot be written ({error.strerror}), "
                "expected a directory that may be written; give another with --cache"
            ) from None
        try:
            self._enter(patience)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let the directory go; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _enter(self, patience: float) -> None:
        if self._take(fcntl.LOCK_EX):
            check_or_set_aside(self.directory)
        deadline = time.monotonic() + patience
        while not self._take(fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                raise CacheError(
                    f"the cache directory {self.directory} is locked by another program, "
                    "expected it to be free or shared; stop that program or give another --cache"
                )
            time.sleep(0.02)

    def _take(self, kind: int) -> bool:
        try:
            fcntl.flock(self._file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise CacheError(
                f"the cache directory {self.directory} cannot be locked ({error.strerror}), "
                "expected a local file system; give another with --cache"
            ) from None
        return True


def check_or_set_aside(directory: Path) -> Path | None:
    """Rename a damaged data file so that a new one can start; return its new name.

    Call it only when no other program has the directory open. Raises CacheError.
    """
    data = directory / DATA
    try:
        reason = damage(data)
        if reason is None:
            return None
        aside = _free_name(directory)
        data.rename(aside)
        with contextlib.suppress(FileNotFoundError):
            (directory / LOCK).unlink()
    except OSError as error:
        raise CacheError(
            f"the cache file {data} cannot be checked ({error.strerror}), expected a readable file"
        ) from None
    log.warning(
        "the cache file %s is damaged (%s); it was renamed to %s and a new cache was started",
        data,
        reason,
        aside.name,
    )
    return aside


def damage(data: Path) -> str | None:
    """Return what is wrong with an LMDB data file, or None if it is sound, empty or absent."""
    try:
        size = data.stat().st_size
    except FileNotFoundError:
        return None
    if size == 0:
        return None
    try:
        found = _verify(str(data), False) if size <= WALK_LIMIT else _shortage(data, size)
    except VerifyError as error:
        return str(error)
    except (struct.error, ValueError, IndexError, OverflowError, RecursionError) as error:
        return f"its structure cannot be read: {error}"
    return found[0] if found else None


def _shortage(data: Path, size: int) -> list[str]:
    """Return what is wrong with a large file's two heads or its length (64-bit LMDB 0.9)."""
    with data.open("rb") as file:
        first = file.read(_HEAD.size)
        magic, page, _, _ = _HEAD.unpack(first)
        file.seek(page)
        heads = [_HEAD.unpack(first), _HEAD.unpack(file.read(_HEAD.size))]
    if any(head[0] != _MAGIC for head in heads):
        return [f"not an LMDB file: it starts with {magic:#x}"]
    last_page, _ = max((head[2:] for head in heads), key=lambda head: head[1])
    wanted = (last_page + 1) * page
    return [f"{size} bytes long, expected {wanted}"] if size < wanted else []


def _free_name(directory: Path) -> Path:
    number = 1
    while (aside := directory / f"{DATA}.damaged-{number}").exists():
        number += 1
    return aside
