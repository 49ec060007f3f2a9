"""`train`: runs the stages of a recipe, or goes on with them."""

from __future__ import annotations

import argparse
from pathlib import Path

from training.run.machine import add_machine, machine_of
from training.run.stages import STAGES, train

HELP = "train a recipe's networks, bank, entries, chains, additions and reorientation, or go on"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add = parser.add_argument
    add("recipe", type=Path, help="recipe (.toml): all that decides the training")
    add("--data", type=Path, required=True, help="folder made by prepare")
    add("--run", type=Path, required=True, help="folder of the run; the same command goes on in it")
    text = "one stage alone [all that the recipe has]"
    add("--stage", action="append", choices=STAGES, default=[], help=text)
    text = "manifests, folders or STAC catalogues that the bank and additions are made of"
    add("--imagery", nargs="+", default=[], metavar="PATH", help=text)
    add_machine(parser)


def run(args: argparse.Namespace) -> int:
    """Train, or go on; returns the exit status."""
    machine = machine_of(args)
    done = train(args.recipe, args.data, args.run, args.stage, args.imagery, machine)
    print("done" if done else f"stopped; the same command goes on in {args.run}")
    return 0
