"""Claims: which of the processes that share a cache directory makes a block.

A claim is a lock on one byte of a file, at an offset that stands for (world, block). The kernel
keeps it, so it ends with the process that holds it, however that dies. Take a claim after the block
was not found in the cache, look again, make and store it, then release.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import struct
import threading
from pathlib import Path

from generator.grid.block import Block
from tileserver.errors import CacheError

FILE = "claims.lock"

_OFFSETS = 1 << 62
_FLOCK = struct.Struct("@hhqqi")
"""Linux' struct flock: type, whence, start, length, process."""

_TAKEN = {errno.EACCES, errno.EAGAIN}


class Claim:
    """One block that this process makes; leaving the `with` block or `release` gives it back."""

    def __init__(self, claims: Claims, offset: int) -> None:
        self._claims = claims
        self._offset = offset

    def release(self) -> None:
        """Let others make the block; a second call does nothing."""
        self._claims._release(self._offset)
        self._offset = -1

    def __enter__(self) -> Claim:
        """Return the claim."""
        return self

    def __exit__(self, *_: object) -> None:
        """Release the claim."""
        self.release()


class Claims:
    """The claims of one part of a program on the blocks of a cache directory; any thread may ask.

    Two objects exclude each other, in one process too. Raises CacheError if the directory cannot
    be used.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FILE
        self._lock = threading.Lock()
        self._held: set[int] = set()
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: _Locks | None = _open(self.path)
        except OSError as error:
            raise CacheError(
                f"the file {self.path} cannot be opened ({error.strerror}), "
                "expected a cache directory that may be written"
            ) from None

    def take(self, world: bytes, block: Block) -> Claim | None:
        """Claim a block of a world (its 16-byte fingerprint); None while somebody else has it."""
        offset = offset_of(world, block)
        with self._lock:
            if offset in self._held or self._file is None:
                return None
            try:
                taken = self._file.lock(offset)
            except OSError as error:
                raise CacheError(
                    f"the file {self.path} cannot be locked ({error.strerror}), "
                    "expected a local file system"
                ) from None
            if not taken:
                return None
            self._held.add(offset)
        return Claim(self, offset)

    def none(self) -> Claim:
        """Return a claim on nothing, for who goes on where the file system has no locks."""
        return Claim(self, -1)

    def close(self) -> None:
        """Release every claim; a second call does nothing."""
        with self._lock:
            if self._file is not None:
                self._file.close(self._held)
            self._file = None
            self._held.clear()

    def _release(self, offset: int) -> None:
        with self._lock:
            if offset in self._held and self._file is not None:
                self._held.discard(offset)
                self._file.unlock(offset)


def offset_of(world: bytes, block: Block) -> int:
    """Return the byte that stands for a block of a world."""
    top = block.top
    text = world + struct.pack(">BQQ", top.z, top.x, top.y)
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") % _OFFSETS


class _DescriptionLocks:
    """Locks of an open file description: Linux' own, which know nothing of processes."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def lock(self, offset: int) -> bool:
        try:
            self._set(fcntl.F_WRLCK, offset)
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
        return True

    def unlock(self, offset: int) -> None:
        self._set(fcntl.F_UNLCK, offset)

    def close(self, held: set[int]) -> None:
        os.close(self._file)

    def _set(self, kind: int, offset: int) -> None:
        wanted = _FLOCK.pack(kind, os.SEEK_SET, offset, 1, 0)
        fcntl.fcntl(self._file, fcntl.F_OFD_SETLK, wanted)


class _ProcessLocks:
    """Locks of a process, for systems without the better ones.

    They do not exclude anything within the process, and closing the file once ends them all; so
    every object of a process shares one file that stays open, and a set of what is locked.
    """

    _files: dict[Path, tuple[int, set[int]]] = {}
    _guard = threading.Lock()

    def __init__(self, path: Path) -> None:
        with self._guard:
            if path not in self._files:
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                self._files[path] = (file, set())
            self._file, self._locked = self._files[path]

    def lock(self, offset: int) -> bool:
        with self._guard:
            if offset in self._locked:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
            except OSError as error:
                if error.errno in _TAKEN:
                    return False
                raise
            self._locked.add(offset)
            return True

    def unlock(self, offset: int) -> None:
        with self._guard:
            self._locked.discard(offset)
            with contextlib.suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)

    def close(self, held: set[int]) -> None:
        for offset in held:
            self.unlock(offset)


_Locks = _DescriptionLocks | _ProcessLocks


def _open(path: Path) -> _Locks:
    return _DescriptionLocks(path) if hasattr(fcntl, "F_OFD_SETLK") else _ProcessLocks(path)
