"""The command `elsewhere serve`, apart from the others: it starts without what they need."""

from __future__ import annotations

import argparse

from tileserver import logs
from tileserver.commands.configtext import read_settings
from tileserver.processes import supervisor


def serve(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    settings = read_settings(args)
    logs.configure("supervisor", settings.log_format, settings.log_level)
    supervisor.serve(settings)
    return 0
