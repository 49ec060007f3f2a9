"""How a command ends when it is told to: one line and status 130, whatever it was doing.

Ctrl-C and SIGTERM are one request. The first raises KeyboardInterrupt in the main thread, so that
files are closed and what is half written is removed; what comes within moments is the same request.
Nothing heavy is imported here: this has to be there before anything that is.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

STATUS = 130
"""Exit status of a command that was told to stop."""

KINDS = (signal.SIGINT, signal.SIGTERM)

INSIST_SECONDS = 2.0
"""So long after the first a signal no longer waits for what is being closed."""

AGAIN_SECONDS = 0.02
"""When a request that was lost on code that lets no exception out is raised again."""


def command(run: Callable[[], int], stopped: str = "Stopped.") -> int:
    """Run a program's command and return its exit status, 130 if it was told to stop.

    stopped: the line that says so, on standard error, unless `run` says it and returns 130 itself.
    To be called once, by the main thread, at a program's very beginning; afterwards the program
    can only end.
    """
    request = _StopRequest()
    for kind in KINDS:
        signal.signal(kind, request.hear)
    sys.unraisablehook = request.lost
    try:
        return run()
    except BaseException:
        if not request.heard:
            raise
        # KeyboardInterrupt, or what a library that was being imported has made of it.
    finally:
        request.over()
        # If the interrupt passed through an `exec` of text, as in `dataclasses`, Python would end
        # by SIGINT whatever is returned here; the next one makes it forget that.
        exec("")
    say(stopped)
    return STATUS


def say(line: str) -> None:
    """Print a line on standard error, which may be gone."""
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def outlive() -> None:
    """Leave Ctrl-C and SIGTERM, which reach all processes of a group, to the one that leads it."""
    for kind in KINDS:
        signal.signal(kind, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, KINDS)


class _StopRequest:
    """The request to stop. heard: when, on the monotonic clock, it came first; 0.0 until then."""

    def __init__(self) -> None:
        self.heard = 0.0
        self._over = False
        self._report = sys.unraisablehook

    def over(self) -> None:
        """Let nothing disturb the program's end, while Python takes itself down."""
        for kind in KINDS:
            signal.signal(kind, signal.SIG_IGN)
        self._over = True

    def hear(self, number: int, frame: FrameType | None) -> None:
        """Take a signal."""
        now = time.monotonic()
        if not self.heard:
            self.heard = now
            raise KeyboardInterrupt
        if now - self.heard > INSIST_SECONDS:
            say("Stopped at once.")
            os._exit(STATUS)

    def lost(self, unraisable: UnraisableHookArgs) -> None:
        """Raise the request again later where Python had to drop it, as in `__del__`."""
        if unraisable.exc_type is not KeyboardInterrupt:
            self._report(unraisable)
            return
        again = threading.Timer(AGAIN_SECONDS, self._raise_again)
        again.daemon = True
        again.start()

    def _raise_again(self) -> None:
        if not self._over:
            self.heard = 0.0
            os.kill(os.getpid(), signal.SIGINT)  # not raise_signal, which would wake this thread
