"""A wish to stop, made by a signal and kept for when it can be granted."""

from __future__ import annotations

import signal


class Stop:
    """SIGTERM and Ctrl-C only set `asked`, so that a run can save its state before it ends."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> Stop:
        """Take the two signals from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask)
        return self

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
