"""The path of a cold tile stays short."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_a_cold_tile_runs_through_few_modules() -> None:
    command = [sys.executable, "-m", "tests.coldpath", "--fake"]
    told = subprocess.run(
        command, cwd=Path(__file__).parents[1], check=True, capture_output=True, text=True
    ).stdout
    server, generator = (int(count) for count in re.findall(r"^\w+: (\d+) modules", told, re.M))
    assert server <= 20
    assert 1 <= generator <= 5
    assert "tileserver.rendering.engine.engine" in told
