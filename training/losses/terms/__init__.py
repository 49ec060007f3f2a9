"""The terms of the loss, a module each: its name is the key of a recipe's table `terms`.

A module defines `loss(samples, truth, context)` and, unless its gradient is summed with its weight,
`BALANCE`: "share" for a gradient of a length relative to the summed ones, "relative" for one that
grows with their length and with its own, "direct" for a loss that has no gradient at the samples.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from torch import Tensor

if TYPE_CHECKING:
    from training.losses.context import ScoreContext

Balance = Literal["sum", "share", "relative", "direct"]


@dataclass(frozen=True, slots=True)
class Term:
    """How far samples are from their truth, a scalar, and how its gradient is balanced."""

    loss: Callable[[Tensor, Tensor, ScoreContext], Tensor]
    balance: Balance


def names() -> list[str]:
    """Return the names of all terms."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


@cache
def term(name: str) -> Term:
    """Return a term by its name, one of `names()`."""
    module = importlib.import_module(f"{__name__}.{name}")
    return Term(module.loss, getattr(module, "BALANCE", "sum"))
