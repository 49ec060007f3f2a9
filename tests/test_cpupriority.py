"""Making yields: its threads ask for long turns, and leave processors while many are answered."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.servers import ROOT, server
from tileserver.processes.cpupriority import BUSY, QUIET_SECONDS, ProcessorPartition, web_processes

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux places threads")


class Placed:
    def __init__(self, processors: int) -> None:
        self.moves: list[tuple[set[int], set[int]]] = []
        self.partition = ProcessorPartition(
            set(range(processors)), lambda *moved: self.moves.append(moved)
        )
        self.answers, self.now = 0.0, 0.0

    def after(self, seconds: float, rate: float, *taken: int) -> list[tuple[set[int], set[int]]]:
        self.moves.clear()
        for _ in range(round(10 * seconds)):
            self.now += 0.1
            self.answers += rate / 10
            self.partition.update(self.answers, lambda: list(taken), self.now)
        return list(self.moves)


def test_making_and_answering_get_processors_of_their_own_while_many_are_answered() -> None:
    placed, both = Placed(4), {0, 1, 2, 3}
    assert placed.after(3, BUSY / 2, 2) == []
    assert placed.after(3, 2 * BUSY, 2) == [({0, 1, 3}, {2})]
    assert placed.after(QUIET_SECONDS - 0.2, 0, 2) == []
    assert placed.after(3, 0, 2) == [(both, both)]
    assert placed.after(1, 2 * BUSY, 3, 3) == [({1, 2}, {0, 3})]
    placed.partition.end()
    assert placed.moves[-1] == (both, both)


@pytest.mark.parametrize("taken", [[0, 1], [1, 1, 1], [1]])
def test_a_processor_is_left_to_making(taken: list[int]) -> None:
    ((making, answering),) = Placed(2).after(1, 2 * BUSY, *taken)
    assert (len(making), len(answering)) == (1, 1)
    assert Placed(1).after(1, 2 * BUSY, *taken) == []


def test_where_web_processes_cannot_be_found_nothing_moves() -> None:
    assert Placed(2).after(1, 2 * BUSY) == []


def test_what_was_answered_before_the_start_counts_for_nothing() -> None:
    placed = Placed(2)
    placed.answers = 1e9
    assert placed.after(1, 1, 0) == []


@linux
def test_web_processes_are_found_with_the_processors_they_are_on(tmp_path: Path) -> None:
    with server(tmp_path / "cache", "nice=0") as running:
        (pid,) = (pid for name, pid in running.children().items() if name.startswith("worker"))
        for processor in os.sched_getaffinity(0):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {processor})
            assert running.get("/livez").status_code == 200
            assert web_processes(running.process.pid) == {pid: processor}
    assert web_processes() == {}


@linux
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="there is one processor")
def test_a_server_under_load_is_placed_and_then_has_all_processors_again(tmp_path: Path) -> None:
    def placed(part: str) -> set[int]:
        pid = next(pid for name, pid in running.children().items() if name.startswith(part))
        return os.sched_getaffinity(pid)

    everything = os.sched_getaffinity(0)
    with server(tmp_path / "cache", "delay=0.05", "nice=10") as running:
        url, deadline = httpx.URL(running.url), time.monotonic() + 30
        running.get("/3/1/2.png")
        with socket.create_connection((url.host, url.port)) as client:
            while (
                everything in (placed("generator"), placed("worker"))
                and time.monotonic() < deadline
            ):
                client.sendall(200 * b"HEAD /3/1/2.png HTTP/1.1\r\nhost: a\r\n\r\n")
                answers = b""
                while answers.count(b"\r\n\r\n") < 200:
                    answers += client.recv(1 << 16)
        assert placed("generator") | placed("worker") == everything
        assert not placed("generator") & placed("worker")
        while placed("worker") != everything and time.monotonic() < deadline:
            time.sleep(0.05)
        assert placed("generator") == placed("worker") == everything


@linux
def test_threads_begun_before_and_after_have_the_priority_and_are_batch_work() -> None:
    """A process of its own: a priority can be lowered, never raised."""
    code = """
import os, threading
from tileserver.processes.cpupriority import lower_priority
def report():
    print(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()), os.sched_getscheduler(0))
begun = threading.Event()
early = threading.Thread(target=lambda: (begun.wait(), report()))
early.start()
lower_priority(7)
begun.set()
early.join()
late = threading.Thread(target=report)
late.start()
late.join()
report()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    level = os.getpriority(os.PRIO_PROCESS, 0) + 7
    assert done.stdout.split("\n")[:-1] == [f"{min(level, 19)} {os.SCHED_BATCH}"] * 3
