"""Makes a cache's file as small as its tiles: a copy without free pages, swapped in when sound."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import lmdb

from tileserver.cache.datafile import DATA, LOCK, damage
from tileserver.cache.directorylock import LOCK_SECONDS, DirectoryLock
from tileserver.cache.store import TileStore
from tileserver.errors import CacheError

WATCH_SECONDS = 0.2

Report = Callable[[int, int], None]
"""Hears how many bytes of how many are copied."""


def compact(path: Path, limit: int, report: Report = lambda done, total: None) -> tuple[int, int]:
    """Rewrite the cache in a directory without its free pages; return the sizes before and after.

    Needs the directory alone and room on the disk for the copy; the old file stays until the new
    one is known to be sound and on the disk. Raises CacheError.
    """
    lock = DirectoryLock(path, LOCK_SECONDS, limit)
    try:
        if not lock.alone():
            raise CacheError(
                f"the cache in {path} is in use by another program, expected to be its only user; "
                "stop that program first"
            )
        return _compact(path, lock.map_size, report)
    except OSError as error:
        raise CacheError(
            f"the cache in {path} cannot be rewritten: {error.strerror}; it stays as it was"
        ) from None
    finally:
        lock.close()


def _compact(path: Path, map_size: int, report: Report) -> tuple[int, int]:
    data, copy = path / DATA, path / f"{DATA}.compact"
    before = data.stat().st_size if data.exists() else 0
    with contextlib.suppress(FileNotFoundError):
        copy.unlink()  # of a run that was killed
    try:
        _copy(path, map_size, copy, report)
        reason = damage(copy)
        if reason is not None:
            raise CacheError(
                f"the copy of the cache in {path} is damaged ({reason}), expected a sound one; "
                "the cache stays as it was"
            )
        with copy.open("rb+") as file:
            os.fsync(file.fileno())
        copy.replace(data)
        with contextlib.suppress(FileNotFoundError):
            (path / LOCK).unlink()
        _flush_directory(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            copy.unlink()
    return before, data.stat().st_size


def _copy(path: Path, map_size: int, copy: Path, report: Report) -> None:
    """Copy what is in use into a new file, after a look at the room on the disk."""
    store = TileStore.open(path, map_size, LOCK_SECONDS)
    try:
        total = store.pages().used_bytes
        free = shutil.disk_usage(path).free
        if free < total:
            raise CacheError(
                f"the disk of {path} has {free} bytes free, expected {total} for a copy of the "
                "cache; free some, or remove tiles with `elsewhere cache clear`"
            )
        finished = threading.Event()
        watcher = threading.Thread(target=_watch, args=(copy, total, finished, report))
        watcher.start()
        try:
            with copy.open("wb") as file:
                store.env.copyfd(file.fileno(), compact=True)
        except lmdb.Error as error:
            raise CacheError(
                f"the cache in {path} cannot be copied: {error}; it stays as it was"
            ) from None
        finally:
            finished.set()
            watcher.join()
        report(total, total)
    finally:
        store.env.close()


def _watch(copy: Path, total: int, finished: threading.Event, report: Report) -> None:
    while not finished.wait(WATCH_SECONDS):
        with contextlib.suppress(FileNotFoundError):
            report(min(copy.stat().st_size, total), total)


def _flush_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
