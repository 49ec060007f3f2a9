"""What a run may use of its machine: a device, processes that make batches, and time."""

from __future__ import annotations

import argparse
import dataclasses
import math
import time
from dataclasses import dataclass

import torch

from training.errors import TrainingError


@dataclass(frozen=True, slots=True)
class Machine:
    """A torch device, processes that make batches, and an accelerator's time.

    seconds: after which a run stops. cool_down: the last seconds, over which learning rates fall to
    a twentieth.
    """

    device: str = "cpu"
    workers: int = 1
    seconds: float = math.inf
    cool_down: float = 0.0

    def since(self, began: float) -> Machine:
        """Return the machine with the time that is left, of a run that began then (monotonic)."""
        left = max(0.0, self.seconds - (time.monotonic() - began))
        return dataclasses.replace(self, seconds=left)


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the flags that `machine_of` reads."""
    default = Machine()
    add = parser.add_argument
    text = "device of torch, such as cpu or cuda [an accelerator, if there is one]"
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help=text)
    add("--workers", type=int, default=default.workers, help="processes that make batches [1]")
    add("--seconds", type=float, default=default.seconds, help="stop after so many [no limit]")
    text = "last of --seconds, over which learning rates fall to a twentieth [0]"
    add("--cool-down", type=float, default=default.cool_down, help=text)


def machine_of(args: argparse.Namespace) -> Machine:
    """Return the machine that flags describe; raises TrainingError for what is none."""
    try:
        torch.empty(0, device=args.device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"--device is {args.device!r}, expected one that torch has here, such as cpu or cuda"
        ) from error
    if args.workers < 1:
        raise TrainingError(f"--workers is {args.workers}, expected at least 1")
    if not 0 <= args.cool_down <= args.seconds:
        raise TrainingError(
            f"--cool-down is {args.cool_down:g}, expected from 0 to --seconds, {args.seconds:g}"
        )
    return Machine(args.device, args.workers, args.seconds, args.cool_down)
