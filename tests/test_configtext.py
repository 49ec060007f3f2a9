"""--print-config: a settings file that says where each value comes from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tileserver.cli import main
from tileserver.settings import Settings

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def test_each_setting_tells_where_it_comes_from(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("elsewhere.toml").write_text("seed = 3\nhold_seconds = 9.5\n")
    monkeypatch.setenv("ELSEWHERE_THREADS", "2")
    assert main(["serve", "--print-config", "--port", "9000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "port = 9000  # --port" in lines
    assert "threads = 2  # ELSEWHERE_THREADS" in lines
    assert "hold_seconds = 9.5  # elsewhere.toml" in lines
    assert "max_queue = 256  # default" in lines
    assert "# weights =  # default: none" in lines


def test_what_is_printed_can_be_read_again(capsys: Capture, tmp_path: Path) -> None:
    arguments = ["serve", "--port", "9000", "--base", 'odd "name" \\ é.png', "--cache-limit", "5GB"]
    assert main([*arguments, "--print-config"]) == 0
    text = capsys.readouterr().out
    Path("again.toml").write_text(text)
    settings = Settings.load(file=tmp_path / "again.toml")
    assert (settings.port, settings.cache_limit) == (9000, 5 * 10**9)
    assert settings.base == Path('odd "name" \\ é.png')
    assert main(["serve", "--config", "again.toml", "--print-config"]) == 0
    assert tomllib.loads(capsys.readouterr().out) == tomllib.loads(text)


def test_a_key_is_not_shown(capsys: Capture) -> None:
    assert main(["serve", "--api-key", "secret-secret", "--print-config"]) == 0
    printed = capsys.readouterr().out
    assert "secret-secret" not in printed
    assert "# api_key is set, not shown  # --api-key" in printed


def test_a_bad_value_is_one_sentence(capsys: Capture) -> None:
    assert main(["seed", "--bbox", "1,2,3,4", "--zooms", "1", "--nice", "x", "--print-config"]) == 2
    assert "nice is 'x', expected 0 to 19" in capsys.readouterr().err
