"""`bench`: what each preset of a network costs."""

from training.measure.bench import add_arguments, run

HELP = "print what the networks cost, or time them"

__all__ = ["HELP", "add_arguments", "run"]
