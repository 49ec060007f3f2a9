"""Logs: one line per event with its fields, for people or programs."""

import json
import logging

import pytest

from tileserver import logs
from tileserver.logs import JsonFormatter, TextFormatter, fields


def record(message: str, *args: object, **values: object) -> logging.LogRecord:
    made = logging.getLogger("x").makeRecord(
        "x", logging.WARNING, "file", 1, message, args, None, extra=fields(**values)
    )
    made.created, made.msecs = 1_700_000_000.25, 250
    return made


def test_json_lines_carry_time_level_process_event_and_fields() -> None:
    line = JsonFormatter("worker-1").format(record("it is %s", "done", tile="7/1/2", ms=3.5))
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "warning",
        "process": "worker-1",
        "event": "it is done",
        "tile": "7/1/2",
        "ms": 3.5,
    }


def test_json_errors_stay_on_one_line() -> None:
    made = record("failed")
    try:
        raise ValueError("first\nsecond")
    except ValueError as error:
        made.exc_info = (type(error), error, None)
    line = JsonFormatter("worker-1").format(made)
    assert "\n" not in line
    assert "first\nsecond" in json.loads(line)["error"]


def test_text_lines_read_well_however_often_they_are_written() -> None:
    made = record("100%% of %d", 7, path="/a b", empty="", tile="7/1/2")
    formatter = TextFormatter("supervisor")
    line = formatter.format(made)
    assert line == formatter.format(made)
    assert line.endswith('WARNING supervisor: 100% of 7 path="/a b" empty="" tile=7/1/2')


def test_a_line_break_in_a_field_makes_no_second_line() -> None:
    assert "\n" not in TextFormatter("x").format(record("asked", path="/a\nERROR fake"))


@pytest.mark.parametrize("path", ["/a\rb", "/\x1b[2J", "/\x9b2J", "/\u2028", "/\x7f", "/\u202e"])
def test_control_codes_in_a_field_are_escaped(path: str) -> None:
    line = TextFormatter("worker-1").format(record("answered", path=path))
    assert line.isprintable()
    assert line.endswith(f"answered path={json.dumps(path)}")


def test_configuring_sets_level_and_form(monkeypatch: pytest.MonkeyPatch) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    level = root.level
    logs.configure("worker-1", "json", "error")
    try:
        assert root.level == logging.ERROR
        assert [type(handler.formatter) for handler in root.handlers] == [JsonFormatter]
    finally:
        root.setLevel(level)
