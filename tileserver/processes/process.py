"""What every process that a supervisor starts has in common: how it begins and what it reports."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from generator import stopping
from generator.grid.errors import GeneratorError
from tileserver import logs
from tileserver.errors import ServerError

if TYPE_CHECKING:
    from tileserver.rendering.metrics import Cells
    from tileserver.settings import Settings

READY = "ready"
"""What a process reports when it works; before that it may report an error's kind and sentence."""

COMPLETE = "complete"
"""What it reports when it can do all of its work, which needs the others."""

STOP = "stop"
"""What the supervisor tells a process that works, for it to finish what it does and to end."""

GRACE_SECONDS = 5
"""How long answers may take once requests that wait for a tile have been turned away."""

EXIT_FAILED = 3
"""Exit status of a process that has reported an error."""


@dataclass(frozen=True)
class ProcessContext:
    """What the supervisor gives a process.

    name: for logs. rows, row: the shared metrics and which are this process's own. directory: what
    the processes share while they run. supervisor: where (kind, sentence) goes and STOP comes from.
    stops: what is called then.
    """

    name: str
    settings: Settings
    rows: Sequence[Cells]
    row: int
    directory: Path
    supervisor: Connection
    stops: list[Callable[[], object]] = field(default_factory=list)

    def enter(self) -> None:
        """Begin: set up logs, obey the supervisor alone, and see that this process ends with it."""
        stopping.outlive()
        logs.configure(self.name, self.settings.log_format, self.settings.log_level)
        with contextlib.suppress(OSError):
            Path("/proc/self/comm").write_text(shown_name(self.name))
        threading.Thread(target=self._obey, daemon=True).start()

    def ready(self, stop: Callable[[], object]) -> None:
        """Tell the supervisor that this process works; `stop` is called, in a thread, to end it."""
        self.stops.append(stop)
        self.tell(READY, "")

    def complete(self) -> None:
        """Tell the supervisor that nothing is missing any more."""
        self.tell(COMPLETE, "")

    def tell(self, kind: str, sentence: str) -> None:
        """Tell the supervisor something; if it is gone, so is this process soon."""
        with contextlib.suppress(OSError):
            self.supervisor.send((kind, sentence))

    def _obey(self) -> None:
        """Stop when told to; tidy up and end with the supervisor, whatever runs."""
        with contextlib.suppress(EOFError, OSError):
            while self.supervisor.recv() == STOP:
                for stop in self.stops:
                    stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        os._exit(EXIT_FAILED)


def shown_name(name: str) -> str:
    """Return what Linux' ps and top show of a process: 15 characters at most."""
    return f"ew-{name}"[:15]


def run(start: ProcessContext, module: str, **options: Any) -> None:
    """Call a module's `run` in the new process: only there it is imported."""
    importlib.import_module(module).run(start, **options)


@contextlib.contextmanager
def report_failure(start: ProcessContext) -> Iterator[None]:
    """Report an expected error to the supervisor and end this process."""
    try:
        yield
    except (ServerError, GeneratorError) as error:
        start.tell(type(error).__name__, str(error))
        sys.exit(EXIT_FAILED)
