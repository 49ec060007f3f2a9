"""A child process: its reports, its end, and that it obeys the supervisor alone."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.context import SpawnContext
from pathlib import Path

from tests.waiting import wait_until
from tileserver.errors import StartError
from tileserver.processes.child import Child
from tileserver.processes.process import EXIT_FAILED, ProcessContext, report_failure
from tileserver.rendering.metrics import CELLS
from tileserver.settings import Settings

CONTEXT: SpawnContext = multiprocessing.get_context("spawn")


def work(start: ProcessContext) -> None:
    """Work until told to end."""
    ending = threading.Event()
    start.enter()
    start.ready(ending.set)
    start.complete()
    ending.wait()


def fail(start: ProcessContext) -> None:
    with report_failure(start):
        raise StartError("this cannot be")


def born(tmp_path: Path, target: object) -> Child:
    child = Child("worker-1", "worker", 0, target)  # type: ignore[arg-type]
    child.start(CONTEXT, Settings(cache=tmp_path), [[0.0] * CELLS], tmp_path / "shared")
    return child


def test_a_child_reports_that_it_works_and_how_it_ended(tmp_path: Path) -> None:
    child = born(tmp_path, work)
    child.failures = 3
    wait_until(lambda: child.receive_report() is None and child.ready)
    assert (child.alive, child.failures) == (True, 0)
    wait_until(lambda: child.receive_report() is None and child.complete)
    assert child.process is not None
    assert child.process.pid is not None
    os.kill(child.process.pid, signal.SIGUSR1)
    child.process.join(10)
    assert child.exit_reason() == "the process worker-1 was ended by SIGUSR1"
    child.discard()
    assert (child.alive, child.ready, child.complete, child.ever_ready) == (
        False,
        False,
        False,
        True,
    )


def test_a_child_that_works_ends_when_the_supervisor_says_so_and_by_no_signal_to_all(
    tmp_path: Path,
) -> None:
    child = born(tmp_path, work)
    wait_until(lambda: child.receive_report() is None and child.ready)
    assert child.process is not None
    assert child.process.pid is not None
    for kind in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.process.pid, kind)
    child.process.join(0.2)
    assert child.alive
    child.stop()
    child.process.join(10)
    assert child.exit_reason() == "the process worker-1 ended with status 0"
    child.discard()


def test_signals_to_all_do_not_reach_a_child_that_begins(tmp_path: Path) -> None:
    child = born(tmp_path, work)
    assert child.process is not None
    assert child.process.pid is not None
    for kind in (signal.SIGINT, signal.SIGTERM):
        os.kill(child.process.pid, kind)  # it has not even begun to run
    wait_until(lambda: child.receive_report() is None and child.ready)
    child.process.kill()
    child.discard()


def test_a_child_that_does_not_work_yet_is_ended_at_once(tmp_path: Path) -> None:
    child = born(tmp_path, work)
    child.stop()
    assert child.process is not None
    child.process.join(10)
    assert child.exit_reason() == "the process worker-1 was ended by SIGKILL"
    child.discard()


def test_an_expected_error_arrives_as_its_kind_and_sentence(tmp_path: Path) -> None:
    child = born(tmp_path, fail)
    told: list[tuple[str, str] | None] = []
    wait_until(lambda: bool(told.append(child.receive_report()) or told[-1]))  # type: ignore[func-returns-value]
    assert told[-1] == ("StartError", "this cannot be")
    assert child.process is not None
    child.process.join(10)
    assert child.exit_reason() == f"the process worker-1 ended with status {EXIT_FAILED}"
    assert not child.ready
    child.discard()


def test_before_its_first_life_there_is_nothing_to_hear_or_bury() -> None:
    child = Child("generator", "generator", 0, lambda start: None)
    assert child.receive_report() is None
    assert not child.alive
    child.discard()
