"""What every experiment's command line has in common: `python -m experiments.NAME`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from generator import stopping
from generator.grid.errors import GeneratorError
from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: what its command is called, says in its help, takes and runs.

    name: of the module. summary: one line. examples: arguments, one command each. run: takes the
    parsed arguments and returns the exit status; raises TrainingError and GeneratorError.
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
            epilog="\n".join(["examples:", *(f"  {program} {line}" for line in self.examples)]),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.add_arguments(parser)
        args = parser.parse_args(arguments)
        try:
            return self.run(args)
        except (TrainingError, GeneratorError) as error:
            print(f"{self.name}: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            stopping.say("Stopped.")
            return stopping.STATUS
