"""What `import generator` sets up before torch is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["generator.stopping", "training"])
@pytest.mark.parametrize(("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "a"}, "a")])
def test_threads_that_wait_sleep_unless_the_user_wants_otherwise(
    package: str, given: dict[str, str], policy: str
) -> None:
    look = (
        f"import os, sys, {package}; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    clean = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=clean | given, check=True, capture_output=True
    )
    assert found.stdout.decode().split() == [policy, "False"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems' OpenMP prints other words")
def test_openmp_hears_of_it() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import generator, torch"],
        cwd=ROOT,
        env=os.environ | {"OMP_DISPLAY_ENV": "true"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in found.stderr
