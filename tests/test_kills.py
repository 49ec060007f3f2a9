"""Sudden deaths under load, many of them: no bad tile, and soon at work again (`make soak`).

ELSEWHERE_SOAK_KILLS says how many (200 unless set); what was measured is printed (pytest -rP).
"""

import contextlib
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from generator.grid.tile import Tile
from tests.judge import judge
from tests.servers import ROOT, Server, alive, needs_proc, server
from tests.waiting import wait_until
from tileserver.encode import decode_png

KILLS = int(os.environ.get("ELSEWHERE_SOAK_KILLS", "200"))
PARTS = ("generator", "worker-1", "supervisor", "seeder")
PATIENCE_SECONDS = 60.0
BOX = "2,43,14,52"


class Load(threading.Thread):
    """Asks for random tiles; every answer must be whole, however the server fares."""

    def __init__(self, seed: int) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(seed)
        self.url = ""
        self.ending = threading.Event()
        self.good = 0
        self.bad: list[str] = []
        self.start()

    def run(self) -> None:
        with httpx.Client(timeout=PATIENCE_SECONDS, verify=False) as client:
            while not self.ending.is_set():
                zoom = self.random.choice((5, 7, 9, 11))
                tile = Tile(zoom, *(self.random.randrange(1 << zoom) for _ in "xy"))
                try:
                    answer = client.get(f"{self.url}/{tile}.png")
                except (httpx.HTTPError, ValueError, httpx.InvalidURL):
                    self.ending.wait(0.02)  # nobody is there just now
                    continue
                if answer.status_code == 200:
                    decode_png(answer.content)
                    self.good += 1
                elif answer.status_code != 503:
                    self.bad.append(f"{tile}: {answer.status_code} {answer.text}")


@contextlib.contextmanager
def load(number: int) -> Iterator[list[Load]]:
    """Run several loads."""
    loads = [Load(seed) for seed in range(number)]
    try:
        yield loads
    finally:
        for each in loads:
            each.ending.set()
        for each in loads:
            each.join(PATIENCE_SECONDS)


class Seeding:
    """The command that seeds, started again whenever it has ended. log: what it has computed."""

    def __init__(self, cache: Path, log: Path, delay: float, zooms: str = "0-10") -> None:
        flags = ["--bbox", BOX, "--zooms", zooms, "--cache", str(cache), "--nice", "0"]
        self._command = [sys.executable, "-m", "tests.fake_seeder", str(delay), str(log), *flags]
        self.log = log

    def __enter__(self) -> "Seeding":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start it."""
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(self._command, cwd=ROOT, stdout=quiet, stderr=quiet)

    def made(self) -> list[str]:
        """Return the blocks that it has computed so far, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def kill(self) -> bool:
        """Kill it; say whether it was still at work."""
        self.process.kill()
        return self.process.wait() != 0

    def until_at_work(self) -> None:
        """Wait until it has computed a block more, or has ended because all are there."""
        before, deadline = len(self.made()), time.monotonic() + PATIENCE_SECONDS
        while len(self.made()) == before and self.process.poll() is None:
            assert time.monotonic() < deadline, "the seeding does not get to work"
            time.sleep(0.005)


def until_ready(running: Server) -> float:
    """Wait until tiles can be made again; return the seconds."""
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE_SECONDS:
        with contextlib.suppress(httpx.HTTPError):
            if running.get("/readyz").status_code == 200:
                return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError("the server did not come back")


def kill_part(running: Server, part: str) -> float:
    """Kill a part of the server; return the seconds until another one does its work."""
    before = running.children()[part]
    os.kill(before, 9)
    begun = time.monotonic()
    while running.children().get(part) in (None, before):
        time.sleep(0.01)
    until_ready(running)
    return time.monotonic() - begun


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(60 + 15 * KILLS)
def test_kills_under_load_spoil_nothing(tmp_path: Path) -> None:
    choice, back = random.Random(1), {part: list[float]() for part in PARTS}
    cache, done, deaths = tmp_path / "cache", 0, 0
    with load(4) as loads, Seeding(cache, tmp_path / "log", 0.002, "0-12") as seeding:
        while done < KILLS:
            started = time.monotonic()
            with server(cache, "delay=0.002", "workers=1", "nice=0") as running:
                if done:
                    back["supervisor"].append(time.monotonic() - started)
                for each in loads:
                    each.url = running.url
                part = ""
                while done < KILLS and part != "supervisor":
                    until_ready(running)
                    time.sleep(choice.uniform(0.0, 0.4))
                    part = choice.choice(PARTS)
                    done += 1
                    if part == "seeder":
                        seeding.until_at_work()
                        assert seeding.kill(), "the seeding has ended, expected a longer one"
                        deaths += 1
                        seeding.start()
                    elif part == "supervisor":
                        children = running.children()
                        running.process.kill()
                        running.process.wait()
                        wait_until(lambda: not any(map(alive, children.values())))  # noqa: B023
                    else:
                        back[part].append(kill_part(running, part))
    good = sum(each.good for each in loads)
    assert [bad for each in loads for bad in each.bad] == []
    assert good > KILLS // 4
    stored, bad = judge(cache)
    print(f"{done} deaths, {good} whole answers meanwhile, {stored} tiles stored, {len(bad)} bad")
    assert bad == []
    assert stored > KILLS
    assert not list(cache.glob("data.mdb.*"))
    print(f"seeder: {deaths} deaths")
    for part, seconds in back.items():
        if seconds:
            middle, worst = statistics.median(seconds), max(seconds)
            print(f"{part}: {len(seconds)} deaths, back after {middle:.2f} s, at most {worst:.2f}")


@pytest.mark.slow
@pytest.mark.timeout(60 + 15 * KILLS)
def test_a_seeding_killed_again_and_again_makes_the_same_and_redoes_a_block_at_most(
    tmp_path: Path,
) -> None:
    choice, kills = random.Random(2), 0
    with Seeding(tmp_path / "whole", tmp_path / "log-whole", 0.0) as whole:
        assert whole.process.wait() == 0
    with Seeding(tmp_path / "killed", tmp_path / "log", 0.01) as seeding:
        while kills < KILLS // 4:
            seeding.until_at_work()
            time.sleep(choice.uniform(0.0, 0.05))
            if not seeding.kill():
                break
            kills += 1
            seeding.start()
        assert seeding.process.wait() == 0
    made, needed = Counter(seeding.made()), Counter(whole.made())
    redone = made.total() - len(made)
    print(f"{kills} deaths of a seeding of {len(needed)} blocks, {redone} blocks made again")
    assert kills > 0
    assert made.keys() == needed.keys()
    assert redone <= kills
    assert max(needed.values()) == 1
    assert judge(tmp_path / "killed") == judge(tmp_path / "whole")
