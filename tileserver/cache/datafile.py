"""The data file of a cache before LMDB maps it: checked, and set aside when it is damaged.

LMDB trusts its file: a truncated one ends the process by SIGBUS. So the file is checked without
mapping it; what is damaged is renamed, not deleted.
"""

from __future__ import annotations

import contextlib
import logging
import os
import struct
from collections.abc import Callable
from pathlib import Path

import lmdb
from lmdb.verify import VerifyError, verify

from tileserver.errors import CacheDamagedError, CacheError

DATA = "data.mdb"
LOCK = "lock.mdb"

MARK = b"format"
FORMAT = b"elsewhere tile cache 2"
"""What stands under MARK in a cache that this version reads and writes."""

TABLES = (b"tiles", b"blobs", b"counts", b"variants", b"worlds", b"pins")

OTHER_FORMATS = b"elsewhere tile cache "

WALK_LIMIT = 1 << 30
"""Above this many bytes only the heads and the length are checked, unless the programs before ended
badly: a walk takes 1 s per GB where tiles have 20 kB, and a fourth of it where they have 80 kB."""

MISSING_LIMIT = 16 << 20
"""Bytes that a file in use may seem to lack: more than the pages of one commit."""

_HEAD = struct.Struct("=16xI20xI92xQQ")
"""A head page: magic, page size, last page, transaction."""

_MAGIC = 0xBEEFC0DE

_UNREADABLE = (
    ArithmeticError, LookupError, ValueError, RecursionError, MemoryError, struct.error
)  # fmt: skip
"""What walking a damaged structure may raise."""

_verify: Callable[[str, bool], list[str]] = verify

log = logging.getLogger("elsewhere")


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
    except _UNREADABLE as error:
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


def _free_name(directory: Path, ending: str) -> Path:
    number = 1
    while (aside := directory / f"{DATA}.{ending}-{number}").exists():
        number += 1
    return aside
