"""A whole server on a disk that fills up: hits go on, misses are answered, and it recovers."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers import ROOT, needs_proc


@needs_proc
@pytest.mark.slow
def test_a_server_outlives_a_full_disk_and_recovers_without_a_restart(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare (util-linux) to mount a small disk for itself")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=8m none '{disk}'"
    unshare = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    if subprocess.run([*unshare, mount], capture_output=True).returncode:
        pytest.skip("needs the right to mount a tmpfs in a namespace of its own")
    script = f"{mount} && exec '{sys.executable}' -m tests.full_server '{disk}'"
    done = subprocess.run([*unshare, script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    print(done.stdout)
