"""Where training's packages are not installed, one sentence says so."""

import subprocess
import sys

import pytest

from training.packages import missing_packages


def test_all_packages_are_there() -> None:
    assert missing_packages() is None


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("from training.__main__ import main; sys.exit(main())", 2),
        ("import experiments", 1),
    ],
)
def test_a_missing_package_is_named_before_anything_is_loaded(code: str, status: int) -> None:
    script = f"import sys; sys.modules['scipy'] = None; {code}"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ended.returncode == status
    assert "not installed: scipy;" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
