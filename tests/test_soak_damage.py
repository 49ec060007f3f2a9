"""A whole server on damaged data files: it starts, makes anew what is lost, serves no wrong bytes.

ELSEWHERE_SOAK_DAMAGED_SERVERS says how many files are damaged (60 unless set).
"""

import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import lmdb
import pytest

from tests.damage import spoil
from tests.servers import ROOT, Server, needs_proc, server
from tests.waiting import wait_until

TIMES = int(os.environ.get("ELSEWHERE_SOAK_DAMAGED_SERVERS", "60"))
TILES = ["3/1/2", "5/7/9", "5/30/1", "7/66/45", "7/66/46", "9/266/180", "9/100/300"]
PATHS = [f"/{tile}.{suffix}" for tile in TILES for suffix in ("png", "webp")]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 + 40 * TIMES), needs_proc]

Bodies = dict[str, bytes]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Bodies]:
    """Return a cache that a server has filled and left, and what it answered."""
    directory = tmp_path_factory.mktemp("sound") / "cache"
    with server(directory) as running:
        bodies = {path: running.get(path).content for path in PATHS}
        wait_until(lambda: running.metric("tiles_stored") >= len(TILES))
        stop(running)
    return directory, bodies


def stop(running: Server) -> None:
    running.process.terminate()
    assert running.process.wait(30) == 0


def restarts(running: Server) -> float:
    kinds = ("worker", "generator")
    return sum(running.metric(f'restarts_total{{process="{kind}"}}') for kind in kinds)


def test_files_damaged_while_nobody_used_them_do_no_harm(
    sound: tuple[Path, Bodies], tmp_path: Path
) -> None:
    directory, bodies = sound
    content, kept = (directory / "data.mdb").read_bytes(), 0
    for number in range(TIMES):
        cache = tmp_path / str(number)
        cache.mkdir()
        spoiled = bytearray(content)
        spoil(spoiled, random.Random(number))
        (cache / "data.mdb").write_bytes(spoiled)
        with server(cache) as running:
            for path, body in bodies.items():
                answer = running.get(path)
                assert answer.status_code == 200, f"damage {number}, {path}: {answer.text}"
                assert answer.content == body, f"damage {number}, {path}: wrong bytes"
            assert restarts(running) == 0, f"damage {number}: a process died"
            assert running.get("/readyz").status_code == 200
            stop(running)
        kept += not list(cache.glob("data.mdb.*"))
        shutil.rmtree(cache)
    print(f"{TIMES} damaged files, {kept} kept in use, no process died, every answer right")


def test_files_damaged_in_use_give_no_wrong_bytes(
    sound: tuple[Path, Bodies], tmp_path: Path
) -> None:
    directory, bodies = sound
    deaths = anew = 0.0
    for number in range(TIMES // 3):
        cache = tmp_path / str(number)
        shutil.copytree(directory, cache)
        choice = random.Random(number)
        with server(cache) as running:
            overwrite(cache / "data.mdb", choice)
            for path in bodies:
                with contextlib.suppress(httpx.HTTPError):  # who reads a damaged page may die
                    answer = running.get(path)
                    if answer.status_code == 200:
                        assert answer.content == bodies[path], f"damage {number}, {path}"
            wait_until(lambda: answers(running, "/livez"))
            deaths += restarts(running)
            stop(running)
        with server(cache) as running:
            for path, body in bodies.items():
                assert running.get(path).content == body, f"damage {number}, {path}"
            assert restarts(running) == 0
            stop(running)
        anew += bool(list(cache.glob("data.mdb.*")))
        shutil.rmtree(cache)
    print(f"{TIMES // 3} files damaged in use: {deaths:.0f} processes died, {anew:.0f} set aside")


def overwrite(data: Path, choice: random.Random) -> None:
    """Damage some places of a file without cutting it off, which has a test of its own."""
    with data.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        for _ in range(choice.choice((1, 3, 20))):
            file.seek(choice.randrange(2 * 4096, size - 4096))
            file.write(choice.choice((bytes(64), choice.randbytes(64), bytes(4096))))


def answers(running: Server, path: str) -> bool:
    try:
        return running.get(path).status_code == 200
    except httpx.HTTPError:
        return False


def zeroes(data: Path) -> None:
    data.write_bytes(bytes(1 << 16))


def text(data: Path) -> None:
    data.write_text("not a database\n" * 1000)


def sqlite(data: Path) -> None:
    with contextlib.closing(sqlite3.connect(data)) as database:
        database.execute("create table tiles (z, x, y, data)")


def foreign(data: Path) -> None:
    with lmdb.open(str(data.parent), max_dbs=3) as env:
        theirs = env.open_db(b"theirs")
        with env.begin(write=True, db=theirs) as txn:
            txn.put(b"key", b"value")


@pytest.mark.parametrize("make", [zeroes, text, sqlite, foreign])
def test_files_of_others_are_kept_and_no_process_dies_of_them(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "data.mdb")
    before = (tmp_path / "data.mdb").read_bytes()
    command = [sys.executable, "-m", "tests.fake_server", str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        started = process.stdout.readline().startswith("Ready: ")
        process.terminate()
        _, told = process.communicate(timeout=60)
    assert started == (process.returncode == 0), told
    assert process.returncode >= 0, told
    if not started:
        assert "belongs to another program" in told
    (kept,) = list(tmp_path.glob("data.mdb.*")) if started else [tmp_path / "data.mdb"]
    assert kept.read_bytes() == before
