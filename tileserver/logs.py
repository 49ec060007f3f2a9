"""Logs on standard error: one line per event with fields, as text for people or as JSON."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

_TEXT = "%(asctime)s %(levelname)-7s %(process_name)s: %(message)s"


def configure(process: str, form: str = "text", level: str = "info") -> None:
    """Send all logs of this process to standard error.

    process: its name in every line. form: text or json. level: debug, info, warning or error.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(process) if form == "json" else TextFormatter(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("asyncio", "PIL", "rasterio"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def fields(**values: Any) -> dict[str, Any]:
    """Return what a logging call takes as `extra` to carry fields beside its message."""
    return {"fields": values}


class TextFormatter(logging.Formatter):
    """Time, level, process, message, then name=value for every field."""

    def __init__(self, process: str) -> None:
        super().__init__(_TEXT)
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line (with a traceback below it if there is one)."""
        record.process_name = self.process
        given = getattr(record, "fields", None)
        if given and not hasattr(record, "has_fields"):
            shown = " ".join(f"{name}={_shown(value)}" for name, value in given.items())
            record.msg, record.args = f"{record.getMessage()} {shown}".strip(), ()
            record.has_fields = True
        return super().format(record)


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, process, event, the fields, and perhaps error."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self.process = process

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry = {
            "time": f"{seconds}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "process": self.process,
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["error"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def _shown(value: object) -> str:
    text = str(value)
    if text.isprintable() and text and not set(text) & set(' "='):
        return text
    # A client's path may have line breaks and a terminal's control codes in it.
    return json.dumps(text, ensure_ascii=not text.isprintable())
