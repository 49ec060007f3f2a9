"""The private folder with the socket over which web processes and the generator process talk."""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tileserver.errors import StartError

SOCKET = "generator.socket"
"""Name of the socket in the folder."""

BACKLOG = 128


@contextlib.contextmanager
def open_runtime_dir() -> Iterator[tuple[Path, socket.socket]]:
    """Give a new folder and the listening socket in it; both go afterwards.

    The folder lies where there is room, since a disk may be full. Who is killed leaves it to the
    other processes. Raises StartError.
    """
    with contextlib.ExitStack() as stack:
        for place in _places():
            try:
                opened = _open(place, stack)
                break
            except OSError as error:
                reason = error.strerror or str(error)
        else:
            raise StartError(
                f"the server needs a folder for a socket of its own and can make none ({reason}), "
                "expected room in the folder for temporary files; give another by TMPDIR"
            )
        yield opened


def _places() -> list[str | None]:
    """Return where to try, None for the folder of temporary files."""
    return [None, *filter(None, (os.environ.get("XDG_RUNTIME_DIR"), "/dev/shm"))]


def _open(place: str | None, stack: contextlib.ExitStack) -> tuple[Path, socket.socket]:
    with contextlib.ExitStack() as opened:
        made = tempfile.TemporaryDirectory(
            prefix="elsewhere-", dir=place, ignore_cleanup_errors=True
        )
        directory = Path(opened.enter_context(made))
        listener = opened.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(directory / SOCKET))
        listener.listen(BACKLOG)
        stack.push(opened.pop_all())
        return directory, listener
