"""What the experiments' command lines have in common: `python -m experiments.NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import generator
from generator import stopping
from generator.cascade.cascade import Cascade
from generator.grid.errors import GeneratorError
from tileserver.errors import ServerError
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: what its command is called, says in its help, takes and runs.

    name: of the module. summary: one line. examples: arguments, one command each. run: takes the
    parsed arguments and returns the exit status; raises TrainingError, GeneratorError, ServerError.
    """

    name: str
    summary: str
    examples: tuple[str, ...]
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]

    def main(self, arguments: Sequence[str] | None = None) -> int:
        """Run the experiment with the arguments [the process's]; returns the exit status."""
        program = f"python -m experiments.{self.name}"
        parser = argparse.ArgumentParser(
            prog=program,
            description=self.summary,
            epilog="\n".join(
                ["examples:", *(f"  {program} {line}".rstrip() for line in self.examples)]
            ),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_arguments(parser)
        args = parser.parse_args(arguments)
        try:
            return self.run(args)
        except (TrainingError, GeneratorError, ServerError) as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            stopping.say("Stopped.")
            return stopping.STATUS


def add_cascade(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say which world is measured."""
    parser.add_argument("--weights", type=Path, help="safetensors [the shipped ones]")
    parser.add_argument("--base", type=Path, help="base map, or planet:N [Blue Marble]")
    parser.add_argument("--steps", type=int, help="DDIM steps [the weights' own]")
    parser.add_argument("--seed", type=int, default=0, help="of places, noise and world [0]")
    parser.add_argument("--threads", type=int, help="threads of the network [all cores]")


def load_cascade(args: argparse.Namespace) -> Cascade:
    """Return the cascade of the options of `add_cascade`; raises TrainingError, GeneratorError."""
    if not 0 <= args.seed < 1 << 64:
        raise TrainingError(f"--seed is {args.seed}, expected 0 to 2**64 - 1")
    cascade: Cascade = generator.load(args.base, args.weights, args.steps, args.threads)
    return cascade


def identity(cascade: Cascade, seed: int) -> dict[str, Any]:
    """Return what numbers of a cascade depend on, for the file that keeps them."""
    return {
        "seed": seed,
        "weights": cascade.checkpoint.digest,
        "base": cascade.basemap.digest,
        "memory": cascade.memory.digest if cascade.memory else None,
        "steps": cascade.sampler.steps,
    }


def at_least(least: int) -> Callable[[str], int]:
    """Return a reader of whole numbers from `least` on, for argparse."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return read
