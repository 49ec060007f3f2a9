"""Every setting with its value and where it comes from, as a settings file (TOML)."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

from tileserver.settings import Settings, gather

SECRETS = {"api_key"}
"""Settings whose values are not printed."""


def sources(args: argparse.Namespace) -> tuple[dict[str, Any], Path | None]:
    """Return the settings among the arguments, None where not given, and the settings file."""
    file = args.config or os.environ.get("ELSEWHERE_CONFIG")
    flags = {item.name: getattr(args, item.name, None) for item in fields(Settings)}
    return flags, Path(file) if file else None


def read_settings(args: argparse.Namespace) -> Settings:
    """Combine flags, environment and file. Raises SettingsError."""
    flags, file = sources(args)
    return Settings.load(flags, os.environ, file)


def config_text(args: argparse.Namespace) -> str:
    """Return the settings as TOML; what has no value stands there as a comment."""
    flags, file = sources(args)
    settings, found = Settings.load(flags, os.environ, file), gather(flags, os.environ, file)
    lines = ["# Settings of elsewhere: flags before ELSEWHERE_* before this file before defaults."]
    for item in fields(Settings):
        value = getattr(settings, item.name)
        _, where = found.get(item.name, (None, "default"))
        where = where.removeprefix(f"{item.name} in ")
        if item.name in SECRETS and value is not None:
            lines.append(f"# {item.name} is set, not shown  # {where}")
        elif value is None:
            lines.append(f"# {item.name} =  # {where}: none")
        else:
            lines.append(f"{item.name} = {_toml(value)}  # {where}")
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a value as TOML; JSON's numbers, words and strings are TOML too."""
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)
