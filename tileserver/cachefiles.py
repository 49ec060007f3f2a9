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

import lmdb
from lmdb.verify import VerifyError, verify

from tileserver.errors import CacheDamagedError, CacheError

DATA = "data.mdb"
LOCK = "lock.mdb"
OWN_LOCK = "elsewhere.lock"

MARK = b"format"
FORMAT = b"elsewhere tile cache 2"
"""What stands under MARK in a cache that this version reads and writes."""

GRAIN = 1 << 16
"""Limits and maps are multiples of this many bytes: whole pages on every machine."""

TABLES = (b"tiles", b"blobs", b"counts", b"variants", b"worlds", b"pins")

OTHER_FORMATS = b"elsewhere tile cache "

WALK_LIMIT = 2 << 30
"""Above this many bytes only the heads and the length are checked (a walk takes 0.1 s per GB for
tiles of 80 kB) unless the last programs here did not close the cache."""

UNCLEAN = 3
"""Starts without a clean end in between after which files of any length are walked."""

MISSING_LIMIT = 16 << 20
"""Bytes that a file in use may seem to lack: more than the pages of one commit."""

_HEAD = struct.Struct("=16xI20xI92xQQ")
"""A head page: magic, page size, last page, transaction."""

_MAGIC = 0xBEEFC0DE

LOCK_SECONDS = 5.0

_verify: Callable[[str, bool], list[str]] = verify

log = logging.getLogger("elsewhere")


class DirectoryLock:
    """Holds a cache directory, shared with other programs of this kind. Raises CacheError.

    limit: bytes that the data file may reach. Whoever comes into an empty directory sets it for
    all, since LMDB needs the same map in every program: `limit` then says what holds, `map_size`
    how many bytes to map.
    """

    def __init__(
        self, directory: Path, patience: float = LOCK_SECONDS, limit: int = 1 << 30
    ) -> None:
        self.directory = directory
        self.limit = self.map_size = limit
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
            self._let_go()
            raise

    def close(self) -> None:
        """Let the directory go; a second call does nothing."""
        if self._file >= 0:
            with contextlib.suppress(CacheError):
                if self._take(fcntl.LOCK_EX):
                    self._note(0)
            self._let_go()

    def alone(self) -> bool:
        """Take the directory for this program alone until `close`; say whether that was possible.

        A program that fails to get it keeps sharing it.
        """
        if self._take(fcntl.LOCK_EX):
            return True
        self._take(fcntl.LOCK_SH)
        return False

    def _enter(self, patience: float) -> None:
        if self._take(fcntl.LOCK_EX):
            starts = self._noted()[2] + 1
            self._note(starts)
            check_or_set_aside(self.directory, starts > UNCLEAN)
            self.map_size = _map_size(self.directory, self.limit)
            self._note(starts)
        deadline = time.monotonic() + patience
        while not self._take(fcntl.LOCK_SH):
            if time.monotonic() > deadline:
                raise CacheError(
                    f"the cache directory {self.directory} is locked by another program, "
                    "expected it to be free or shared; stop that program or give another --cache"
                )
            time.sleep(0.02)
        limit, map_size, _ = self._noted()
        if limit:
            if limit != self.limit:
                log.warning(
                    "the cache in %s is in use with a limit of %d bytes, which holds instead of %d",
                    self.directory,
                    limit,
                    self.limit,
                )
            self.limit, self.map_size = limit, map_size
        check_in_use(self.directory)

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

    def _note(self, starts: int) -> None:
        """Write down what `_noted` reads; a full disk may prevent it."""
        with contextlib.suppress(OSError):
            numbers = (self.limit, self.map_size, starts)
            os.pwrite(self._file, b"%20d %20d %10d\n" % numbers, 0)

    def _noted(self) -> tuple[int, int, int]:
        """Return the limit and the map agreed upon, 0 if none, and the starts since a clean end."""
        try:
            limit, map_size, starts = map(int, os.pread(self._file, 99, 0).split())
        except (OSError, ValueError):
            return 0, 0, 0
        return limit, map_size, starts

    def _let_go(self) -> None:
        os.close(self._file)
        self._file = -1


def check_or_set_aside(directory: Path, thorough: bool = False) -> Path | None:
    """Rename a data file that is damaged or of another version so that a new one can start.

    Return its new name. Call it only when no other program has the directory open. thorough: walk
    the file however long it is. Raises CacheError.
    """
    data = directory / DATA
    try:
        reason, ending = damage(data, thorough), "damaged"
        if reason is None:
            try:
                reason, ending = _other_format(data), "old"
            except lmdb.Error as error:
                reason = str(error)
        if reason is None:
            return None
        aside = _free_name(directory, ending)
        data.rename(aside)
        with contextlib.suppress(FileNotFoundError):
            (directory / LOCK).unlink()
    except OSError as error:
        raise CacheError(
            f"the cache file {data} cannot be checked ({error.strerror}), expected a readable file"
        ) from None
    log.warning(
        "the cache file %s is %s (%s); it was renamed to %s and a new cache was started",
        data,
        "damaged" if ending == "damaged" else "of another version",
        reason,
        aside.name,
    )
    return aside


def check_in_use(directory: Path) -> None:
    """Raise CacheDamagedError if the data file, in use by others or not, was cut off."""
    data = directory / DATA
    try:
        size = data.stat().st_size
        missing = _missing(data) if size else 0
    except (OSError, struct.error, VerifyError):
        return
    if missing > MISSING_LIMIT or 4 * missing > size + missing:
        raise CacheDamagedError(
            f"the cache file {data} was cut off while in use ({missing} bytes are missing), "
            "expected it to be left alone; stop every program that uses it, then start again"
        )


def damage(data: Path, thorough: bool = False) -> str | None:
    """Return what is wrong with an LMDB data file, or None if it is sound, empty or absent."""
    try:
        size = data.stat().st_size
    except FileNotFoundError:
        return None
    if size == 0:
        return None
    try:
        walk = thorough or size <= WALK_LIMIT or _missing(data) > 0
        found = _verify(str(data), False) if walk else []
    except VerifyError as error:
        return str(error)
    except (ArithmeticError, LookupError, ValueError, RecursionError, MemoryError) as error:
        return f"its structure cannot be read: {error}"
    except struct.error as error:
        return f"its structure cannot be read: {error}"
    return found[0] if found else None


def _missing(data: Path) -> int:
    """Return by how many bytes a file is shorter than its heads say (64-bit LMDB 0.9).

    A few are no damage: pages at the end that were free again when they would have been written.
    Raises VerifyError if it has no two heads.
    """
    with data.open("rb") as file:
        first = file.read(_HEAD.size)
        magic, page, _, _ = _HEAD.unpack(first)
        if magic != _MAGIC or not 256 <= page <= 1 << 16:
            raise VerifyError(f"not an LMDB file: it starts with {magic:#x}")
        file.seek(page)
        heads = [_HEAD.unpack(first), _HEAD.unpack(file.read(_HEAD.size))]
        size = os.fstat(file.fileno()).st_size
    if heads[1][0] != _MAGIC:
        raise VerifyError("its second head is not LMDB's")
    newest = max(heads, key=lambda head: int(head[3]))
    return max(0, (int(newest[2]) + 1) * int(page) - size)


def _other_format(data: Path) -> str | None:
    """Return what makes a tile cache useless to this program, or None for all else."""
    if not data.exists() or not data.stat().st_size:
        return None
    with lmdb.open(str(data), subdir=False, readonly=True, lock=False) as env, env.begin() as txn:
        mark = txn.get(MARK, b"")
        known = sum(txn.get(name) is not None for name in TABLES)
    if mark == FORMAT or not (mark.startswith(OTHER_FORMATS) or known > 2):
        return None
    return f"its mark is {mark!r}, expected {FORMAT!r}"


def _map_size(directory: Path, limit: int) -> int:
    """Return the limit, or more for a longer file: removing tiles from it takes some pages too."""
    try:
        size = (directory / DATA).stat().st_size
    except OSError:
        return limit
    return limit if size <= limit else -(-(size + size // 16 + GRAIN) // GRAIN) * GRAIN


def _free_name(directory: Path, ending: str) -> Path:
    number = 1
    while (aside := directory / f"{DATA}.{ending}-{number}").exists():
        number += 1
    return aside
