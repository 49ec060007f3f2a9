"""What `import generator` sets up before torch is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


NAMES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")


@pytest.mark.parametrize("package", ["generator.stopping", "training"])
@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_threads_that_wait_soon_sleep_unless_the_user_wants_otherwise(
    package: str, given: dict[str, str], spins: str
) -> None:
    told = "os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules"
    look = f"import os, sys, {package}; print({told})"
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=clean | given, check=True, capture_output=True
    )
    assert found.stdout.decode().split() == [spins, "False"]


@pytest.mark.parametrize(("given", "threads"), [({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")])
def test_numpy_has_one_thread_unless_the_user_wants_more(
    given: dict[str, str], threads: str
) -> None:
    look = "import os, sys, generator; print('numpy' in sys.modules); import numpy; "
    look += "print(os.environ['OPENBLAS_NUM_THREADS'])"
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    found = subprocess.run(
        [sys.executable, "-c", look], cwd=ROOT, env=clean | given, check=True, capture_output=True
    )
    assert found.stdout.decode().split() == ["False", threads]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have another OpenMP")
def test_openmp_hears_of_it() -> None:
    clean = {name: value for name, value in os.environ.items() if name not in NAMES}
    found = subprocess.run(
        [sys.executable, "-c", "import generator, torch"],
        cwd=ROOT,
        env=clean | {"OMP_DISPLAY_ENV": "verbose"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert "GOMP_SPINCOUNT = '1000'" in found.stderr
