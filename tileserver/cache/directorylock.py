"""The lock on a cache directory: shared by programs, checked by whoever is alone in it.

Nobody opens `data.mdb` before whoever is alone has checked it, or after it was cut off in use.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from pathlib import Path

from tileserver.cache.datafile import DATA, check_in_use, check_or_set_aside
from tileserver.errors import CacheError

OWN_LOCK = "elsewhere.lock"

LOCK_SECONDS = 5.0

GRAIN = 1 << 16
"""Limits and maps are multiples of this many bytes: whole pages on every machine."""

UNCLEAN = 3
"""Starts without a clean end, or a start that went well, after which files of any length are
walked."""

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
        self.limit = self.map_size = -(-limit // GRAIN) * GRAIN
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

    def approve(self) -> None:
        """Note that the start went well: whoever is killed after that need not be suspected."""
        self._note(0)

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


def _map_size(directory: Path, limit: int) -> int:
    """Return the limit, or more for a longer file: removing tiles from it takes some pages too."""
    try:
        size = (directory / DATA).stat().st_size
    except OSError:
        return limit
    return limit if size <= limit else -(-(size + size // 16 + GRAIN) // GRAIN) * GRAIN
