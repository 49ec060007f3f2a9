"""A wish to stop, made by a signal and kept for when it can be granted."""

from __future__ import annotations

import signal

from generator import stopping


def outlive(worker: int = 0) -> None:
    """Leave signals to all processes of a group to the one that saves; called in the others."""
    stopping.outlive()


class Stop:
    """SIGTERM and Ctrl-C only set `asked`, so that a run can save its state before it ends."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> Stop:
        """Take the two signals from now on."""
        for number in stopping.KINDS:
            signal.signal(number, self._ask)
        return self

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
