"""The server as processes: a supervisor that starts the others, and starts them again if they die.

One generator process makes tiles and web processes answer requests; all take part in one session,
so that the generator's lower priority counts against them. None outlives the supervisor.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import signal
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.context import SpawnContext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from generator.stopping import KINDS, say
from tileserver.archives.tilearchive import any_world, archive_of, expect_world
from tileserver.cache.directorylock import DirectoryLock
from tileserver.documents.about import loads
from tileserver.errors import CacheDamagedError, StartError
from tileserver.logs import fields
from tileserver.processes import process as processes
from tileserver.processes.child import Child
from tileserver.processes.process import GRACE_SECONDS
from tileserver.processes.runtimedir import open_runtime_dir
from tileserver.rendering.metrics import CELLS, Metrics
from tileserver.rendering.models import load_renderer
from tileserver.serving.listener import address, listen
from tileserver.settings import Settings

if TYPE_CHECKING:
    from generator.cascade.renderer import Renderer

Load = Callable[[Settings], "Renderer"]

PAUSES = (0.0, 0.5, 15.0)
"""Seconds before a process that died is started again: if it had worked, if it had not, and the
most that this grows to while it never works."""

READY_LINE = "Ready: "
"""How the line begins that a server prints once tiles can be made; its address follows."""

FINISH_SECONDS = 10.0
"""How long the generator process may take for its last block."""

log = logging.getLogger("elsewhere")


def serve(settings: Settings, load: Load = load_renderer) -> None:
    """Check everything, say what is loaded, print the address, serve until SIGINT or SIGTERM.

    The address is the only line on standard output. load: called in the generator process, so it
    must be importable from there. Raises ServerError, before anything is served, when something
    is wrong.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(contextlib.closing(listen(settings.host, settings.port)))
        lock = DirectoryLock(settings.cache, limit=settings.cache_limit)  # checked once, for all
        stack.enter_context(contextlib.closing(lock))
        check = check_archive(settings)
        directory, generator_socket = stack.enter_context(open_runtime_dir())
        supervisor = Supervisor(settings, directory)
        with supervisor.signals():
            say(f"Elsewhere, seed {settings.seed}, cache {settings.cache}; Ctrl+C stops it.")
            if settings.archive_only:
                say("Serving the archive and what is stored; no model is loaded, nothing is made.")
            else:
                say(f"Loading {loads(settings)}; stored tiles are served meanwhile.")
            for _ in range(settings.workers):
                supervisor.add("worker", "tileserver.processes.webworker", listener=listener)
            if supervisor.start() and not settings.archive_only:
                supervisor.add(
                    "generator",
                    "tileserver.processes.generating",
                    load=load,
                    listener=generator_socket,
                    check=check,
                )
            if supervisor.start() and supervisor.complete():
                print(f"{READY_LINE}{address(listener, settings.host)}", flush=True)
                lock.approve()
                lock.close()
                supervisor.watch()
            listener.close()
            supervisor.stop()
    say("Elsewhere has stopped.")


def check_archive(settings: Settings) -> Callable[[bytes], None]:
    """Check the archive that the settings name; return what checks that a world is the archive's.

    Each process opens it anew. Raises ArchiveError.
    """
    archive = archive_of(settings)
    if archive is None:
        return any_world
    archive.close()
    return partial(expect_world, archive.name, archive.seed, archive.world)


class Supervisor:
    """Starts children, watches over them, and ends them."""

    def __init__(self, settings: Settings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory
        self.children: list[Child] = []
        self._context: SpawnContext = multiprocessing.get_context("spawn")
        self._rows: list[Any] = [
            self._context.RawArray("d", CELLS) for _ in range(settings.workers + 2)
        ]
        self._metrics = Metrics(self._rows, settings.workers + 1)
        self._wake, self._waker = socket.socketpair()
        self._signals = 0

    def add(self, role: str, module: str, **options: Any) -> None:
        """Add a process to start: it calls `module.run` with a ProcessContext and the options."""
        target = partial(processes.run, module=module, **options)
        number = sum(child.role == role for child in self.children) + 1
        name = role if role == "generator" else f"{role}-{number}"
        self.children.append(Child(name, role, len(self.children), target))

    def start(self) -> bool:
        """Start what was added; True once all have worked, False when told to stop.

        Raises StartError if a process fails before it has ever worked.
        """
        for child in self.children:
            if child.process is None:
                self._spawn(child)
        return self._wait_for(lambda child: child.ever_ready)

    def complete(self) -> bool:
        """Wait until nothing is missing any more; False when told to stop. Raises as `start`."""
        return self._wait_for(lambda child: child.complete)

    def watch(self) -> None:
        """Start again what dies, until a signal comes."""
        while not self._signals:
            self._wait(self._pause())
            for child in self.children:
                self._check_running(child)

    def stop(self) -> None:
        """Let the web processes finish, then the generator; a second signal ends all at once."""
        workers = [child for child in self.children if child.role == "worker"]
        seconds = self.settings.drain_seconds + GRACE_SECONDS + 2.0
        self._end(workers, seconds)
        self._end(self.children, FINISH_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End all at once."""
        for child in self.children:
            if child.process is not None:
                child.process.kill()
                child.discard()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Count SIGINT and SIGTERM instead of being ended by them, to the end if any came."""

        def count(number: int, frame: FrameType | None) -> None:
            self._signals += 1

        self._waker.setblocking(False)
        self._wake.setblocking(False)
        before = {kind: signal.signal(kind, count) for kind in KINDS}
        wakeup = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for kind, handler in before.items():
                if not self._signals:
                    signal.signal(kind, handler)
            self._wake.close()
            self._waker.close()

    def _spawn(self, child: Child) -> None:
        child.start(self._context, self.settings, self._rows, self.directory)

    def _wait(self, seconds: float | None) -> None:
        """Wait until a child says something or ends, a signal comes, or the time is over."""
        watched: list[Any] = [self._wake]
        for child in self.children:
            if child.process is not None:
                watched.append(child.process.sentinel)
            if child.report is not None:
                watched.append(child.report)
        multiprocessing.connection.wait(watched, seconds)
        with contextlib.suppress(BlockingIOError):
            self._wake.recv(64)

    def _wait_for(self, reached: Callable[[Child], bool]) -> bool:
        while not all(map(reached, self.children)) and not self._signals:
            self._wait(self._pause())
            for child in self.children:
                self._check_start(child)
        return not self._signals

    def _pause(self) -> float | None:
        """Return how long nothing is to be done unless something happens, None for ever."""
        due = [child.due for child in self.children if child.process is None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _check_start(self, child: Child) -> None:
        """Look after a child during the start. Raises StartError if it ends before it worked."""
        if child.ever_ready or child.process is None:
            return self._check_running(child)
        report = child.receive_report()
        if report is not None or not (child.ever_ready or child.alive):
            sentence = report[1] if report else child.exit_reason() + " before it worked"
            self.kill()
            raise StartError(sentence)

    def _check_running(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.due:
                self._spawn(child)
            return
        report = child.receive_report()
        if report is not None:
            log.error("%s", report[1], extra=fields(child=child.name))
        if child.alive:
            return
        log.error("%s; it is started again", child.exit_reason(), extra=fields(child=child.name))
        all_affected = child.process.exitcode == -signal.SIGBUS
        all_affected |= report is not None and report[0] == CacheDamagedError.__name__
        soon, later, most = PAUSES
        pause = soon if child.ready else min(most, later * 2.0 ** min(child.failures, 10))
        child.failures += 1
        child.discard()
        child.due = time.monotonic() + pause
        self._metrics.restarts[child.role].inc()
        if all_affected:
            log.error("the cache's file was changed under its users: all processes start again")
            self.kill()

    def _end(self, children: list[Child], seconds: float) -> None:
        """Tell processes to end, and wait for that; a second signal ends the waiting."""
        deadline = time.monotonic() + seconds
        for child in children:
            child.stop()
        while any(child.alive for child in children) and self._signals < 2:
            left = deadline - time.monotonic()
            if left <= 0:
                log.error("some processes did not end in time and are killed")
                return
            self._wait(left)
            for child in self.children:
                child.receive_report()
                if child.process is not None and not child.alive:
                    child.discard()
