"""Ranges of bytes of a file, on this machine or behind a URL, as long as it stays the same file."""

from __future__ import annotations

import os
import re
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from tileserver.errors import ArchiveDamagedError, ArchiveError, shortened
from tileserver.settings import ARCHIVE_URL

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
"""How long a connection may take, and the next bytes of an answer."""

CONNECTIONS = 8
"""Connections to the server of an archive, and so ranges that are read at a time."""

START_BYTES = 16384
"""What is read of a remote file at first: PMTiles has its header and root directory in there."""

_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.ASCII)


class ByteRanges(Protocol):
    """A file of which parts can be read, by several threads.

    name: for messages. size: bytes of the file. modified: Unix second of its last change. remote:
    whether reading waits for another machine.
    """

    name: str
    size: int
    modified: int
    remote: bool

    def read(self, offset: int, length: int) -> bytes:
        """Return just these bytes. Raises ArchiveError."""

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""


def open_ranges(place: str) -> ByteRanges:
    """Open a file by its path or its http(s) URL. Raises ArchiveError."""
    return UrlRanges(place) if ARCHIVE_URL.fullmatch(place) else FileRanges(Path(place))


class FileRanges:
    """Ranges of a file of this machine. One that is replaced is read on until it is closed."""

    remote = False

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._state = os.fstat(self._file)
        except OSError as error:
            raise self._unreadable(error) from None
        self.size, self.modified = self._state.st_size, int(self._state.st_mtime)

    def read(self, offset: int, length: int) -> bytes:
        """Return just these bytes. Raises ArchiveError, also when the file was written to."""
        try:
            now = os.fstat(self._file)
            data = os.pread(self._file, length, offset)
        except OSError as error:
            raise self._unreadable(error) from None
        if (now.st_size, now.st_mtime_ns) != (self._state.st_size, self._state.st_mtime_ns):
            raise ArchiveError(f"the archive {self.name} was changed since the server started")
        return _whole(data, length, self.name)

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _unreadable(self, error: OSError) -> ArchiveError:
        return ArchiveError(
            f"the archive {self.name} cannot be read ({error.strerror}), expected a PMTiles file"
        )


class UrlRanges:
    """Ranges of a file behind a URL, by HTTP range requests over kept connections.

    Redirects are not followed, compressed answers not taken. The file's length and its ETag or
    date are those of the first answer from then on: other ones are another file's.
    """

    remote = True

    def __init__(self, url: str) -> None:
        self._url, self.name = url, url.partition("?")[0]  # what follows may be a signature
        self._urllib3: Any = _urllib3(self.name)
        self._pool = self._urllib3.PoolManager(
            maxsize=CONNECTIONS,
            block=True,
            timeout=self._urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
            # A kept connection may have been closed by the other side meanwhile.
            retries=self._urllib3.Retry(total=1, redirect=0, status=0, other=0, backoff_factor=0),
        )
        self.size, self.modified, self._tag = 0, 0, ""
        self._start = self._get(0, START_BYTES)

    def read(self, offset: int, length: int) -> bytes:
        """Return just these bytes. Raises ArchiveError."""
        if offset + length <= len(self._start):
            return self._start[offset : offset + length]
        if offset + length > self.size:
            return _whole(b"", length, self.name)
        return _whole(self._get(offset, length), length, self.name)

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._pool.clear()

    def _get(self, offset: int, length: int) -> bytes:
        """Ask for a range; at the end of the file less may come."""
        headers = {"range": f"bytes={offset}-{offset + length - 1}", "accept-encoding": "identity"}
        try:
            answer = self._pool.request(
                "GET", self._url, headers=headers, preload_content=False, redirect=False
            )
            try:
                count = self._check(answer, offset, length)
                data = bytes(answer.read(length + 1, decode_content=False))
            finally:
                answer.close() if answer.length_remaining else answer.release_conn()
        except (self._urllib3.exceptions.HTTPError, OSError) as error:
            reason = shortened(type(error).__name__)
            raise ArchiveError(f"the archive {self.name} cannot be reached ({reason})") from None
        if len(data) != count:
            raise ArchiveError(f"the archive {self.name} was answered with half of what was asked")
        return data

    def _check(self, answer: Any, offset: int, length: int) -> int:
        """Return how many bytes an answer has: those asked for, of the same file as before.

        Raises ArchiveError where that is not so.
        """
        if answer.status != 206:
            raise ArchiveError(
                f"the archive {self.name} was answered with status {answer.status}, expected 206: "
                "range requests, no redirect"
            )
        place = _RANGE.fullmatch(answer.headers.get("content-range", ""))
        first, last, size = (int(number) for number in place.groups()) if place else (0, 0, 0)
        asked = (offset, min(offset + length, size) - 1)
        if (first, last) != asked or "content-encoding" in answer.headers:
            raise ArchiveError(f"the archive {self.name} was answered with other bytes than asked")
        dated = answer.headers.get("last-modified", "")
        tag = answer.headers.get("etag", "") or dated
        if not self.size:
            self.size, self._tag, self.modified = size, tag, _seconds(dated)
        elif (size, tag) != (self.size, self._tag):
            raise ArchiveError(f"the archive {self.name} was changed since the server started")
        return last - first + 1


def _whole(data: bytes, length: int, name: str) -> bytes:
    if len(data) != length:
        raise ArchiveDamagedError(
            f"the archive {name} has {len(data)} bytes where {length} are needed: it is cut off"
        )
    return data


def _seconds(date: str) -> int:
    try:
        return max(0, int(parsedate_to_datetime(date).timestamp()))
    except (ValueError, OverflowError):
        return 0


def _urllib3(name: str) -> ModuleType:
    try:
        import urllib3
    except ImportError:
        raise ArchiveError(
            f"reading the archive {name} needs urllib3: install elsewhere[archive]"
        ) from None
    return urllib3
