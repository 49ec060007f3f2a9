"""How making tiles leaves the processor to answering requests.

A low priority alone leaves the making its turns, each of which lasts until the kernel's next tick:
4 ms in which whoever waits for a stored tile waits on. So making asks for long and rare turns,
which the kernel cuts short whenever somebody else wakes up, and while many requests are answered
both keep to processors of their own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tileserver.processes.process import shown_name
from tileserver.rendering.metrics import FAMILIES, Metrics, position

BUSY = 500.0
"""Answers per second from which on making and answering get processors of their own."""
CHECK_SECONDS = (0.2, 0.02)
"""How often that is looked at while nothing is being made, and while something is."""
QUIET_SECONDS = 1.0
"""How long answers have to be fewer before both have all processors again."""
SLICE_SECONDS = 0.1
"""Length of a turn that making asks for: the longest that Linux grants."""

_SCHED_BATCH = 3
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Numbers of the system call, which neither Python nor glibc offers."""
_WEB = shown_name("worker")
"""How the names of web processes begin."""
_PROCESSOR = 36
"""Place of the processor behind the name in /proc/PID/stat."""


def lower_priority(nice: int) -> None:
    """Lower the priority of all threads by `nice`; on Linux, ask for long and rare turns too.

    Threads begun later inherit it. Where the system refuses, the priority is what remains.
    """
    if hasattr(os, "nice"):
        os.nice(nice)
    number = _SCHED_SETATTR.get(platform.machine())
    if not nice or sys.platform != "linux" or number is None:
        return
    level = os.getpriority(os.PRIO_PROCESS, 0)
    # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period.
    attributes = struct.pack(
        "=IIQiIQQQ", 48, _SCHED_BATCH, 0, level, 0, int(SLICE_SECONDS * 1e9), 0, 0
    )
    system = ctypes.CDLL(None)
    for thread in _threads(os.getpid()):
        system.syscall(number, thread, attributes, 0)


class ProcessorPartition:
    """Gives making and answering processors of their own while many requests are answered.

    processors: those that both may use; place: moves making to some of them, answering to others.
    """

    def __init__(self, processors: set[int], place: Callable[[set[int], set[int]], None]) -> None:
        self._all = processors
        self._now = (processors, processors)
        self._place = place
        self._answers: float | None = None
        self._looked = self._busy = float("-inf")

    def update(self, answers: float, taken: Callable[[], list[int]], now: float) -> None:
        """Place both if need be.

        answers: given by all web processes so far; taken: says which processor each of them is
        on; now: seconds. Each web process gets one, as far as one is left to making.
        """
        before, self._answers = self._answers, answers
        passed, self._looked = now - self._looked, now
        if before is not None and answers - before >= BUSY * passed:
            self._busy = now
        if now - self._busy >= QUIET_SECONDS:
            self.end()
        elif self._now == (self._all, self._all):
            places = taken()
            first = sorted(self._all, key=lambda processor: (processor not in places, processor))
            count = min(len(places), len(self._all) - 1)
            if count:
                self._now = (set(first[count:]), set(first[:count]))
                self._place(*self._now)

    def end(self) -> None:
        """Give all processors back to both."""
        if self._now != (self._all, self._all):
            self._now = (self._all, self._all)
            self._place(*self._now)


@contextlib.contextmanager
def separate_processors(metrics: Metrics) -> Iterator[None]:
    """Keep processors free for the web processes meanwhile, while they answer much.

    metrics: in whose rows they count their answers.

    Does nothing where the system cannot place threads.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    partition = ProcessorPartition(os.sched_getaffinity(0), _place)
    first = position("http_requests")
    last = first + len(FAMILIES["http_requests"].values)
    ending = threading.Event()

    def watch() -> None:
        while not ending.wait(CHECK_SECONDS[metrics.queue_length.value > 0]):
            answers = sum(sum(row[first:last]) for row in metrics.rows)
            partition.update(answers, lambda: list(web_processes().values()), time.monotonic())

    watcher = threading.Thread(target=watch, daemon=True, name="partition")
    watcher.start()
    try:
        yield
    finally:
        ending.set()
        watcher.join()
        partition.end()


def web_processes(supervisor: int | None = None) -> dict[int, int]:
    """Return the web processes of a server, and which processor each last ran on (on Linux).

    supervisor: whose children they are, this process's own parent unless given; they are known by
    the names that they show.
    """
    parent, found = supervisor or os.getppid(), dict[int, int]()
    with contextlib.suppress(OSError):
        for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                name, _, fields = Path(f"/proc/{child}/stat").read_text().rpartition(")")
                if f"({_WEB}" in name:
                    found[int(child)] = int(fields.split()[_PROCESSOR])
    return found


def _threads(process: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(path.name) for path in Path(f"/proc/{process}/task").iterdir()]
    return []


def _place(making: set[int], answering: set[int]) -> None:
    places = {os.getpid(): making} | dict.fromkeys(web_processes(), answering)
    for process, processors in places.items():
        for thread in _threads(process):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                os.sched_setaffinity(thread, processors)
