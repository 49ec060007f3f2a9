"""A wish to stop, made by a signal and kept for when it can be granted."""

from __future__ import annotations

import signal

from generator import stopping


def outlive(worker: int = 0) -> None:
    """Leave signals to all processes of a group to the one that saves; called in the others."""
    stopping.outlive()


class Stop:
    """SIGTERM and Ctrl-C only set `asked` within its context, so that a run can save its state."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> Stop:
        """Take the two signals from now on."""
        self._before = {number: signal.signal(number, self._ask) for number in stopping.KINDS}
        return self

    def __exit__(self, *_: object) -> None:
        """Leave them to whoever had them before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
