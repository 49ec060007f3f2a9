"""How threads that evaluate a network at the same time share the processor and its memory."""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class SharedCores:
    """Gives each of several threads its part of torch's threads; results do not depend on it.

    count: torch's threads in the thread that makes this, which has as many as it sets itself;
    others begin with as many.
    """

    def __init__(self) -> None:
        self.count = torch.get_num_threads()
        self._maker = threading.get_ident()
        self._lock = threading.Lock()
        self._sharing = 0

    @contextmanager
    def share(self) -> Iterator[None]:
        """Have a part of the cores until the end of the block."""
        own = threading.get_ident() == self._maker
        whole = torch.get_num_threads() if own else self.count
        with self._lock:
            self._sharing += 1
            part = max(1, whole // self._sharing)
        torch.set_num_threads(part)
        try:
            yield
        finally:
            with self._lock:
                self._sharing -= 1
            torch.set_num_threads(whole)


_M_ARENA_MAX = -8
"""Of mallopt(3) in the GNU C library."""


def share_memory() -> None:
    """Let all threads take memory from one arena, where the C library can be told so.

    With one for each thread a process keeps what every thread once held: with two threads that
    compute blocks 1.3 GiB instead of 1.05.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)
