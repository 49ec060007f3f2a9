"""One process of the server, which its supervisor starts and starts again."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext, SpawnProcess
from pathlib import Path
from typing import TYPE_CHECKING

from generator.stopping import KINDS
from tileserver.processes.process import COMPLETE, READY, STOP, ProcessContext

if TYPE_CHECKING:
    from tileserver.rendering.metrics import Cells
    from tileserver.settings import Settings


@dataclass(eq=False)
class Child:
    """A process that may die and be started again.

    role: generator or worker. row: its row of the metrics. target: called with a ProcessContext in
    the new process. ready, complete: whether this run of it has reported so. ever_ready: whether
    any run has. failures: runs in a row that were never ready. due: when, on the monotonic clock,
    it is started again.
    """

    name: str
    role: str
    row: int
    target: Callable[[ProcessContext], None]
    process: SpawnProcess | None = None
    report: Connection | None = None
    ready: bool = False
    complete: bool = False
    ever_ready: bool = False
    failures: int = 0
    due: float = 0.0

    @property
    def alive(self) -> bool:
        """Say whether the process is there."""
        return self.process is not None and self.process.is_alive()

    def start(
        self, context: SpawnContext, settings: Settings, rows: Sequence[Cells], directory: Path
    ) -> None:
        """Start the process. directory: what the server's processes share while they run."""
        self.report, theirs = context.Pipe()
        self.ready = self.complete = False
        start = ProcessContext(self.name, settings, rows, self.row, directory, theirs)
        # Ctrl-C, or a SIGTERM to all, is for the supervisor. The new process has them blocked until
        # it ignores them. Python's tracker is started before: its start would lift the block.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, KINDS)
        try:
            self.process = context.Process(
                target=self.target, args=(start,), name=self.name, daemon=True
            )
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            theirs.close()

    def stop(self) -> None:
        """Tell the process to finish and end; one that is not ready has nothing to finish."""
        if self.process is None:
            return
        if self.report is None or not self.ready:
            return self.process.kill()
        with contextlib.suppress(OSError):
            self.report.send(STOP)

    def receive_report(self) -> tuple[str, str] | None:
        """Read a report; return it if it is an error's kind and sentence."""
        try:
            if self.report is None or not self.report.poll():
                return None
            kind, sentence = self.report.recv()
        except (EOFError, OSError):
            self.report = None
            return None
        if kind == COMPLETE:
            self.complete = True
            return None
        if kind != READY:
            return kind, sentence
        self.ready = self.ever_ready = True
        self.failures = 0
        return None

    def discard(self) -> None:
        """Forget a process that has ended or is about to."""
        if self.process is not None:
            self.process.join()
            self.process.close()
        if self.report is not None:
            self.report.close()
        self.process = self.report = None
        self.ready = self.complete = False

    def exit_reason(self) -> str:
        """Say how the process ended."""
        code = None if self.process is None else self.process.exitcode
        if code is not None and code < 0:
            with contextlib.suppress(ValueError):
                return f"the process {self.name} was ended by {signal.Signals(-code).name}"
        return f"the process {self.name} ended with status {code}"
