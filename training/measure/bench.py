"""The command `presets`: what each preset costs, or whether it runs here."""

from __future__ import annotations

import argparse

from generator.cascade.loading import pick_device
from generator.grid.errors import GeneratorError
from generator.nets.config import PRESETS
from training.measure.costs import cost, measure, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument("names", nargs="*", metavar="PRESET", help="which ones [all]")
    parser.add_argument("--steps", type=int, help="DDIM steps [50 for paper, 1 for the others]")
    parser.add_argument(
        "--measure", action="store_true", help="time one tile too: minutes for paper without a GPU"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda [auto]")


def run(args: argparse.Namespace) -> int:
    """Print the table, or try the presets; returns the exit status."""
    names = args.names or list(PRESETS)
    if args.steps is not None and args.steps < 1:
        raise GeneratorError(f"steps is {args.steps}, expected 1 or more")
    costs = [cost(name, args.steps) for name in names]
    measured = {}
    if args.measure:
        device = pick_device(args.device)
        measured = {name: measure(name, device, args.steps) for name in names}
    print(table(costs, measured))
    return 0
