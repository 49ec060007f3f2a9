"""Sudden deaths under load, many of them: no bad tile, and soon at work again (`make soak`).

ELSEWHERE_KILLS says how many (200 unless set); what was measured is printed (pytest -s).
"""

import contextlib
import os
import random
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from generator.tile import Tile
from tests.servers import Server, server
from tests.test_supervisor import check_cache, needs_proc
from tileserver.encode import decode_png

KILLS = int(os.environ.get("ELSEWHERE_KILLS", "200"))
PARTS = ("generator", "worker-1", "supervisor")
PATIENCE_SECONDS = 30.0


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


def until_ready(running: Server) -> float:
    """Wait until tiles can be made again; return the seconds."""
    started = time.monotonic()
    while time.monotonic() < started + PATIENCE_SECONDS:
        with contextlib.suppress(httpx.HTTPError):
            if running.get("/readyz").status_code == 200:
                return time.monotonic() - started
        time.sleep(0.02)
    raise AssertionError("the server did not come back")


@needs_proc
@pytest.mark.slow
@pytest.mark.timeout(60 + 15 * KILLS)
def test_kills_under_load_spoil_nothing(tmp_path: Path) -> None:
    choice, back = random.Random(1), {part: list[float]() for part in PARTS}
    done = 0
    with load(4) as loads:
        while done < KILLS:
            started = time.monotonic()
            with server(tmp_path, "delay=0.002", "workers=1") as running:
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
                    if part == "supervisor":
                        running.process.kill()
                        continue
                    before = running.children()[part]
                    os.kill(before, 9)
                    begun = time.monotonic()
                    while running.children().get(part) in (None, before):
                        time.sleep(0.01)
                    until_ready(running)
                    back[part].append(time.monotonic() - begun)
    assert [bad for each in loads for bad in each.bad] == []
    assert sum(each.good for each in loads) > KILLS
    check_cache(tmp_path, at_least=KILLS)
    for part, seconds in back.items():
        if seconds:
            middle, worst = statistics.median(seconds), max(seconds)
            print(f"{part}: {len(seconds)} deaths, back after {middle:.2f} s, at most {worst:.2f}")
