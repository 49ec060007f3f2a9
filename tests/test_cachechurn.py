"""Churn under a reader that is held: the file keeps to its limit, and storing recovers after it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.churn import BATCH, LIMIT

ROOT = Path(__file__).parents[1]


def churn(directory: Path, puts: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.churn", str(directory), str(puts), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["puts"] >= puts
    assert found["largest"] <= LIMIT
    assert found["recovered"] == 50
    assert found["tiles"] >= 50 * BATCH
    assert found["damaged"] == 0
    return found


def test_a_held_reader_stops_storing_and_breaks_nothing(tmp_path: Path) -> None:
    assert churn(tmp_path, 5000, 0)["refused"] > 0


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_reader_held_for_long_breaks_nothing(tmp_path: Path) -> None:
    puts = int(os.environ.get("ELSEWHERE_SOAK_PUTS", "1000000"))
    seconds = float(os.environ.get("ELSEWHERE_SOAK_SECONDS", "600"))
    found = churn(tmp_path, puts, seconds)
    print(found)
    assert found["seconds"] >= seconds
