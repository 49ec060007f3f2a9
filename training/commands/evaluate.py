"""`evaluate`: measures quality on held-out places."""

from training.measure.evaluate import add_arguments, run

HELP = "measure quality on held-out places"

__all__ = ["HELP", "add_arguments", "run"]
