"""A Ray cluster as a place where groups are made: submits them, and takes what comes back.

Everything that knows Ray is here. Ray tries a group again whose worker or machine is lost.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any, Protocol

from generator.grid.errors import GeneratorError
from generator.stopping import KINDS
from tileserver.cluster.group import TileGroup
from tileserver.cluster.worker import GroupResult, GroupTask, run
from tileserver.errors import ClusterError, ServerError

RETRIES = 5
"""How often a group is tried again whose worker was lost."""

ATTEMPTS = 3
"""How often a cluster is asked to take this program in; a busy head node may fail to at first."""

SPARE = 0.25
"""Groups beyond those that are being made, as a share: they wait for a worker or for the writer."""


_LOST = "the cluster at {} was lost; what was made is stored, the same command goes on from there"
_WITNESS = "import sys; sys.stdin.read() or print(sys.argv[1], file=sys.stderr, flush=True)"


class Workers(Protocol):
    """Whatever makes groups."""

    @property
    def count(self) -> int:
        """How many groups are made at the same time."""
        ...

    def results(
        self, task: GroupTask, groups: Iterator[TileGroup]
    ) -> Generator[tuple[TileGroup, GroupResult | str]]:
        """Yield each group with its result, or with a sentence why there is none."""
        ...

    def close(self) -> None:
        """Let go of the workers."""
        ...


class RayCluster:
    """A cluster that is there already. Raises ClusterError where it is not, or has no room.

    address: auto, or ray://HOST:PORT. threads, gpus: what a worker takes of a machine.
    """

    def __init__(self, address: str, threads: int, gpus: float) -> None:
        try:
            self._ray: Any = importlib.import_module("ray")
        except ImportError:
            raise ClusterError("--cluster needs Ray: install elsewhere[cluster]") from None
        self.address, self._threads, self._gpus = address, threads, gpus
        with _own_signals():
            self._connect()
        self._witness = _witness(f"elsewhere: {_LOST.format(address)}")
        if not self.count:
            total = self._resources()
            self.close()
            raise ClusterError(
                f"the cluster at {address} has {total.get('CPU', 0):g} processors and "
                f"{total.get('GPU', 0):g} GPUs, expected {threads} and {gpus:g} for one worker"
            )

    @property
    def count(self) -> int:
        """Return how many groups are made at the same time by the machines there are now."""
        total = self._resources()
        fitting = total.get("CPU", 0) / self._threads
        if self._gpus:
            fitting = min(fitting, total.get("GPU", 0) / self._gpus)
        return int(fitting)

    def results(
        self, task: GroupTask, groups: Iterator[TileGroup]
    ) -> Generator[tuple[TileGroup, GroupResult | str]]:
        """Yield each group with its result as they come, or with a sentence why there is none.

        A quarter more groups than there are workers are under way, so that results do not pile up
        before a slow writer. What is under way when the caller stops is cancelled.
        """
        ray = self._ray
        options = {"num_cpus": self._threads, "num_gpus": self._gpus, "max_retries": RETRIES}
        remote = ray.remote(run).options(**options, name="elsewhere")
        running: dict[Any, TileGroup] = {}
        try:
            while True:
                most = 1 + int(self.count * (1 + SPARE))
                while len(running) < most and (group := next(groups, None)) is not None:
                    running[remote.remote(task, group)] = group
                if not running:
                    return
                for done in ray.wait(list(running), num_returns=1)[0]:
                    yield running.pop(done), self._result(done)
        except ServerError:
            raise
        except (ray.exceptions.RayError, ConnectionError, RuntimeError) as error:
            raise ClusterError(f"{_LOST.format(self.address)} ({_reason(error)})") from error
        finally:
            for reference in running:
                with contextlib.suppress(Exception):
                    ray.cancel(reference, force=True)

    def close(self) -> None:
        """Let go of the cluster; it stays as it is."""
        with _own_signals():
            self._ray.shutdown()
        self._witness.communicate(b"closed")

    def _result(self, reference: Any) -> GroupResult | str:
        """Return what a group gave. Raises what no other group would escape."""
        ray = self._ray
        try:
            result: GroupResult = ray.get(reference)
            return result
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, ServerError | GeneratorError):
                raise cause from None
            return f"{type(cause).__name__}: {cause}"
        except ray.exceptions.RayError as error:
            return f"{type(error).__name__}: {str(error).splitlines()[0]}"

    def _resources(self) -> dict[str, float]:
        found: dict[str, float] = self._ray.cluster_resources()
        return found

    def _connect(self) -> None:
        for left in reversed(range(ATTEMPTS)):
            try:
                self._ray.init(self.address, log_to_driver=False, logging_level="ERROR")
                return
            except Exception as error:  # Ray names what is wrong by many kinds
                # The head node answers, but could not start the process that serves this program.
                if left and isinstance(error, ConnectionAbortedError):
                    self._ray.shutdown()
                    continue
                raise ClusterError(
                    f"no cluster answers at {self.address} ({_reason(error)}), expected one that "
                    "`ray start --head` began"
                ) from error


def _reason(error: Exception) -> str:
    """Return what a Ray error says in one line: of another machine's traceback its last one."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    return lines[-1 if isinstance(error, ConnectionAbortedError) else 0].strip()


def _witness(sentence: str) -> subprocess.Popen[bytes]:
    """Start a process that says a sentence if this one ends without closing the cluster.

    Ray ends a program at once, without a word, whose cluster is gone.
    """
    words = [sys.executable, "-c", _WITNESS, sentence]
    return subprocess.Popen(words, stdin=subprocess.PIPE, start_new_session=True)


@contextlib.contextmanager
def _own_signals() -> Iterator[None]:
    """Keep this program's answer to Ctrl-C and SIGTERM, which Ray would replace by its own."""
    answers: dict[int, Callable[..., Any] | int | None] = {k: signal.getsignal(k) for k in KINDS}
    try:
        yield
    finally:
        for kind, answer in answers.items():
            signal.signal(kind, answer)
