"""A command on a terminal of its own, and signals to all of its processes, for tests."""

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 120.0


class Ended(NamedTuple):
    """How a command ended: its status, what the terminal showed before and after the signals."""

    status: int
    before: str
    after: str


class Terminal:
    """Runs `python *words` as the leader of a session, with a terminal for all it says."""

    def __init__(self, *words: str, cwd: Path = ROOT) -> None:
        self._shown, theirs = pty.openpty()
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, *words], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd,
            env=os.environ | {"PYTHONPATH": path}, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        self._text = b""
        self._open = True

    def until(self, mark: str) -> None:
        """Wait until the terminal shows something."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while mark.encode() not in self._text:
            assert self._open, f"it ended without {mark!r}: {self._text!r}"
            self._read(deadline)

    def end(self, *kinds: signal.Signals) -> Ended:
        """Send signals to every process of the group, one after the other; wait for the end."""
        before = len(self._text)
        for number, kind in enumerate(kinds):
            if number:
                time.sleep(0.05)
            os.killpg(self.process.pid, kind)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._open:
            self._read(deadline)
        status = self.process.wait(PATIENCE_SECONDS)
        shown = [part.decode() for part in (self._text[:before], self._text[before:])]
        return Ended(status, *(part.replace("\r\n", "\n") for part in shown))

    def close(self) -> None:
        """End what is left."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._shown)

    def _read(self, deadline: float) -> None:
        assert time.monotonic() < deadline, f"it takes too long: {self._text!r}"
        if not select.select([self._shown], [], [], 0.5)[0]:
            return
        try:
            text = os.read(self._shown, 1 << 16)
        except OSError:  # what Linux says once no process has the terminal any more
            text = b""
        self._text += text
        self._open = bool(text)
