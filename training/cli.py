"""The command line: python -m training prepare | train | evaluate | export | sheet | bench."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from generator.grid.errors import GeneratorError
from training.commands import export, prepare, sheet, train
from training.errors import TrainingError
from training.measure import bench, evaluate

COMMANDS: dict[str, Any] = {
    "prepare": prepare,
    "train": train,
    "evaluate": evaluate,
    "export": export,
    "sheet": sheet,
    "bench": bench,
}
_EXAMPLES = """examples:
  python -m training prepare imagery/manifest.json --out runs/data
  python -m training train recipes/shipped.toml --data runs/data --run runs/mine \\
      --imagery imagery/manifest.json
  python -m training evaluate --data runs/data --weights mine.safetensors
  python -m training export --run runs/mine --out mine.safetensors
A command that was stopped goes on when it is given again.
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    made = argparse.ArgumentParser(
        prog="python -m training",
        description="Make weights of your own from imagery.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = made.add_subparsers(dest="command", required=True)
    for name, command in COMMANDS.items():
        command.add_arguments(commands.add_parser(name, help=command.HELP))
    return made


def main() -> int:
    """Run one command; returns the exit status."""
    args = parser().parse_args()
    try:
        status: int = COMMANDS[args.command].run(args)
    except (TrainingError, GeneratorError) as error:
        print(f"training: {error}", file=sys.stderr)
        return 2
    return status
