"""Progress where there is no terminal, and times as people say them."""

from __future__ import annotations

import pytest

from tileserver.batch.progress import duration, progress


def test_progress_tells_the_rate_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tileserver.batch.progress.PLAIN_SECONDS", 0.0)
    with progress() as report:
        report("Making", 500, 2000, 403)
    line = capsys.readouterr().err
    assert "Making 500 of 2,000 tiles" in line
    assert "tiles/s" in line


def test_lines_come_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as report:
        for done in range(100):
            report("Making", done, 100, done)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (3900, "1 h 05 min"), (187200, "2 d 4 h")],
)
def test_durations_read_as_people_say_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
